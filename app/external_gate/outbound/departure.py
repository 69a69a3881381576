"""Whether a request has left, for a caller that writes its bytes by itself."""

from collections.abc import Callable
from datetime import datetime

from external_gate.domain.errors import Refused
from external_gate.outbound.calls import NeverSent, SentUnanswered


class DeadlinePassed(Refused):
    """Raised at the last point at which the request can still be kept back."""


class Departure:
    """The border between "never sent" and "may have arrived": `begin`, and nothing else."""

    def __init__(self, now: Callable[[], datetime], not_after: datetime | None) -> None:
        self._now = now
        self._not_after = not_after
        self._began = False

    def keep_back_when_late(self) -> None:
        """Raise `DeadlinePassed` when the send deadline has been reached."""
        if self._not_after is not None and self._now() >= self._not_after:
            raise DeadlinePassed("send deadline passed")

    def begin(self) -> None:
        """Note that the first byte is written next; raises `DeadlinePassed` instead of late."""
        self.keep_back_when_late()
        self._began = True

    def end(self, cause: str) -> NeverSent | SentUnanswered:
        """Name the end of a call without an answer."""
        return SentUnanswered(cause) if self._began else NeverSent(cause)
