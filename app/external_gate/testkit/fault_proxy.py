"""A real reverse proxy on a real socket that does to each call what a script says."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from external_gate.testkit.call_trace import TracedCall
from external_gate.testkit.fake_server import (
    WireAnswer,
    WireRequest,
    close,
    head_of,
    read_request,
    send,
    write_answer,
)
from external_gate.testkit.proxy_answers import distorted, invented
from external_gate.testkit.proxy_faults import (
    BEFORE_EFFECT,
    DELAY_SECONDS,
    SLOW_SECONDS,
    ProxyFault,
)

LONGEST_HOLD_SECONDS = 4.0
"""After that even a held call is dropped: an adapter without any timeout must not stop the kit."""

DRIP_SECONDS = 0.05
IDLE_SECONDS = 8.0


def _never(_method: str, _path: str) -> bool:
    return False


class FaultProxy:
    """Stands between an adapter and its fake; belongs to the event loop in which it is started.

    The adapter speaks plain http to it, so that every byte can be struck. What stands behind may
    have an https address: then the proxy speaks TLS to it, with `tls` or the system's authorities.
    Every call takes the next fault of the script, and `pass` once the script is used up.
    `trace` holds every call since the last `forget`.
    """

    def __init__(
        self,
        upstream: str,
        *,
        key_header: str | None = None,
        is_preparation: Callable[[str, str], bool] = _never,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(upstream)
        is_https = parts.scheme == "https"
        self._tls = (tls or ssl.create_default_context()) if is_https else None
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if is_https else 80)
        self._base_path = parts.path.rstrip("/")
        self._key_header = (key_header or "").lower()
        self._is_preparation = is_preparation
        self._script: deque[ProxyFault] = deque()
        self._recorded: list[tuple[WireRequest, WireAnswer]] = []
        self._server: asyncio.Server | None = None
        self._place: socket.socket | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self._began = time.monotonic()
        self.trace: list[TracedCall] = []

    @property
    def url(self) -> str:
        """Give the address that the adapter is to be pointed at."""
        return f"http://127.0.0.1:{self._own_port}{self._base_path}"

    @property
    def _own_port(self) -> int:
        return int(self._place.getsockname()[1]) if self._place else 0

    async def start(self) -> str:
        """Listen, and give the address."""
        # Bound and not listening: keeps the port ours while the listener is closed.
        self._place = _bound(0)
        await self._listen()
        return self.url

    async def stop(self) -> None:
        """Close every socket."""
        await self._deafen()
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._place is not None:
            self._place.close()

    async def script(self, faults: Iterable[ProxyFault]) -> None:
        """Lay down what happens to the next calls; replaces what was left of the last script."""
        self._script = deque(faults)
        self._arrived.clear()
        if self._script and self._script[0] is ProxyFault.REFUSE:
            await self._deafen()
        elif self._server is None:
            await self._listen()

    async def arrived(self) -> None:
        """Wait until a call has arrived since the last `script`."""
        await self._arrived.wait()

    async def idle(self) -> None:
        """Wait until no call is under way any more."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=IDLE_SECONDS)

    def forget(self) -> None:
        """Begin a new trace."""
        self.trace = []
        self._recorded = []
        self._began = time.monotonic()

    async def _listen(self) -> None:
        listener = _bound(self._own_port)
        self._server = await asyncio.start_server(self._accept, sock=listener)

    async def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        try:
            with contextlib.suppress(ConnectionError, OSError):
                request = await read_request(reader)
                if request is not None:
                    await self._serve(request, reader, writer)
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await close(writer)

    async def _serve(
        self, request: WireRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        call = self._traced(request)
        self._arrived.set()
        fault = call.fault
        if fault in {ProxyFault.HOLD_BEFORE_EFFECT, ProxyFault.HOLD_AFTER_EFFECT}:
            await self._hold(call, request, reader)
            writer.transport.abort()
        elif fault in {ProxyFault.DROP_BEFORE_EFFECT, ProxyFault.REFUSE}:
            writer.transport.abort()
        elif fault in BEFORE_EFFECT:
            await self._tell(call, writer, invented(fault, self.url, request, self._recorded))
        else:
            await self._pass_on(call, request, writer)

    async def _hold(
        self, call: TracedCall, request: WireRequest, reader: asyncio.StreamReader
    ) -> None:
        if call.fault is ProxyFault.HOLD_AFTER_EFFECT:
            await self._forward(call, request)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(LONGEST_HOLD_SECONDS):
                while await reader.read(1024):
                    pass

    async def _pass_on(
        self, call: TracedCall, request: WireRequest, writer: asyncio.StreamWriter
    ) -> None:
        match call.fault:
            case ProxyFault.DUPLICATE:
                await self._forward(call, request)
                answer = await self._forward(call, request)
            case ProxyFault.DUPLICATE_AT_ONCE:
                both = (self._forward(call, request), self._forward(call, request))
                answer = (await asyncio.gather(*both))[0]
            case _:
                answer = await self._forward(call, request)
        if answer is None or call.fault is ProxyFault.DROP_AFTER_EFFECT:
            writer.transport.abort()
        elif call.fault is ProxyFault.TRUNCATE:
            half = answer.body[: len(answer.body) // 2]
            writer.write(head_of(answer, length=len(answer.body) + 1) + half)
            await writer.drain()
        elif call.fault is ProxyFault.DRIP:
            await self._drip(answer, writer)
        elif call.fault is not ProxyFault.CLOSE_AFTER_EFFECT:
            await self._wait_for(call.fault)
            await self._tell(call, writer, distorted(call.fault, answer))

    async def _wait_for(self, fault: ProxyFault) -> None:
        seconds = {ProxyFault.DELAY: DELAY_SECONDS, ProxyFault.SLOW: SLOW_SECONDS}.get(fault, 0)
        if seconds:
            await asyncio.sleep(seconds)

    async def _drip(self, answer: WireAnswer, writer: asyncio.StreamWriter) -> None:
        """Send a byte now and then, more bytes than anybody has patience for."""
        writer.write(head_of(answer, length=1024 * 1024))
        ends = time.monotonic() + LONGEST_HOLD_SECONDS
        while time.monotonic() < ends and not writer.transport.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS)
        writer.transport.abort()

    async def _forward(self, call: TracedCall, request: WireRequest) -> WireAnswer | None:
        call.forwarded += 1
        try:
            answer = await send(self._host, self._port, request, tls=self._tls)
        except OSError:
            return None  # a fake that gives no answer: neither do we
        call.effect_status = answer.status
        self._recorded.append((request, answer))
        return answer

    async def _tell(
        self, call: TracedCall, writer: asyncio.StreamWriter, answer: WireAnswer
    ) -> None:
        call.answer_status = answer.status
        await write_answer(writer, answer)

    def _traced(self, request: WireRequest) -> TracedCall:
        preparation = self._is_preparation(request.method, request.path)
        fault = self._script.popleft() if self._script and not preparation else ProxyFault.PASS
        call = TracedCall(
            number=len(self.trace) + 1,
            at_seconds=time.monotonic() - self._began,
            method=request.method,
            path=request.path,
            headers=dict(request.headers),
            body=request.body,
            fault=fault,
            key=request.headers.get(self._key_header, ""),
            preparation=preparation,
        )
        self.trace.append(call)
        return call


def _bound(port: int) -> socket.socket:
    place = socket.socket()
    if hasattr(socket, "SO_REUSEPORT"):
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", port))
    return place
