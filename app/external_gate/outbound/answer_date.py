"""The `Date` of an answer: what another clock says, believed within reason."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from external_gate.domain.clock import HighWater

# A peer further ahead than this is wrong about the day: believing it would close every window of
# an idempotency key and hold workflows for nothing.
BELIEVED_AHEAD = timedelta(days=1)


def observe_date(date: str | None, high_water: HighWater, *, now: datetime) -> None:
    """Raise the mark to an answer's `Date`; unreadable or unbelievable ones change nothing."""
    instant = _read(date) if date else None
    if instant is not None and instant <= now + BELIEVED_AHEAD:
        high_water.observe(instant)


def _read(date: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(date)
        # "-0000" means that the sender does not know its zone: no instant, then.
        return None if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
