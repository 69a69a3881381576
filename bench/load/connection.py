"""One keep-alive connection with at most one request on it, over a socket that never blocks."""

import re
import socket

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
LARGEST_PIECE = 65_536


class ConnectionLost(Exception):
    """The peer has closed the connection, or said what is no answer."""


class Connection:
    """Sends one request after the other and reads the answers."""

    __slots__ = ("_answer", "_unsent", "closes", "number", "sent_at", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(0)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(("127.0.0.1", port))  # a refusal shows when it is first used
        self.number = -1
        self.sent_at = 0.0
        self.closes = False
        """Whether the peer has said that it will close after its answer."""
        self._answer = b""
        self._unsent = b""

    def send(self, number: int, request: bytes, now: float) -> bool:
        """Begin a request; False when it must be flushed once the connection is open."""
        self.number, self.sent_at, self._unsent = number, now, request
        return self.flush()

    def flush(self) -> bool:
        """Send what is unsent; False when that is not possible yet. Raises `ConnectionLost`."""
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            return False
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        return not self._unsent

    def receive(self) -> int | None:
        """Read what has come; the status once the answer is whole. Raises `ConnectionLost`."""
        try:
            piece = self.socket.recv(LARGEST_PIECE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        if not piece:
            raise ConnectionLost("closed")
        self._answer += piece
        return self._status()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _status(self) -> int | None:
        answer = self._answer
        head_end = answer.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        length = LENGTH.search(answer, 0, head_end + 2)
        if length is None or not answer.startswith(b"HTTP/1.1 "):
            raise ConnectionLost(f"no answer that is understood: {answer[:80]!r}")
        if len(answer) < head_end + 4 + int(length[1]):
            return None
        self.closes = CLOSES.search(answer, 0, head_end + 2) is not None
        self._answer = b""
        return int(answer[9:12])
