"""The contract of a store, in the engine's verbs; it says what is atomic."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from external_gate.domain.aftermath import Aftermath, AftermathChange
from external_gate.domain.charge import Payer
from external_gate.domain.evidence import Evidence
from external_gate.domain.gate_report import KeptReport
from external_gate.domain.host_notice import (
    DeliveryState,
    DueNotice,
    HostNotice,
    KeptHostNotice,
    NoticeFilter,
    Subscriptions,
)
from external_gate.domain.identifiers import AttemptKey, CustomerId, WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident
from external_gate.domain.workflow import Facts, HeldReason, Workflow
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


class Store(Protocol):
    """Keeps notifications, workflows, attempts, evidence, releases, history, payers and notices.

    Every method that writes returns after a durable commit (P1). All raise `Unavailable` when the
    database cannot be reached, is full or read-only: nothing was written then, unless the answer to
    a commit was lost on its way, which nobody can tell; every write bears being made again.
    Instants are UTC with a resolution of milliseconds.
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

    def keep_notices(self, subscriptions: Subscriptions) -> None:
        """Write, from now on and by this handle, what the host application is to be told.

        A notice and its deliveries are written in the transaction of what they tell of, so that
        there are both or neither: by `save` and `begin`, as `host_notice_rules` says, and by
        `record` for a workflow that begins `held` and for an incident. Each workflow's notices are
        numbered from 1 in the order of their commits. A type that nobody wants is not written, and
        without a subscription nothing is: it costs no statement.
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

    async def put_notice(self, notice: HostNotice) -> None:
        """Keep a notice that tells of no save, if anybody wants its type.

        Raises `BadInput` when its workflow is unknown.
        """
        ...

    async def claim_notices(
        self, endpoint: str, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[DueNotice]:
        """Claim up to `limit` notices that are due for one endpoint, each counted as a try.

        Until the lease ends nobody else claims them; then they are due again.
        """
        ...

    async def settle_notice(
        self,
        due: DueNotice,
        *,
        state: DeliveryState,
        outcome: str,
        at: datetime,
        due_at: datetime | None = None,
    ) -> bool:
        """Write what a claimed try came to; `due_at` is its next, when it waits.

        False, and nothing is written, when it was claimed again meanwhile or has ended. Delivered
        is written all the same, unless a person has sent it again since that try was claimed.
        """
        ...

    async def resend_notice(self, number: int, *, endpoints: Collection[str], at: datetime) -> bool:
        """Offer a notice anew, from its first rung and for the whole time, the same bytes.

        Also to endpoints that it was never meant for. False when there is none of that number.
        """
        ...

    async def bury_notices(
        self, *, configured: Collection[str], now: datetime
    ) -> Sequence[tuple[int, str]]:
        """Give up what waits for endpoints that are not `configured`, when its time is over.

        Gives number and endpoint of each.
        """
        ...

    async def host_notices(self, wanted: NoticeFilter) -> Sequence[KeptHostNotice]:
        """List notices to the host application, newest first."""
        ...

    async def host_notice(self, number: int) -> KeptHostNotice | None:
        """Read one notice to the host application; None when there is none of that number."""
        ...

    async def gate_reports(self, workflow_id: WorkflowId, *, limit: int) -> Sequence[KeptReport]:
        """List what Metronome reported about a workflow's gate, the threshold last, newest first.

        By contract and invoice, so that it does not matter which of the two came first.
        """
        ...

    async def unanswered_thresholds(
        self, *, received_before: datetime, lease: timedelta, limit: int
    ) -> Sequence[KeptReport]:
        """Settle which workflow followed each reached threshold; give up to `limit` that none did.

        Each workflow follows one threshold of its contract, up to five minutes before it by
        clocks that differ. Those given are leased: nobody else gets them until the lease ends.
        """
        ...

    async def settle_thresholds(
        self, numbers: Collection[int], *, lost_at: datetime | None
    ) -> None:
        """Watch these notifications no longer: reported as lost then, or of no concern (None)."""
        ...

    async def lost_thresholds(self, *, since: datetime, limit: int) -> Sequence[KeptReport]:
        """List those reported as lost since then, newest first, while no workflow came later."""
        ...

    async def prune_notifications(self, *, before: datetime, limit: int) -> int:
        """Remove up to `limit` notifications received before then; 0 when nothing is left to do.

        Never one that asked for a charge or may have (its type cannot be read), that belongs to a
        workflow, that waits to be forwarded, or whose threshold is still watched.
        """
        ...

    async def claim_aftermaths(
        self, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Aftermath]:
        """Lease up to `limit` due aftermaths, oldest due first, each with a new fence.

        Until the lease ends nobody else claims them. The cost does not grow with history.
        """
        ...

    async def save_aftermath(self, change: AftermathChange) -> Aftermath:
        """Save an aftermath with its history, incidents and notices, all in one transaction.

        `change.judge` is asked in that transaction about the contract as our books stand, while no
        evidence and no incident can join the failed workflow. Gives the aftermath as it stands
        then: due at once when the payer changed after `change.after.payer_changed_at`. Raises, with
        nothing written: `LeaseLost` (another fence), `Obstructed` (the judge), `BadInput` (there is
        none), `Broken` (fewer tries, or an ended one made due).
        """
        ...

    async def aftermaths(self, workflow_ids: Collection[WorkflowId]) -> Sequence[Aftermath]:
        """Read the aftermaths of workflows, oldest first; those that did not fail have none."""
        ...

    async def note_payer_change(
        self, customer_id: CustomerId, *, at: datetime, told_by: str
    ) -> bool:
        """Note that a customer's payer changed, and make their aftermaths due; the latest counts.

        Those that have ended stay so. False, and nothing is written, for a customer of whom no
        workflow is known.
        """
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
