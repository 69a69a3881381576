"""A server that answers by a script, a caller, and a running emulator, all on real sockets."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from external_gate.domain.clock import HighWater
from external_gate.emulator import EmulatorSettings, make_server
from external_gate.metronome.client import MetronomeClient
from external_gate.outbound.calls import Timeouts
from external_gate.outbound.httpx_caller import HttpxCaller

IN_TIME = datetime(2999, 1, 1, tzinfo=UTC)
"""A send deadline that never comes."""

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKEN = "secret-token-123"

# JSON as it came from the wire; its shape is what the tests are about.
Json = dict[str, Any]


class StandingClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    async def sleep(self, duration: timedelta) -> None:
        raise AssertionError("nothing here waits by the clock")


@dataclass(frozen=True)
class Request:
    """One request as it reached the server."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found


def reply(status: int, body: bytes | Json = b"", **headers: str) -> bytes:
    """Write an answer; `retry_after="5"` becomes the header `retry-after: 5`."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


@dataclass
class ScriptedServer:
    """Give the planned answers in their order; None closes the connection without one."""

    planned: list[bytes | None] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await _read_request(reader))
            answer = self.planned.pop(0)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


@pytest.fixture
async def caller() -> AsyncIterator[HttpxCaller]:
    timeouts = Timeouts.within(timedelta(seconds=2))
    async with HttpxCaller(
        StandingClock(), high_water=HighWater(), timeouts=timeouts, max_connections=4
    ) as opened:
        yield opened


@pytest.fixture
def client(caller: HttpxCaller, server: ScriptedServer) -> MetronomeClient:
    return MetronomeClient(caller, base_url=server.url + "/", token=TOKEN)


@dataclass
class Pretend:
    """The emulator, and the other end of it: what the account's owner would do."""

    url: str
    owner: httpx.Client

    def post(self, path: str, **fields: object) -> Json:
        answer = self.owner.post(path, json=fields)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json() if answer.content else {}
        return found

    def customer(self, **custom_fields: str) -> str:
        made = self.post("/v1/customers", name="Ada", custom_fields=custom_fields)
        return str(made["data"]["id"])

    def contract(self, customer_id: str, rate_card: str = "usd-standard", **more: object) -> str:
        threshold = {
            "is_enabled": True,
            "threshold_amount": 1000,
            "commit": {"product_id": "d6be3bf4-1669-40c9-a8b1-388bb167ab16", "name": "Top-up"},
            "payment_gate_config": {"payment_gate_type": "EXTERNAL", "tax_type": "NONE"},
        }
        made = self.post(
            "/v1/contracts/create",
            customer_id=customer_id,
            rate_card_id=rate_card,
            starting_at="2025-04-01T00:00:00.000Z",
            spend_threshold_configuration=threshold,
            **more,
        )
        return str(made["data"]["id"])

    def workflow(self, customer_id: str, contract_id: str, amount: str) -> Json:
        """Use so much that the threshold is reached; give the workflow that opens."""
        event = {
            "customer_id": customer_id,
            "event_type": "calls",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "transaction_id": f"{contract_id}-{amount}",
            "properties": {"amount": amount, "contract_id": contract_id},
        }
        assert self.owner.post("/v1/ingest", json=[event]).status_code == 200
        workflows = self.owner.get("/_emulator/books").json()["workflows"]
        found: Json = [w for w in workflows if w["contract_id"] == contract_id][-1]
        return found

    def misbehave(self, **fault: object) -> None:
        self.post("/_emulator/faults", **fault)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Pretend]:
    running = make_server(EmulatorSettings(port=0, token=TOKEN))
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        thread.join(0.005)
    url = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as owner:
        yield Pretend(url, owner)
    running.should_exit = True
    thread.join()


@pytest.fixture
def metronome(caller: HttpxCaller, emulator: Pretend) -> MetronomeClient:
    return MetronomeClient(caller, base_url=emulator.url, token=TOKEN)
