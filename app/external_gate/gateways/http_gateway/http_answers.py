"""What an answer of the host application means; pure. What does not fit the contract is unknown.

Causes tell the status and what is wrong, never the body: it is a stranger's, and may hold secrets.
Only the host's own message on a rejection is passed on, cut and cleaned.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import assert_never
from urllib.parse import urlsplit

from external_gate.domain.errors import BadInput
from external_gate.domain.money import LARGEST_MINOR, Money
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Outcome,
    Pending,
    Succeeded,
    TooLate,
    Undo,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.gateways.http_gateway.answer_object import read_object
from external_gate.outbound.calls import Answered, CallEnd, NeverSent, SentUnanswered

LONGEST_ID = 255
LONGEST_CODE = 64
LONGEST_MESSAGE = 200
"""Characters. A message is for one line on the console."""

LONGEST_ADDRESS = 2000
"""Characters. What every browser takes."""

SOONEST_POLL_SECONDS = 1
LATEST_POLL_SECONDS = 7 * 86_400
"""A host that asks for more silence than a week is asked after a week all the same."""

Fields = Mapping[str, object]


def charge_outcome(end: CallEnd, *, key: str, hidden: Sequence[str] = ()) -> Outcome:
    """Give what became of a charge; never raises. `hidden` are texts to mask."""
    match end:
        case NeverSent(cause):
            return NotSent(cause)
        case SentUnanswered(cause):
            return Unknown(cause)
        case Answered():
            return _judged(end, key, hidden)
        case _:
            assert_never(end)


def lookup_outcome(end: CallEnd, *, key: str, hidden: Sequence[str] = ()) -> Outcome | NotFound:
    """Give what a lookup found; never raises.

    A question that was not sent, or was refused, says nothing about the charge: unknown.
    """
    match end:
        case NeverSent(cause) | SentUnanswered(cause):
            return Unknown(cause)
        case Answered(status=404):
            return _absence(end, key, hidden)
        case Answered():
            outcome = _judged(end, key, hidden)
            if isinstance(outcome, Misconfigured):
                return Unknown(f"the lookup was refused: {outcome.cause}")
            return outcome
        case _:
            assert_never(end)


def undo_outcome(end: CallEnd, *, key: str, hidden: Sequence[str] = ()) -> Undo:
    """Give what became of a cancel or refund; never raises."""
    match end:
        case NeverSent(cause) | SentUnanswered(cause):
            return UndoUnknown(cause)
        case Answered():
            try:
                return _undo(end.status, _read(end, key, hidden))
            except BadInput as error:
                return UndoUnknown(f"HTTP {end.status}: {error}")
        case _:
            assert_never(end)


def _judged(answer: Answered, key: str, hidden: Sequence[str]) -> Outcome:
    try:
        return _outcome(answer.status, _read(answer, key, hidden))
    except BadInput as error:
        return Unknown(f"HTTP {answer.status}: {error}")


def _absence(answer: Answered, key: str, hidden: Sequence[str]) -> Unknown | NotFound:
    """Believe an absence only from the application itself: any proxy can say 404."""
    try:
        said = _read(answer, key, hidden)
    except BadInput as error:
        return Unknown(f"HTTP 404: {error}")
    if said.get("status") == "never_seen" and said.get("attempt_key") == key:
        return NotFound(conclusive=True)
    return Unknown("HTTP 404: it does not say never_seen of this attempt_key")


def _read(answer: Answered, key: str, hidden: Sequence[str]) -> Fields:
    said = read_object(answer.body, hidden=hidden)
    if said.get("attempt_key") not in (None, key):
        raise BadInput("it speaks of another attempt_key")
    return said


def _outcome(status: int, said: Fields) -> Outcome:
    match status, said.get("status"):
        case 200, "succeeded":
            return _succeeded(said)
        case 200, "declined":
            return _declined(said)
        case 200, "pending":
            return _pending(said)
        case ((400 | 401 | 403 | 422), "rejected"):
            message = _line(said.get("message"), LONGEST_MESSAGE)
            return Misconfigured(f"HTTP {status}: {message or 'rejected without a message'}")
        case 409, _:
            raise BadInput("the key is in use, or was used with another body")
        case _:
            raise BadInput("no answer of the contract")


def _undo(status: int, said: Fields) -> Undo:
    match status, said.get("status"):
        case 200, "undone":
            return Undone()
        case 200, "pending":
            return UndoPending()
        case 200, "too_late":
            return TooLate(_line(said.get("message"), LONGEST_MESSAGE))
        case _:
            raise BadInput("no answer of the contract")


def _succeeded(said: Fields) -> Succeeded:
    charge_id = _charge_id(said)
    if charge_id is None:
        raise BadInput(f"succeeded without a charge_id of 1 to {LONGEST_ID} printable characters")
    key = said.get("attempt_key")
    return Succeeded(
        charge_id=charge_id,
        amount=_amount(said.get("amount")),
        reference=key if isinstance(key, str) else None,
    )


def _declined(said: Fields) -> Declined:
    """Read the reason leniently: whatever it says, it is a decline."""
    decline = said.get("decline")
    reason: Fields = decline if isinstance(decline, dict) else {}
    return Declined(
        kind=DeclineKind.SOFT if reason.get("kind") == "soft" else DeclineKind.HARD,
        code=_line(reason.get("code"), LONGEST_CODE),
        message=_line(reason.get("message"), LONGEST_MESSAGE),
        charge_id=_charge_id(said),
    )


def _pending(said: Fields) -> Pending:
    address = said.get("action_url")
    return Pending(
        charge_id=_charge_id(said),
        next_poll=_next_poll(said.get("next_poll_seconds")),
        needs_customer=address not in (None, ""),
        action_url=_web_address(address),
    )


def _amount(value: object) -> Money:
    """Read an amount; only an integer is one, not `15.0` and not `true`."""
    if not isinstance(value, dict):
        raise BadInput("succeeded without an amount")
    minor, currency = value.get("minor"), value.get("currency")
    if type(minor) is not int or abs(minor) > LARGEST_MINOR:
        raise BadInput("amount.minor is no believable integer")
    if not isinstance(currency, str):
        raise BadInput("amount.currency is no text")
    try:
        return Money(minor, currency)
    except BadInput as error:
        raise BadInput("amount.currency is no ISO 4217 code that can be charged") from error


def _charge_id(said: Fields) -> str | None:
    value = said.get("charge_id")
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        return None
    return value if value.strip() and value.isprintable() else None


def _next_poll(value: object) -> timedelta | None:
    # A wish and no fact: an unreadable one is none. Comparing also tames Infinity (from 1e999).
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return timedelta(seconds=min(max(value, SOONEST_POLL_SECONDS), LATEST_POLL_SECONDS))


def _web_address(value: object) -> str | None:
    """Give an address that a person may be sent to: http or https, nothing else."""
    if not isinstance(value, str) or len(value) > LONGEST_ADDRESS:
        return None
    if not (value.isascii() and value.isprintable()) or " " in value:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in {"http", "https"} and parts.hostname else None


def _line(value: object, longest: int) -> str:
    """Give a text as one printable line of bounded length; empty when there is none."""
    if not isinstance(value, str):
        return ""
    cut = value[: longest + 1]
    line = "".join(letter if letter.isprintable() else " " for letter in cut).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"
