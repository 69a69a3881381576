"""When a notice that was not taken is tried next, and when it is given up. Pure."""

from datetime import datetime, timedelta
from random import Random

from external_gate.domain.host_notice import GIVE_UP_AFTER, DueNotice

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
)
"""Between tries, as Standard Webhooks recommends; the last is repeated until the end."""

JITTER = 0.2
"""Of each wait, either way: what failed together must not come back together."""

RESTS = tuple(timedelta(seconds=seconds) for seconds in (0, 1, 2, 5, 15, 30, 60))
"""For which an endpoint is left in peace after so many tries in a row that it did not take: no
notice loses a try while it is down, and it is not met by all of them when it is back."""


def next_try(
    due: DueNotice, *, now: datetime, random: Random, retry_after: timedelta | None = None
) -> datetime | None:
    """Give when to try again; None when the time of the notice is over.

    The last try is at the end of its time, however long the wait before it should have been.
    """
    if now >= due.give_up_at:
        return None
    wait = WAITS[min(due.rung, len(WAITS)) - 1]
    jittered = wait * random.uniform(1 - JITTER, 1 + JITTER)
    asked = min(retry_after or timedelta(0), GIVE_UP_AFTER)
    return min(now + max(jittered, asked), due.give_up_at)


def rest(failures: int, random: Random) -> timedelta:
    """Give for how long an endpoint rests after so many failures in a row."""
    longest = RESTS[min(failures, len(RESTS)) - 1] if failures else timedelta(0)
    return longest * random.uniform(1 - JITTER, 1 + JITTER)
