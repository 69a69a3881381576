"""Time as an argument: what the engine may ask of a clock, and how time is written down."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Clock(Protocol):
    """Tells the time and waits; the simulation hands in one that it moves by itself."""

    def now(self) -> datetime:
        """Give the present instant, aware, in UTC."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Wait for `duration`; returns at once when it is not positive."""
        ...


PACE = 0.99
"""How fast the mark goes on beside a clock that lags behind it: slow enough for a right clock to
catch up with a mark that a wrong one once set (an hour in four days), fast enough for windows and
waits, which have larger margins."""


class HighWater:
    """The latest plausible time: what anybody trustworthy has shown us, and what has passed since.

    Windows of idempotency keys are judged by it, and what must be waited for is counted from it: a
    clock that was set back must not make an expired key look usable, nor a wait look over once it
    is put right (design §4). `elapsed` gives seconds that no setting of the clock changes; without
    it the mark stands still.
    """

    def __init__(
        self, start: datetime = EPOCH, *, elapsed: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._mark = start
        self._elapsed = elapsed
        self._marked_at = elapsed()

    def observe(self, instant: datetime) -> None:
        """Raise the mark when `instant` lies above it."""
        if instant > self._present():
            self._mark, self._marked_at = instant, self._elapsed()

    def latest(self, now: datetime) -> datetime:
        """Give the latest plausible time, never before `now`."""
        return max(now, self._present())

    def _present(self) -> datetime:
        return self._mark + timedelta(seconds=PACE * (self._elapsed() - self._marked_at))


def to_milliseconds(instant: datetime) -> int:
    """Write an instant as whole milliseconds since 1970, rounded down."""
    return (instant - EPOCH) // MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Read an instant from whole milliseconds since 1970."""
    return EPOCH + milliseconds * MILLISECOND
