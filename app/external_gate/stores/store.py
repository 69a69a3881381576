"""The contract of a store, in the engine's verbs; it says what is atomic.

Five subjects beside the workflows stand in modules of their own, `store_*`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from external_gate.domain.evidence import Evidence
from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident
from external_gate.domain.workflow import Facts, HeldReason, Workflow
from external_gate.stores.store_aftermaths import AftermathStore
from external_gate.stores.store_inbox import InboxStore
from external_gate.stores.store_outbox import OutboxStore
from external_gate.stores.store_payers import PayerStore
from external_gate.stores.store_records import (
    Change,
    Counts,
    Dossier,
    KeptNotice,
    NewNotice,
    NewNotification,
    NoticeTaken,
    Notification,
    Recorded,
    WorkflowFilter,
)
from external_gate.stores.store_reports import ReportStore


class Store(InboxStore, OutboxStore, ReportStore, AftermathStore, PayerStore, Protocol):
    """Keeps notifications, workflows, attempts, evidence, releases, history, payers and notices.

    Every method that writes returns after a durable commit (P1). All raise `Unavailable` when the
    database cannot be reached, is full or read-only: nothing was written then, unless the answer to
    a commit was lost on its way, which nobody can tell; every write bears being made again.
    Instants are UTC with a resolution of milliseconds. All this holds for the inherited verbs, too.
    """

    async def open(self) -> None:
        """Connect, migrate, take the lock of a serving process.

        Raises `Broken` when the database is newer than the code, when a migration was edited, when
        another service works on the same file, or when the database moved away or has arrived in
        part only. Safe when two processes start at once.
        """
        ...

    @property
    def restored(self) -> int | None:
        """How many workflows were marked when the database was found to be an older copy.

        None while it was not; `open`, `claim` and `heartbeat` may find it out.
        """
        ...

    def when_due(self, wake: Callable[[], None]) -> None:
        """Call `wake`, in the loop of the opened store, when another process took something in.

        A help, no promise: due workflows are to be asked for from time to time all the same.
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

        A `report` is kept with it and held against the workflows of its contract and invoice, as
        `report_rules` says: a line in the history, or an incident, each once per workflow; nothing
        moves. What is new is offered to `forward_to` in the same transaction, never a repetition.

        In a rush all this may wait, but for what contradicts a workflow on record: the delivery is
        durable in the inbox, its answer is the same, and `number` is `WAITS`. A repetition of what
        another process or an earlier life has left there, or that comes while it is full, is
        answered `RECORDED`; it is recorded once all the same.
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
        """Lease one workflow, due or not: for a person, or for the worker that set it aside.

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
        A move to `cancelled` begins an aftermath, `confirming` and due at once.
        """
        ...

    async def append_evidence(
        self, key: AttemptKey, evidence: Sequence[Evidence]
    ) -> WorkflowId | None:
        """Append evidence to the attempt with this key, without a fence, and wake its workflow.

        Gives None, and writes nothing, when no attempt has this key.
        """
        ...

    async def record_notices(self, notices: Sequence[NewNotice]) -> Sequence[NoticeTaken]:
        """Make a gateway's notices durable, and let them take effect, all in one transaction.

        One that is proof is appended to its attempt as evidence, as by `append_evidence`. Any other
        asks to *look again*: its workflow, ended or not, becomes claimable at `Workflow.look_at`
        without evidence and with `due_at` as it was; a lease is not broken, and what was asked
        meanwhile is looked at after it. Looks that notices bring forward are `LOOKS_APART`.

        The same gateway and event id again: `DUPLICATE`, counted, never evidence; a repeated hint
        is a hint once more, and so is a repeat that says something else. `UNMATCHED` when no
        attempt of this gateway has the key: kept, and matched by a later delivery if one has then.
        Gives what became of each, in their order.
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

    async def notices(
        self, *, limit: int, before: int | None = None, unmatched: bool = False
    ) -> Sequence[KeptNotice]:
        """List kept notices of gateways, newest first, below the number `before`."""
        ...

    async def notices_of(self, workflow_id: WorkflowId, *, limit: int) -> Sequence[KeptNotice]:
        """List the newest notices that name an attempt of this workflow, newest first.

        Also those that were sent by another gateway or before our books knew the attempt.
        """
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
        """Count unfinished workflows, incidents, and notices on their way or given up."""
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
