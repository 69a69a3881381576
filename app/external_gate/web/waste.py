"""How much of what arrives for a request is good for nothing."""

from typing import Protocol

MOST_WASTE_BYTES = 16 * 1024
"""What may arrive for one request without becoming part of its body. An honest sender wastes some
bytes per chunk, or sends the rest of a body that was already answered."""


class Request(Protocol):
    """A request and its answer, as uvicorn keeps it, whatever it parses with."""

    @property
    def body(self) -> bytes | bytearray:
        """Give what has arrived and was not read yet."""
        ...


class Waste:
    """Counts for one connection, request after request.

    A chunk costs a parser as much as a line of headers. Chunks of one byte kept one process busy
    for seconds with what is far below every limit on bodies, and everybody else waited.
    """

    def __init__(self) -> None:
        self._wasted_bytes = 0
        self._wasted_in: Request | None = None

    def is_too_much(self, request: Request, *, arrived: int, kept: int) -> bool:
        """Count bytes that arrived for `request`, of which `kept` became part of its body."""
        if self._wasted_in is not request:
            self._wasted_in, self._wasted_bytes = request, 0
        # A byte of a body makes up for one byte around it: chunks of six bytes and more are free.
        self._wasted_bytes += max(0, arrived - 2 * kept)
        return self._wasted_bytes > MOST_WASTE_BYTES
