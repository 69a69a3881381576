"""HTTP/1.1 as bytes: one call at a time per connection, answered at once or after a delay."""

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass, field

from bench.outside.pretending import Asked, Edge, answer

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
COUNTS = "/livez"
"""Where the stub tells how many calls it holds and has answered; nobody outside has that path."""


@dataclass(slots=True, kw_only=True)
class Stub:
    """How long the stub keeps its callers waiting, and what it has seen."""

    metronome_seconds: float = 0.0
    gateway_seconds: float = 0.0
    open: Counter[Edge] = field(default_factory=Counter)
    """Calls that wait for their answer now."""
    answered: Counter[Edge] = field(default_factory=Counter)

    def delay_seconds(self, edge: Edge) -> float:
        """Give how long a call waits."""
        return self.gateway_seconds if edge is Edge.GATEWAY else self.metronome_seconds

    def counts(self) -> bytes:
        """Give both counts as JSON."""
        return json.dumps({"open": self.open, "answered": self.answered}).encode()


class StubProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._received = b""
        self._held: tuple[asyncio.TimerHandle, Edge] | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - as asyncio calls it
        """Forget the call that was held."""
        self._transport = None
        if self._held is not None:
            timer, edge = self._held
            timer.cancel()
            self._stub.open[edge] -= 1

    def data_received(self, data: bytes) -> None:
        """Answer a call once it is here as a whole."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or len(body) < (int(length[1]) if length else 0):
            return
        self._received = b""
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self._take(Asked(method, path, body))

    def _take(self, asked: Asked) -> None:
        if asked.path == COUNTS:
            self._write(200, self._stub.counts())
        elif delay_seconds := self._stub.delay_seconds(asked.edge):
            loop = asyncio.get_running_loop()
            self._stub.open[asked.edge] += 1
            self._held = (loop.call_later(delay_seconds, self._let_go, asked), asked.edge)
        else:
            self._answer(asked)

    def _let_go(self, asked: Asked) -> None:
        self._held = None
        self._stub.open[asked.edge] -= 1
        self._answer(asked)

    def _answer(self, asked: Asked) -> None:
        self._stub.answered[asked.edge] += 1
        self._write(*answer(asked))

    def _write(self, status: int, body: bytes) -> None:
        if self._transport is not None:
            head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: "
            self._transport.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
