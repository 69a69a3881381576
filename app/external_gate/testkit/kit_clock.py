"""The kit's clocks: real time, moved forward by hand where a scenario lets hours pass."""

import asyncio
from datetime import UTC, datetime, timedelta


class KitClock:
    """Real time plus whatever it was moved by.

    `waits` says whether sleeping takes real time, as for an adapter, or only moves the clock, as
    for the engine, whose ladders last for days.
    """

    def __init__(self, *, waits: bool) -> None:
        self._moved = timedelta(0)
        self._waits = waits

    def now(self) -> datetime:
        """Give the present instant."""
        return datetime.now(UTC) + self._moved

    async def sleep(self, duration: timedelta) -> None:
        """Let the time pass."""
        if self._waits:
            await asyncio.sleep(max(0.0, duration.total_seconds()))
            return
        self.advance(max(duration, timedelta(0)))
        await asyncio.sleep(0)

    def advance(self, duration: timedelta) -> None:
        """Move forward; a negative duration moves back."""
        self._moved += duration
