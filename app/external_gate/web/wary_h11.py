"""The parser in plain Python that does not let itself be kept busy with nothing."""

from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from external_gate.web.waste import Waste


class WaryH11Protocol(H11Protocol):
    """Closes a connection that sends chunks of next to nothing, or a body that nobody wants."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # Any: uvicorn's business
        super().__init__(*arguments, **options)
        self._waste = Waste()

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, and count what it was good for."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # uvicorn does not own up to None
        kept = len(cycle.body) if cycle is not None else 0
        super().data_received(data)
        # Of a new request this was the head; h11 has a limit of its own for that.
        if cycle is None or self.cycle is not cycle:
            return
        if self._waste.is_too_much(cycle, arrived=len(data), kept=len(cycle.body) - kept):
            self.transport.abort()
