"""What is written beside a workflow: history, releases, incidents; and what guards may know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import Actor, HeldReason, State, Verdict

REFUNDED_BY_HAND = "refunded_by_hand:"
"""How the words begin by which a workflow remembers, under its fence, what a person gave back; the
attempt's number follows."""

CUSTOMER_ASKED = "customer_action_asked"
"""The event in the history when a gateway sends the customer to an address."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of a workflow's history: who or what, when, on which evidence."""

    at: datetime
    actor: Actor
    event: str
    """What happened, in the past tense: `charge_sent`, `moved`, `release_answered`."""
    reason: str = ""
    who: str = ""
    """The operator's name; empty for the engine and the intake."""
    from_state: State | None = None
    to_state: State | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    number: int = 0


class IncidentKind(StrEnum):
    """Contradicting evidence that a person should look at; no money is moved by itself."""

    CONFLICTING_NOTIFICATION = "conflicting_notification"  # other facts for a workflow already sent
    PROOF_MISMATCH = "proof_mismatch"  # another amount, currency or reference was taken
    CONTRADICTION = "contradiction"  # declined and charged, before anything was decided
    LATE_SUCCESS = "late_success"  # money was taken after `failed` was decided
    REVERSED = "reversed"  # money went back after `paid` was decided
    SECOND_CHARGE = "second_charge"  # two charges stand under one workflow
    RELEASE_CONTRADICTED = "release_contradicted"  # Metronome did the opposite of what was owed
    PAYMENT_STATUS_CONTRADICTED = "payment_status_contradicted"  # Metronome reports the opposite
    PENDING_OVERDUE = "pending_overdue"  # not final at the deadline and cannot be cancelled
    REFUND_FAILED = "refund_failed"  # a refund that was asked for cannot be confirmed
    UNKNOWN_ACCEPTED = "unknown_accepted"  # a person settled while an attempt was unknown
    THRESHOLD_NOT_ENABLED = "threshold_not_enabled"  # Metronome did not switch it on, asked thrice


@dataclass(frozen=True, slots=True)
class Incident:
    """One contradiction, with what shows it."""

    kind: IncidentKind
    at: datetime
    detail: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """One generation of the release call of a workflow."""

    verdict: Verdict
    generation: int
    key: str
    first_sent_at: datetime
    """When its first send may have begun."""
    sends: int = 1
    answered_at: datetime | None = None
    """When the latest answer arrived; None while every send of it is unanswered."""
    answer: str = ""
    """What Metronome said: `done`, `already_committed`, `conflict`, `refused`, `failed` …"""


@dataclass(frozen=True, slots=True)
class Allow:
    """The guard has nothing against this charge."""


class Deferral(StrEnum):
    """What lets a workflow wait that resumes by itself."""

    PAUSE = "pause"  # a switch of the configuration
    VELOCITY = "velocity"  # the customer had as many charges as are allowed within a time
    BREAKER = "breaker"  # the payment method was declined too often in a row


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now; the workflow stays `ready` and resumes by itself."""

    reason: str
    until: datetime | None = None
    """None waits for a switch; it is looked at again every minute."""
    by: Deferral = Deferral.PAUSE


@dataclass(frozen=True, slots=True)
class Hold:
    """Not without a person."""

    held_reason: HeldReason
    detail: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Never; only while nothing was ever sent."""

    reason: str


GuardVerdict = Allow | Defer | Hold | Refuse


@dataclass(frozen=True, slots=True)
class Asked:
    """What guards want to know of one customer's charges; what is None is not read.

    `currency` belongs to `spent_since`, `charges` to `charges_since`.
    """

    spent_since: datetime | None = None
    currency: str = ""
    charges_since: datetime | None = None
    charges: int = 0
    """How many of the newest are told apart; more are not needed."""
    gateway: str = ""
    payer: Payer | None = None
    """Whose payment method's declines are counted, up to `declines` of them."""
    declines: int = 0

    @property
    def since(self) -> datetime | None:
        """Give since when charges are to be read; None when they are not asked for."""
        asked = [at for at in (self.spent_since, self.charges_since) if at is not None]
        return min(asked, default=None)


NOTHING_MORE = Asked()
"""The answer to it costs no statement."""

MOST_COUNTED = 2000
"""Attempts of one customer that are counted within the times asked for: some ten milliseconds of
reading. Who has more is charged by nobody's guess: `Ledger.too_many`."""

MOST_DECLINES_READ = 50
"""The newest attempts of one customer among which a payment method's declines are counted."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What guards may know about everything else, read in the transaction that saves `charging`.

    A charge counts while money may be taken by it, and when money was: charging, unresolved,
    pending and paid, also when a person settled it as paid. It does not when it is dead, when its
    money was given back, or while it was never sent. It counts at its latest send; the charges of
    the workflow that is asked about never count.
    """

    invoice_taken_by: WorkflowId | None = None
    """Another workflow of the same invoice with money taken, pending or unknown."""
    spent_minor: int = 0
    """What the customer was or may be charged since `Asked.spent_since`, in its currency."""
    charges: tuple[datetime, ...] = ()
    """When the customer's charges since `Asked.charges_since` were sent, newest first."""
    too_many: bool = False
    """Whether the customer has more attempts in that time than `MOST_COUNTED`: then the two above
    say too little."""
    declines: int = 0
    """How often the payment method was declined for this customer since it last paid, attempts
    without an end left aside; at most `Asked.declines`."""
