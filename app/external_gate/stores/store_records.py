"""What goes into a store and what comes out: the records of its contract."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from external_gate.domain.errors import Refused
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.gate_report import GateReport
from external_gate.domain.identifiers import AttemptKey, CustomerId, WorkflowId
from external_gate.domain.ledger import (
    NOTHING_MORE,
    Asked,
    Deferral,
    GuardVerdict,
    HistoryEntry,
    Incident,
    IncidentKind,
    Ledger,
    Release,
)
from external_gate.domain.outcome import Declined, Outcome, Succeeded
from external_gate.domain.workflow import HeldReason, State, Workflow


class Receipt(StrEnum):
    """What became of a notification; pinned, it is the answer to Metronome."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class NewNotification:
    """One validly signed delivery from Metronome, as it arrived."""

    notification_id: str
    type: str
    digest: str
    """SHA-256 of the body, in hex."""
    body: bytes
    signed_at: datetime
    received_at: datetime
    concerns_us: bool
    """Whether it is a `payment_gate.*`; all others are kept and ignored."""
    flaw: str | None = None
    """Why the body was not understood; None when it was."""
    workflow: Workflow | None = None
    """The workflow that it begins, `received` or `held`; None when it begins none."""
    report: GateReport | None = None
    """What it reports about a gate without asking for a charge."""
    forward_to: tuple[str, ...] = ()
    """The endpoints to which it is passed on as it came."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those that are passed on with it."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """Give what is the same for a repeated delivery, and for no other notification."""
        return self.notification_id, self.type, self.digest


@dataclass(frozen=True, slots=True)
class Notification:
    """A kept notification."""

    number: int
    notification_id: str
    type: str
    digest: str
    body: bytes
    signed_at: datetime
    received_at: datetime
    deliveries: int
    flaw: str | None
    workflow_id: WorkflowId | None


WAITS = 0
"""The number of what is kept in the inbox and not recorded yet."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a store made of a notification, after commit."""

    receipt: Receipt
    number: int
    """`WAITS` while it is in the inbox."""
    workflow_id: WorkflowId | None = None
    conflict: bool = False
    """Whether it brought other facts for a known workflow."""
    contradicts: bool = False
    """Whether it reports another outcome than was decided: an incident was raised."""

    @property
    def waits(self) -> bool:
        """Tell whether it is kept in the inbox, and recorded later."""
        return self.number == WAITS


@dataclass(frozen=True, slots=True)
class SignedDelivery:
    """A delivery whose signature was good, as it came; the inbox keeps what a rush brought."""

    body: bytes
    signed_at: datetime
    received_at: datetime
    headers: Mapping[str, str]
    """From the inbox only those that are passed on with it."""
    number: int = 0
    """In the inbox; as a notification it gets another one. 0 when it never was there."""


class NoticeReceipt(StrEnum):
    """What became of a gateway's notice; pinned, it is the answer to the gateway."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class NewNotice:
    """What one notice of a gateway was understood to say; its bytes are not kept."""

    gateway: str
    event_id: str
    attempt_key: AttemptKey
    outcome: Outcome | None
    signed_and_final: bool
    received_at: datetime

    @property
    def is_proof(self) -> bool:
        """Whether it is evidence by itself; everything else only says: look again."""
        # Nothing else that a gateway could call final is an end.
        return self.signed_and_final and isinstance(self.outcome, Succeeded | Declined)


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A kept notice of a gateway."""

    number: int
    gateway: str
    event_id: str
    attempt_key: AttemptKey
    outcome: Outcome | None
    signed_and_final: bool
    received_at: datetime
    deliveries: int
    workflow_id: WorkflowId | None
    """None while no attempt of this gateway has the key."""
    evidence: int | None
    """The number of the evidence that it became; None for a hint, and for one of nobody."""


