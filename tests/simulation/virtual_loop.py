"""An event loop in which time jumps to the next timer: weeks pass in milliseconds, always alike."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""When every simulated world begins, by the true clock."""

RESOLUTION_SECONDS = 1e-6
"""Timers this close together are due together: floats of weeks are no finer than nanoseconds."""


class Stuck(Exception):
    """Nothing will ever happen any more: no task can go on and no timer is set."""


MOST_TURNS_AT_ONCE = 20_000
"""Of the loop without time passing."""

MOST_TURNS = 3_000_000
"""Of the loop in one world: two days in which three workers look every second, and weeks after."""


class RunsHot(Exception):
    """Something happens again and again without end."""


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop without sockets and threads; waiting costs nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Jump(self)
        self._clock_resolution = RESOLUTION_SECONDS
        self.seconds = 0.0

    def time(self) -> float:
        """Give the seconds since the world began."""
        return self.seconds

    def true_time(self) -> datetime:
        """Give the true instant, which no clock of ours can be asked for."""
        return START + timedelta(seconds=self.seconds)

    def later(self, seconds: float, callback: Callable[..., Any], *args: Any) -> None:
        """Call something after a while; callbacks and their arguments are anything."""
        self.call_later(seconds, callback, *args)

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: nothing outside of this world can happen."""

    def _write_to_self(self) -> None:
        """Nobody outside has to wake this loop."""


class _Jump:
    """Stands where a selector stands: instead of waiting it moves the time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._turns = self._turns_now = 0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck("no task can go on and no timer is set")
        self._turns += 1
        self._turns_now = 0 if timeout > 0 else self._turns_now + 1
        if self._turns_now > MOST_TURNS_AT_ONCE or self._turns > MOST_TURNS:
            raise RunsHot(f"{self._turns} turns, {self._turns_now} of them at one instant")
        self._loop.seconds += timeout
        return []

    def close(self) -> None: ...
