"""Time as an argument: what the engine may ask of a clock, and how time is written down."""

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


class HighWater:
    """The latest instant that anybody trustworthy has shown us.

    Windows of idempotency keys are judged by the latest plausible time, waiting by our own clock:
    a clock that was set back must not make an expired key look usable (design §4).
    """

    def __init__(self, start: datetime = EPOCH) -> None:
        self._latest = start

    def observe(self, instant: datetime) -> None:
        """Raise the mark when `instant` lies above it."""
        self._latest = max(self._latest, instant)

    def latest(self, now: datetime) -> datetime:
        """Give the latest plausible time, never before `now`."""
        return max(now, self._latest)


def to_milliseconds(instant: datetime) -> int:
    """Write an instant as whole milliseconds since 1970, rounded down."""
    return (instant - EPOCH) // MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Read an instant from whole milliseconds since 1970."""
    return EPOCH + milliseconds * MILLISECOND