@dataclass(frozen=True, slots=True)
class NoticeTaken:
    """What a store made of a notice, after commit."""

    receipt: NoticeReceipt
    number: int
    workflow_id: WorkflowId | None = None
    is_evidence: bool = False
    """Whether it became evidence now."""
    look_asked: bool = False
    """Whether a look is wanted now because of it."""
    meant_for: str | None = None
    """The gateway whose attempt it names, when that is another one: then it is unmatched."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that a decision about one workflow may rest on, read at one instant."""

    workflow: Workflow
    attempts: tuple[Attempt, ...] = ()
    """In order of their numbers, each with its evidence."""
    releases: tuple[Release, ...] = ()
    newest_evidence: int = 0
    """The number of the newest evidence of any attempt."""

    @property
    def attempt(self) -> Attempt | None:
        """Give the attempt that is not closed; there is at most one."""
        return next((a for a in reversed(self.attempts) if not a.closed), None)


@dataclass(frozen=True, slots=True)
class Change:
    """One save: moves of one workflow with everything that belongs to them, in one transaction.

    `evidence` is appended in any case, also when the fence is lost: a worker that lost its lease
    cannot move the workflow but cannot lose the proof either. Only evidence of an attempt that this
    very change begins comes and goes with the change.
    """

    fence: int
    """The number given at the claim; the save fails when it is no longer the newest."""
    after: Workflow
    """The workflow as it shall stand; its fence is ignored."""
    newest_evidence: int
    """The newest evidence this decision has read; the save fails when there is newer."""
    history: tuple[HistoryEntry, ...] = ()
    """Tells every move, from the state that is stored to that of `after`; else `Broken` (P8)."""
    evidence: tuple[tuple[AttemptKey, Evidence], ...] = ()
    attempts: tuple[Attempt, ...] = ()
    """Attempts to insert or update, by workflow and number; their `evidence` is not written."""
    releases: tuple[Release, ...] = ()
    """Releases to insert or update, by workflow, verdict and generation."""
    incidents: tuple[Incident, ...] = ()
    give_back: bool = False
    """Whether the lease ends with this save."""
    judge: Callable[[Ledger], GuardVerdict] | None = None
    """Guards, asked inside the transaction; anything but `Allow` raises `GuardSpoke`."""
    dossier: Dossier | None = None
    """What the decision rested on, as the store gave it under this very fence. A help, no promise:
    what nobody can have written since need not be read again."""
    asked: Asked = NOTHING_MORE
    """What `judge` wants to know besides who has the invoice; nothing else is read for it."""


class UnreadEvidence(Refused):
    """Evidence arrived that the decision had not read: read again and decide again."""


class HoldWanted(Refused):
    """A hold was asked for meanwhile, and the change would have sent a charge."""


class GuardSpoke(Refused):
    """A guard did not allow the charge; nothing but evidence was saved."""

    def __init__(self, verdict: GuardVerdict) -> None:
        super().__init__(f"a guard spoke: {verdict}")
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class WorkflowFilter:
    """Which workflows to list; every field narrows."""

    states: frozenset[State] = frozenset()
    held_reasons: frozenset[HeldReason] = frozenset()
    customer_id: CustomerId | None = None
    since: datetime | None = None
    with_incidents: bool = False
    limit: int = 100
    before: tuple[datetime, WorkflowId] | None = None
    """The last row of the previous page: newest first by `received_at`, then by id."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers that operators watch."""

    by_state: Mapping[State, int] = field(default_factory=dict)
    """Unfinished states only; ended workflows are not counted again and again."""
    oldest_by_state: Mapping[State, datetime] = field(default_factory=dict)
    """When the oldest workflow in each of these states was received."""
    held: Mapping[HeldReason, int] = field(default_factory=dict)
    deferred: Mapping[Deferral, int] = field(default_factory=dict)
    """How many `ready` workflows a guard lets wait."""
    breakers_open: int = 0
    """For how many payment methods a workflow waits, `ready` or `held`, because of declines."""
    incidents: Mapping[IncidentKind, int] = field(default_factory=dict)
    inbox: int = 0
    """How many deliveries were acknowledged in a rush and wait to be recorded."""
    inbox_since: datetime | None = None
    """When the oldest of them was received."""
    notices_waiting: Mapping[str, int] = field(default_factory=dict)
    """Per endpoint of the host application."""
    notices_waiting_since: Mapping[str, datetime] = field(default_factory=dict)
    """Per endpoint since when the oldest notice has been offered to it."""
    notices_dead: Mapping[str, int] = field(default_factory=dict)
    """Per endpoint what was given up and not sent again."""
