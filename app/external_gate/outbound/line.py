"""Bytes to and from one peer, plain or under TLS, without a buffer of ours between it and us.

What was not handed to the system cannot leave after we gave up: there is no transport that still
holds some of it. For a socket that does not block and belongs to the line from now on.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, TypeVar

PORTION_BYTES = 65_536

Before = Callable[[], None]
"""Is called before a wait; a wait for a peer that takes nothing lasts as long as one portion."""

Result = TypeVar("Result")


class Line(Protocol):
    """One connection."""

    def has_spoken(self) -> bool:
        """Tell whether the peer spoke or left by itself. Raises `OSError` when it was reset."""
        ...

    async def send(self, sent: bytes, before_wait: Before) -> None:
        """Hand all of it to the system. Raises `OSError`; a part may have left then."""
        ...

    async def receive(self) -> bytes:
        """Give what has arrived; nothing at the peer's proper end. Raises `OSError`."""
        ...


class PlainLine:
    """A bare socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()

    def has_spoken(self) -> bool:
        """Look at what has arrived, and leave it there."""
        try:
            self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        return True

    async def send(self, sent: bytes, before_wait: Before) -> None:
        """Send at once what fits, the rest by portions."""
        left = memoryview(sent)
        with contextlib.suppress(BlockingIOError):
            left = left[self._connection.send(left) :]
        while left:
            before_wait()
            await self._loop.sock_sendall(self._connection, left[:PORTION_BYTES])
            left = left[PORTION_BYTES:]

    async def receive(self) -> bytes:
        """Give the next bytes."""
        return await self._loop.sock_recv(self._connection, PORTION_BYTES)


class TlsLine:
    """TLS over a bare socket; `shake_hands` comes first."""

    def __init__(self, connection: socket.socket, tls: ssl.SSLContext, host: str) -> None:
        self._plain = PlainLine(connection)
        self._arrived, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._arrived, self._to_send, server_hostname=host)

    async def shake_hands(self) -> None:
        """Prove who the peer is. Raises `OSError` (`ssl.SSLError` is one) when it cannot be."""
        await self._done(self._tls.do_handshake, _never_mind)

    def has_spoken(self) -> bool:
        """Look into what came along with the handshake; what TLS itself has to say is no word."""
        try:
            self._tls.read(1)
        except ssl.SSLWantReadError:
            return False
        return True

    async def send(self, sent: bytes, before_wait: Before) -> None:
        """Encrypt and send, record by record."""
        left = memoryview(sent)
        while left:
            record = left
            written = await self._done(lambda: self._tls.write(record), before_wait)  # noqa: B023 - called at once
            left = left[written:]

    async def receive(self) -> bytes:
        """Give the next bytes.

        An end without TLS's own farewell is an error, because anybody on the way can make one
        (RFC 9112, section 9.8).
        """
        try:
            return await self._done(lambda: self._tls.read(PORTION_BYTES), _never_mind)
        except ssl.SSLZeroReturnError:
            return b""

    async def _done(self, act: Callable[[], Result], before_wait: Before) -> Result:
        while True:
            try:
                result = act()
            except ssl.SSLWantReadError:
                await self._flush(before_wait)
            else:
                await self._flush(before_wait)
                return result
            if received := await self._plain.receive():
                self._arrived.write(received)
            else:
                self._arrived.write_eof()

    async def _flush(self, before_wait: Before) -> None:
        if to_send := self._to_send.read():
            await self._plain.send(to_send, before_wait)


def _never_mind() -> None:
    """Leave the wait to the limit that runs already."""
