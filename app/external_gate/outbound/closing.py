"""How a connection ends when our end of it is closed.

Giving up resets it: otherwise the kernel goes on delivering what it has buffered for minutes, and a
charge could arrive after a lookup had found nothing. That holds for a killed process too, because
it is asked for when the connection is made. Once an answer's head is here, closing is ordinary.
"""

import contextlib
import socket
import struct
from typing import Protocol

# Whether to linger, and for how many seconds: not waiting at all means a reset.
_RESET = struct.pack("ii", 1, 0)
_ORDINARY = struct.pack("ii", 0, 0)

RESET_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
"""The option with which every connection begins."""


class HasOptions(Protocol):
    """A socket, or what asyncio shows of one."""

    def setsockopt(self, level: int, option: int, value: bytes, /) -> None:
        """Set an option."""
        ...


def close_ordinarily(connection: HasOptions) -> None:
    """Let the connection end by an ordinary farewell when it is closed."""
    with contextlib.suppress(OSError):  # the peer's reset may have closed it already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ORDINARY)
