"""Peers on real sockets that do what a script says and keep every byte that reached them."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from external_gate.domain.clock import HighWater
from external_gate.outbound.calls import Call, Timeouts
from external_gate.outbound.direct_caller import DirectCaller
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.outbound.tls import tls_context

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
# Stands in path, header and body, so that no part of a request can arrive unnoticed under TLS.
MARK = "mark-of-the-request"


class HandClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.present = START

    def now(self) -> datetime:
        return self.present

    async def sleep(self, duration: timedelta) -> None:
        raise AssertionError("nothing here waits by the clock")


class Connection:
    """One accepted connection: what it saw, and how it ended."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.seen = bytearray()
        self.ending = "open"

    async def read_head(self) -> None:
        self.seen += await self.reader.readuntil(b"\r\n\r\n")

    async def read_request(self) -> None:
        await self.read_head()
        _, _, length = self.seen.lower().partition(b"content-length: ")
        if length:
            self.seen += await self.reader.readexactly(int(length.split(b"\r\n")[0]))

    async def answer(self, response: bytes = OK) -> None:
        await self.read_request()
        self.writer.write(response)

    def hang_up(self) -> None:
        self.writer.write_eof()

    def reset(self) -> None:
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()
        self.ending = "left by us"

    async def serve(self, script: "Script") -> None:
        try:
            await script(self)
            await self._read_to_the_end()
        except asyncio.IncompleteReadError as error:
            self.seen += error.partial
            self.ending = "end of stream"
        except OSError:  # under TLS also what cannot be deciphered
            self.ending = "reset"
        finally:
            self.writer.close()

    async def _read_to_the_end(self) -> None:
        while self.ending == "open":
            chunk = await self.reader.read(65536)
            self.seen += chunk
            self.ending = "open" if chunk else "end of stream"


Script = Callable[[Connection], Awaitable[None]]


class Peer:
    """A server on 127.0.0.1. After its script a connection is read to its end."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._served: list[asyncio.Task[None]] = []
        self.connections: list[Connection] = []
        self.accepted = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        await self.settled()

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}/{MARK}"

    @property
    def seen(self) -> bytes:
        return b"".join(bytes(connection.seen) for connection in self.connections)

    async def settled(self) -> None:
        """Wait until every connection has ended, so that nothing is still on its way."""
        await asyncio.wait_for(asyncio.gather(*self._served), timeout=2)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections.append(connection)
        self._served.append(asyncio.ensure_future(connection.serve(self._script)))
        self.accepted.set()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction of a connection to another until it ends."""
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
    except ConnectionError:
        pass
    finally:
        writer.close()


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port that neither accepts nor refuses: its queue is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
    return port


def post(url: str, body: bytes = MARK.encode(), not_after: datetime | None = None) -> Call:
    return Call("POST", url, {"X-Mark": MARK}, body, not_after)


def seconds(connect: float = 1, rest: float = 1, pool: float = 1, total: float = 2) -> Timeouts:
    return Timeouts(
        connect=timedelta(seconds=connect),
        read=timedelta(seconds=rest),
        write=timedelta(seconds=rest),
        pool=timedelta(seconds=pool),
        total=timedelta(seconds=total),
    )


AnyCaller = DirectCaller | HttpxCaller
Kind = type[DirectCaller] | type[HttpxCaller]
MakeCaller = Callable[..., AnyCaller]


def impatient_caller(kind: Kind, certificate: Path) -> AnyCaller:
    """Make a caller where a fixture cannot: in a test that runs with many examples."""
    return kind(
        HandClock(),
        high_water=HighWater(),
        timeouts=seconds(),
        max_connections=4,
        tls=_trusting(certificate),
    )


@cache
def _trusting(certificate: Path) -> ssl.SSLContext:
    return tls_context(only_authority=certificate)


@pytest.fixture(params=[DirectCaller, HttpxCaller], ids=["direct", "httpx"], scope="session")
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which caller a test is run with: each promise is kept by both."""
    found: Kind = request.param
    return found


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signed itself, and its key, in one file."""
    openssl = shutil.which("openssl")
    assert openssl, "the openssl command makes the certificate of these tests: install openssl"
    file = tmp_path_factory.mktemp("tls") / "127.0.0.1.pem"
    command = (
        f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        f" -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout {file} -out {file}.crt"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    return tls


@pytest.fixture
def make_caller(certificate: Path, clock: HandClock, kind: Kind) -> MakeCaller:
    """Make a caller that trusts the certificate of these tests and loses patience soon."""

    def make(**changes: Any) -> AnyCaller:  # Any: whatever the caller itself takes
        settings = {
            "high_water": HighWater(),
            "timeouts": seconds(),
            "max_connections": 4,
            "tls": _trusting(certificate),
        }
        return kind(clock, **{**settings, **changes})

    return make


def use_proxy(monkeypatch: pytest.MonkeyPatch, proxy: Peer) -> None:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
