"""What one call to a gateway can mean. Missing or unmapped means `Unknown`."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from external_gate.domain.money import Money


class DeclineKind(StrEnum):
    """Whether another try with the same payment method could succeed."""

    SOFT = "soft"  # insufficient funds, a limit, an issuer that is down: later perhaps
    HARD = "hard"  # card lost, account closed: never with this method


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Money was taken. An authorisation is not a success."""

    charge_id: str
    """The provider's own id of the charge; not empty. The same in every answer: two ids under one
    key are taken for two charges."""
    amount: Money
    """What was really taken, as the gateway reports it."""
    reference: str | None = None
    """Our attempt key as the gateway gives it back; None when it gives none back."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The gateway refused the payer; no money was taken by this call."""

    kind: DeclineKind = DeclineKind.HARD
    code: str = ""
    """The gateway's own code, for people and statistics."""
    message: str = ""
    """What the gateway says to the merchant, on one line."""
    charge_id: str | None = None
    """The provider's id of the declined charge, where it has one."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The gateway knows the charge and says that it is not final yet."""

    charge_id: str | None = None
    next_poll: timedelta | None = None
    """When the gateway wants to be asked again; None leaves it to the ladder."""
    needs_customer: bool = False
    action_url: str | None = None
    """Where the customer can finish it; without one, a charge that needs them is cancelled."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows what became of the call: a timeout, a 5xx, an answer that cannot be read."""

    cause: str
    """One line for an operator; like every cause, without secrets and without foreign bodies."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """It is certain that nothing left this machine."""

    cause: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """The gateway refused *us* (bad key, bad request) before looking at the payer."""

    cause: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """A lookup found no charge under the key."""

    conclusive: bool
    """Whether the gateway promises to see every charge it has accepted `visibility_lag` ago."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The cancel or refund is confirmed."""


@dataclass(frozen=True, slots=True)
class UndoPending:
    """The gateway took the cancel or refund; its result comes later."""


@dataclass(frozen=True, slots=True)
class TooLate:
    """The charge can no longer be undone this way."""

    cause: str = ""


@dataclass(frozen=True, slots=True)
class UndoUnknown:
    """Nobody knows what became of the cancel or refund; ask again with the same undo key."""

    cause: str


Outcome = Succeeded | Declined | Pending | Unknown | NotSent | Misconfigured
Undo = Undone | UndoPending | TooLate | UndoUnknown
Answer = Outcome | NotFound | Undo
