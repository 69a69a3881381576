"""A small server for stateful fakes, and HTTP/1.1 on plain asyncio streams for it and the proxy.

Small on purpose: it serves tests on 127.0.0.1 and is no web server.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import h11

LARGEST_BYTES = 16 * 1024 * 1024
CHUNK = 64 * 1024

TLS_PATIENCE_SECONDS = 5.0
"""For a handshake, and for the end of a connection: a peer need not answer our goodbye."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """One answer."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def json_answer(status: int, said: object) -> WireAnswer:
    """Give an answer in JSON."""
    return WireAnswer(status, json.dumps(said).encode(), {"content-type": "application/json"})


Respond = Callable[[WireRequest], Awaitable[WireAnswer]]


class FakeServer:
    """Answers requests on a port of 127.0.0.1 by calling `respond`; for stateful fakes.

    A `respond` that raises is a bug of the fake and is answered with 500. With `tls` it speaks
    https.
    """

    def __init__(self, respond: Respond, *, tls: ssl.SSLContext | None = None) -> None:
        self._respond = respond
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Listen, and give the address: `http://127.0.0.1:PORT`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening, and drop every connection."""
        if self._server is not None:
            self._server.close()
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        try:
            with contextlib.suppress(ConnectionError, h11.RemoteProtocolError):
                request = await read_request(reader)
                if request is not None:
                    await write_answer(writer, await self._answer(request))
        finally:
            await close(writer)

    async def _answer(self, request: WireRequest) -> WireAnswer:
        try:
            return await self._respond(request)
        except Exception as error:  # noqa: BLE001 - a fake with a bug must say so, not hang
            return json_answer(500, {"bug in the fake": repr(error)})


async def read_request(reader: asyncio.StreamReader) -> WireRequest | None:
    """Read one request; None when the peer left before it was whole."""
    parser = h11.Connection(h11.SERVER)
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(await reader.read(CHUNK))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            method, path = head.method.decode(), head.target.decode("latin-1")
            return WireRequest(method, path, _joined(head.headers), bytes(body))
        else:
            return None


async def write_answer(writer: asyncio.StreamWriter, answer: WireAnswer) -> None:
    """Write one answer, and say that the connection ends with it."""
    writer.write(head_of(answer, length=len(answer.body)) + answer.body)
    await writer.drain()


def head_of(answer: WireAnswer, *, length: int) -> bytes:
    """Write status line and headers, announcing `length` bytes of body."""
    headers = {**answer.headers, "content-length": str(length), "connection": "close"}
    lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {text}" for name, text in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def connect(
    host: str, port: int, tls: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect, under TLS when there is a context. Raises `OSError`; `ssl.SSLError` is one."""
    if tls is None:
        return await asyncio.open_connection(host, port)
    return await asyncio.open_connection(
        host,
        port,
        ssl=tls,
        ssl_handshake_timeout=TLS_PATIENCE_SECONDS,
        ssl_shutdown_timeout=TLS_PATIENCE_SECONDS,
    )


async def send(
    host: str, port: int, request: WireRequest, *, tls: ssl.SSLContext | None = None
) -> WireAnswer:
    """Send one request and read its answer. Raises `ConnectionError` when there is none."""
    reader, writer = await connect(host, port, tls)
    try:
        writer.write(_request_bytes(request, host=f"{host}:{port}"))
        await writer.drain()
        return await _read_answer(reader, request.method)
    finally:
        await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever the peer did to it."""
    writer.close()
    with contextlib.suppress(ConnectionError, OSError):
        await writer.wait_closed()


_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "expect"})


def _request_bytes(request: WireRequest, *, host: str) -> bytes:
    headers = {name: text for name, text in request.headers.items() if name not in _HOP}
    headers |= {"host": host, "connection": "close"}
    if request.body or request.method not in {"GET", "HEAD"}:
        headers["content-length"] = str(len(request.body))
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + request.body


async def _read_answer(reader: asyncio.StreamReader, method: str) -> WireAnswer:
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    parser.send(h11.EndOfMessage())
    head: h11.Response | None = None
    body = bytearray()
    try:
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(await reader.read(CHUNK))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data) and len(body) <= LARGEST_BYTES:
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                kept = {k: v for k, v in _joined(head.headers).items() if k not in _HOP}
                return WireAnswer(head.status_code, bytes(body), kept)
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionError("the fake closed the connection without an answer")
    except h11.RemoteProtocolError as error:
        raise ConnectionError(f"the fake's answer is not HTTP: {error}") from error


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_text in headers:
        name, text = raw_name.decode("latin-1"), raw_text.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found
