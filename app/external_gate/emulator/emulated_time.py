"""A clock that can run faster than the real one and be moved forward by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class EmulatedTime:
    """Give the emulator's own time: start + (real time passed) x speed + jumps."""

    def __init__(
        self,
        *,
        speed: float,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._wall = wall
        self._speed = speed
        self._started_at = wall()
        self._jumped = timedelta()

    def now(self) -> datetime:
        """Tell the emulator's time, in UTC."""
        return self._started_at + (self._wall() - self._started_at) * self._speed + self._jumped

    def wall_now(self) -> datetime:
        """Tell the real time, in UTC: signatures carry it, so that receivers accept their age."""
        return self._wall()

    def advance(self, step: timedelta) -> None:
        """Jump forward. Time never goes back."""
        self._jumped += max(step, timedelta())

    def wall_seconds_until(self, moment: datetime) -> float:
        """Tell how many real seconds pass before the emulator's clock shows `moment`."""
        return max(0.0, (moment - self.now()).total_seconds() / self._speed)


def rfc3339(moment: datetime) -> str:
    """Write a moment as Metronome does, for instance `2025-01-01T00:00:00.000Z`."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    )
