"""What each test payment method does: the script by which the sandbox plays."""

from dataclasses import dataclass
from enum import StrEnum

from external_gate.domain.outcome import Declined, DeclineKind

MISCONFIGURED = "pm_misconfigured"
"""The one method that is refused before the books are opened."""


class Booking(StrEnum):
    """How a charge stands in the books."""

    LOST = "lost"  # the request was lost on its way: nothing happened, and a lookup finds nothing
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    CANCELLED = "cancelled"  # also a key that was cancelled before any charge came
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Script:
    """What happens to a charge, and whether its first answer arrives."""

    books: Booking
    """How the first send is booked. A lost one succeeds when it is sent again."""
    decline: Declined | None = None
    """How it is declined, at once or after having been pending; None: it is not."""
    answer_lost: str = ""
    """Why the first answer never arrives; empty when it does. Repeats are always answered."""


_LATE = Declined(DeclineKind.HARD, "bank_debit_failed", "the bank debit failed")

SCRIPTS = {
    "pm_ok": Script(Booking.SUCCEEDED),
    "pm_decline_soft": Script(
        Booking.DECLINED,
        decline=Declined(DeclineKind.SOFT, "insufficient_funds", "not enough money on the card"),
    ),
    "pm_decline_hard": Script(
        Booking.DECLINED,
        decline=Declined(DeclineKind.HARD, "card_lost", "the card was reported lost"),
    ),
    "pm_pending": Script(Booking.PENDING),
    "pm_pending_then_declined": Script(Booking.PENDING, decline=_LATE),
    "pm_timeout_charged": Script(
        Booking.SUCCEEDED, answer_lost="the sandbox charged and did not answer"
    ),
    # Nothing is booked but the loss itself: a lookup says conclusively "never seen", and when the
    # same key is then sent again, it is charged.
    "pm_timeout_not_charged": Script(
        Booking.LOST, answer_lost="the sandbox did not charge and did not answer"
    ),
    "pm_error_500_charged": Script(
        Booking.SUCCEEDED, answer_lost="the sandbox charged and answered 500"
    ),
}

_UNKNOWN = Declined(DeclineKind.HARD, "unknown_test_method", "unknown test method")


def script_of(payment_method: str) -> Script:
    """Give the script of a payment method; an unknown one is declined for good."""
    return SCRIPTS.get(payment_method, Script(Booking.DECLINED, decline=_UNKNOWN))


def decline_of(payment_method: str) -> Declined:
    """Give how a payment method is declined."""
    return script_of(payment_method).decline or _UNKNOWN
