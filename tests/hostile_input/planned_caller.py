"""A caller that ends every call as planned, and a clock that stands still."""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from external_gate.outbound.calls import Call, CallEnd, SentUnanswered

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

Result = TypeVar("Result")


class StandingClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        """Give always the same instant."""
        return NOW

    async def sleep(self, duration: timedelta) -> None:
        """Return at once."""


@dataclass
class PlannedCaller:
    """Ends every call with `end`."""

    end: CallEnd = field(default_factory=lambda: SentUnanswered("not planned"))

    async def call(self, call: Call) -> CallEnd:
        """Give the end that was planned."""
        return self.end


def at_once(work: Coroutine[Any, Any, Result]) -> Result:  # Any: what a coroutine never yields here
    """Run what waits for nothing, without an event loop."""
    try:
        work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    work.close()
    raise AssertionError("it waits for something")
