"""The fast parser, kept from collecting a head without end and from being busy with nothing."""

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from external_gate.web.waste import Waste


class WaryHttpToolsProtocol(HttpToolsProtocol):
    """Closes a connection whose head grows past every limit, and one that only wastes.

    The parser itself would collect a header without end.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # Any: uvicorn's business
        super().__init__(*arguments, **options)
        self._waste = Waste()
        self._head_bytes = 0
        self._largest_head_bytes = self.config.h11_max_incomplete_event_size or 0

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, and count what it was good for."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # uvicorn does not own up to None
        in_head = cycle is None or (cycle.response_complete and not cycle.more_body)
        kept = len(cycle.body) if cycle is not None else 0
        super().data_received(data)
        if self.cycle is not cycle:  # a head is complete
            self._head_bytes = 0
        elif in_head:
            self._count_head(len(data))
        elif self._waste.is_too_much(cycle, arrived=len(data), kept=len(cycle.body) - kept):
            self.transport.abort()

    def _count_head(self, arrived: int) -> None:
        self._head_bytes += arrived
        if self._head_bytes > self._largest_head_bytes and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")
