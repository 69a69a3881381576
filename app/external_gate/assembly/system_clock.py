"""The machine's clock, and seconds that nobody can set."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Give the present instant in UTC."""
        return datetime.now(UTC)

    async def sleep(self, duration: timedelta) -> None:
        """Wait for `duration`."""
        await asyncio.sleep(max(0.0, duration.total_seconds()))


def elapsed_seconds() -> float:
    """Give seconds that no setting of the clock changes, a suspended machine's sleep included."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere sleep is not counted
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)
