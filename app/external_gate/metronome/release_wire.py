"""How one release call ended, by what may be done next (design §4). Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import assert_never

from external_gate.metronome.billing import ReleaseAnswer, ReleaseResult
from external_gate.metronome.wire import LONGEST_COMPLAINT, complaint
from external_gate.outbound.calls import Answered, CallEnd, NeverSent, SentUnanswered

# Seen in public code of a Metronome employee, not documented; the status they come with is unknown.
ALREADY_COMMITTED = "already in state committed"
NOT_COMMITTING = "not in committing state"

LONGEST_WAIT = timedelta(hours=1)
"""Nobody's `Retry-After` is believed beyond this: somebody has paid and waits."""

LONGEST_SECONDS = 18
"""Digits of a `Retry-After` in seconds; more is no number that anybody meant."""


def judge_release(end: CallEnd, *, hide: str) -> ReleaseAnswer:
    """Say what a release call came to; `hide` is the secret that must not show in the detail."""
    match end:
        case NeverSent(cause):
            return ReleaseAnswer(ReleaseResult.NOT_SENT, cause[:LONGEST_COMPLAINT])
        case SentUnanswered(cause):
            return ReleaseAnswer(ReleaseResult.UNANSWERED, cause[:LONGEST_COMPLAINT])
        case Answered():
            return _judge_answer(end, hide=hide)
        case _:
            assert_never(end)


def _judge_answer(answer: Answered, *, hide: str) -> ReleaseAnswer:
    result = _result(answer)
    if result is ReleaseResult.DONE:  # the body is empty, and nobody promised that it stays so
        return ReleaseAnswer(result)
    waits = result in {ReleaseResult.BUSY, ReleaseResult.FAILED}
    return ReleaseAnswer(
        result, complaint(answer, hide=hide), retry_after(answer) if waits else None
    )


def _result(answer: Answered) -> ReleaseResult:
    match answer.status:
        case status if 200 <= status < 300:
            return ReleaseResult.DONE
        case 401 | 403:
            return ReleaseResult.UNAUTHORIZED
        case 408 | 429:
            return ReleaseResult.BUSY
        # Nobody documents with which status the state is told, so the text comes first.
        case status if 400 <= status < 600 and (stated := _stated(answer.body)) is not None:
            return stated
        case 409:
            return ReleaseResult.CONFLICT
        case status if 500 <= status < 600:
            return ReleaseResult.FAILED
        case status if 300 <= status < 500:
            return ReleaseResult.REFUSED
        case _:  # no status of HTTP: nobody knows what became of it
            return ReleaseResult.UNANSWERED


def _stated(body: bytes) -> ReleaseResult | None:
    """Give what the answer says about the state of Metronome's workflow, if it says anything."""
    words = " ".join(body.decode("utf-8", errors="replace").lower().split())
    # First, because "not in COMMITTING state, already in state COMMITTED" says the more.
    if ALREADY_COMMITTED in words:
        return ReleaseResult.ALREADY_COMMITTED
    if NOT_COMMITTING in words:
        return ReleaseResult.NOT_COMMITTING
    return None


def retry_after(answer: Answered) -> timedelta | None:
    """Give how long the answer asks us to wait, from 0 to 1 h; None for none, or for garbage.

    A date is measured from the answer's own `Date`, so that our clock does not matter.
    """
    asked = answer.headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit() and len(asked) <= LONGEST_SECONDS:
        return timedelta(seconds=min(int(asked), LONGEST_WAIT.total_seconds()))
    until, since = _instant(asked), _instant(answer.headers.get("date", ""))
    if until is None or since is None:
        return None
    return min(max(until - since, timedelta(0)), LONGEST_WAIT)


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
        # "-0000" means that the sender does not know its zone: no instant, then.
        return None if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
