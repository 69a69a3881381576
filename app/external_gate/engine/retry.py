"""When to try again: one ladder, returned as plain values."""

from datetime import datetime, timedelta
from random import Random

RUNGS = (
    *(timedelta(seconds=s) for s in (1, 2, 5, 15, 30)),
    *(timedelta(minutes=m) for m in (1, 2, 5, 15)),
)
"""Tight at first, because a customer is blocked; then slow, because an outage is not over soon."""

HOURLY = timedelta(hours=1)
RELEASE_CAP = timedelta(minutes=15)
"""A release is owed without end, and Metronome's own webhooks retry every 15 minutes as well."""

GIVE_UP_AFTER = timedelta(hours=24)
"""How long the engine looks for itself before it asks a person."""

MOST_RESENDS = 10
"""A key that has been sent this often without an answer tells nothing more by another send."""


def rung(tries: int, *, cap: timedelta = HOURLY) -> timedelta:
    """Give the longest wait after `tries` tries, from 0."""
    step = RUNGS[tries] if tries < len(RUNGS) else HOURLY
    return min(step, cap)


def wait(tries: int, random: Random, *, cap: timedelta = HOURLY) -> timedelta:
    """Give the wait after `tries` tries with full jitter: anything between nothing and the rung."""
    return rung(tries, cap=cap) * random.random()


def has_given_up(trying_since: datetime | None, now: datetime) -> bool:
    """Tell whether a ladder entered at `trying_since` has been climbed for too long."""
    return trying_since is not None and now - trying_since >= GIVE_UP_AFTER
