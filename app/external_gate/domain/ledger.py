"""What is written beside a workflow: history, releases, incidents; and what guards may know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import Actor, HeldReason, State, Verdict

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


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now; the workflow stays `ready` and resumes by itself."""

    reason: str
    until: datetime | None = None
    """None waits for a switch; it is looked at again every minute."""


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
class Ledger:
    """What guards may know about everything else, read in the transaction that saves `charging`."""

    invoice_taken_by: WorkflowId | None = None
    """Another workflow of the same invoice with money taken, pending or unknown."""
