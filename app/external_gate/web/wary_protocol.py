"""A parser that does not let itself be kept busy with nothing."""

from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

MOST_WASTE_BYTES = 16 * 1024
"""What may arrive for one request without becoming part of its body. An honest sender wastes some
bytes per chunk, or sends the rest of a body that was already answered."""


class WaryProtocol(H11Protocol):
    """Closes a connection that sends chunks of next to nothing, or a body that nobody wants.

    A chunk costs the parser as much as a line of headers. Chunks of one byte kept one process busy
    for seconds with what is far below every limit on bodies, and everybody else waited.
    """

    _wasted_bytes = 0
    _wasted_in: RequestResponseCycle | None = None

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, and count what it was good for."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # uvicorn does not own up to None
        kept = len(cycle.body) if cycle is not None else 0
        super().data_received(data)
        # Of a new request this was the head; that is bounded elsewhere.
        if cycle is not None and self.cycle is cycle:
            self._count(cycle, arrived=len(data), kept=len(cycle.body) - kept)

    def _count(self, cycle: RequestResponseCycle, *, arrived: int, kept: int) -> None:
        if self._wasted_in is not cycle:
            self._wasted_in, self._wasted_bytes = cycle, 0
        # A byte of a body makes up for one byte around it: chunks of six bytes and more are free.
        self._wasted_bytes += max(0, arrived - 2 * kept)
        if self._wasted_bytes > MOST_WASTE_BYTES:
            self.transport.abort()
