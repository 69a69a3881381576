"""The contract of a store, in the engine's verbs; it says what is atomic."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from external_gate.domain.charge import Payer
from external_gate.domain.errors import Refused
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.identifiers import AttemptKey, CustomerId, WorkflowId
from external_gate.domain.ledger import (
    GuardVerdict,
    HistoryEntry,
    Incident,
    IncidentKind,
    Ledger,
    Release,
)
from external_gate.domain.workflow import Facts, HeldReason, State, Workflow


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


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a store made of a notification, after commit."""

    receipt: Receipt
    number: int
    workflow_id: WorkflowId | None = None
    conflict: bool = False
    """Whether it brought other facts for a known workflow."""


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
    incidents: Mapping[IncidentKind, int] = field(default_factory=dict)


class Store(Protocol):
    """Keeps notifications, workflows, attempts, evidence, releases, history and payers.

    Every method that writes returns after a durable commit (P1). All raise `Unavailable` when the
    database cannot be reached, is full or read-only: nothing was written then. Instants are UTC
    with a resolution of milliseconds.
    """

    async def open(self) -> None:
        """Connect, migrate, take the lock of a serving process.

        Raises `Broken` when the database is newer than the code, when a migration was edited, or
        when another service works on the same file. Safe when two processes start at once.
        """
        ...

    async def close(self) -> None:
        """Finish what was submitted and let go of everything. Repeatable."""
        ...

    async def record(self, notification: NewNotification) -> Recorded:
        """Make a notification durable, with the workflow it begins, in one transaction.

        The same id, type and digest, or equal facts for a known workflow: `DUPLICATE` (a repeated
        delivery is counted). Other facts for a known workflow: `RECORDED` with `conflict`; a
        workflow that was never sent gets `hold_wanted` and becomes due, all others an incident.
        The history begins with the event `recorded`.
        """
        ...

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Dossier]:
        """Lease up to `limit` due workflows, oldest due first, each with a new fence.

        The cost does not grow with history. A workflow whose lease ran out is due again.
        `Workflow.due_at` stays what the engine last saved, through claims and wake-ups: when a
        workflow can be claimed is a second instant (`claimable_at`) that only the store moves.
        """
        ...

    async def acquire(
        self, workflow_id: WorkflowId, *, owner: str, now: datetime, lease: timedelta
    ) -> Dossier:
        """Lease one workflow for a person, due or not.

        Raises `BadInput` when it is unknown, `LeaseLost` while a worker holds it.
        """
        ...

    async def renew(
        self, leases: Sequence[tuple[WorkflowId, int]], *, until: datetime
    ) -> frozenset[WorkflowId]:
        """Prolong leases by workflow and fence; give those that were lost meanwhile.

        A lease is never shortened; one that was given back is neither prolonged nor lost.
        """
        ...

    async def give_back(
        self, leases: Sequence[tuple[WorkflowId, int]], *, due_at: datetime | None
    ) -> None:
        """End leases early, so that another worker can claim the workflows from `due_at` on.

        With None only a person or new evidence moves them. Unread evidence or a wanted hold waits
        no longer than the lease would have lasted. Leases that were lost meanwhile stay.
        """
        ...

    async def save(self, change: Change) -> Dossier:
        """Append evidence; then, in the same transaction, make the change if it still holds.

        Gives the dossier as it stands after the save. Raises, with the evidence kept and nothing
        else written: `LeaseLost` (newer fence), `UnreadEvidence`, `HoldWanted` (the change enters
        `charging` and a hold is wanted), `GuardSpoke`, `Broken` (what the database forbids). A
        lease that ran out is no obstacle while nobody else has claimed. `hold_wanted` is cleared
        by `held` alone; one that `after` does not know makes the workflow due when given back.
        """
        ...

    async def append_evidence(
        self, key: AttemptKey, evidence: Sequence[Evidence]
    ) -> WorkflowId | None:
        """Append evidence to the attempt with this key, without a fence, and wake its workflow.

        Gives None, and writes nothing, when no attempt has this key.
        """
        ...

    async def want_hold(
        self, workflow_id: WorkflowId, *, reason: HeldReason, detail: str, entry: HistoryEntry
    ) -> None:
        """Ask for a hold that takes effect at the workflow's next save, and make it due.

        Raises `BadInput` when it is unknown, `Refused` when it has ended.
        """
        ...

    async def dossier(self, workflow_id: WorkflowId) -> Dossier | None:
        """Read one workflow; None when it is unknown."""
        ...

    async def history(self, workflow_id: WorkflowId) -> Sequence[HistoryEntry]:
        """Read a workflow's history, oldest first."""
        ...

    async def incidents(self, workflow_id: WorkflowId) -> Sequence[Incident]:
        """Read a workflow's incidents, oldest first."""
        ...

    async def workflows(self, wanted: WorkflowFilter) -> Sequence[Workflow]:
        """List workflows, newest first."""
        ...

    async def notifications(
        self, *, limit: int, before: int | None = None, flawed: bool = False
    ) -> Sequence[Notification]:
        """List kept notifications, newest first, below the number `before`."""
        ...

    async def notification(self, number: int) -> Notification | None:
        """Read one kept notification; None when there is none of that number."""
        ...

    async def begin(
        self, number: int, workflow: Workflow, *, entry: HistoryEntry | None = None
    ) -> Recorded:
        """Begin a workflow from a kept notification that had begun none (replay).

        Follows the rules of `record` for workflows that are already known. `entry`, who asked for
        it and why, joins the workflow's history in the same transaction, after what came of it.
        """
        ...

    async def facts(self, workflow_id: WorkflowId) -> Facts | None:
        """Read what the notification said; None when the workflow is unknown."""
        ...

    async def counts(self) -> Counts:
        """Count unfinished workflows and incidents."""
        ...

    async def heartbeat(self, now: datetime) -> datetime:
        """Raise the high-water mark of time to `now` and give the mark.

        It rises by a millisecond at least, also while `now` lies behind it.
        """
        ...

    async def mark_restored(self, at: datetime) -> int:
        """Mark every unfinished workflow: its next send begins with a lookup. Gives how many.

        Workflows that are begun later by notifications signed up to `at` are marked as well.
        """
        ...

    async def payer(self, customer_id: CustomerId) -> Payer | None:
        """Read a customer's payer from our own table."""
        ...

    async def payers(
        self, *, limit: int, after: CustomerId | None = None
    ) -> Sequence[tuple[CustomerId, Payer]]:
        """List payers by customer id."""
        ...

    async def put_payers(self, payers: Mapping[CustomerId, Payer]) -> None:
        """Set payers, all in one transaction."""
        ...

    async def remove_payer(self, customer_id: CustomerId) -> bool:
        """Remove a customer's payer; false when there was none."""
        ...
