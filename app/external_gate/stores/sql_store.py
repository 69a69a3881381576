"""Every verb of a store as statements of `sql_*`; each database adds how it writes and reads."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any, TypeVar

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
from external_gate.stores import (
    sql_aftermaths,
    sql_dossiers,
    sql_evidence,
    sql_holds,
    sql_intake,
    sql_leases,
    sql_lists,
    sql_marks,
    sql_notices,
    sql_outbox,
    sql_payers,
    sql_pruning,
    sql_reports,
    sql_saves,
    sql_watch,
)
from external_gate.stores.crowd import Crowd
from external_gate.stores.sql_transaction import Transaction
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

Result = TypeVar("Result")
Item = TypeVar("Item")
Stage = Callable[[Transaction], Any]  # Any: each caller of `_write` knows its own result
_Recording = Callable[[Transaction, Sequence[NewNotification]], Sequence[Recorded]]


class SqlStore(ABC):
    """`Store` but for opening and closing: what is atomic is decided here, once for all."""

    _subscriptions: Subscriptions = sql_outbox.NOBODY
    _recording: _Recording = staticmethod(sql_intake.record)
    restored: int | None = None
    """How many workflows were marked when the database was found an older copy; else None."""

    @abstractmethod
    async def open(self) -> None:
        """Connect and migrate."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was submitted and let go of everything."""

    def when_due(self, wake: Callable[[], None]) -> None:  # noqa: B027 - not every store has news
        """Do nothing: no other process takes anything in."""

    def keep_notices(self, subscriptions: Subscriptions) -> None:
        """Write notices from now on."""
        self._subscriptions = subscriptions

        @wraps(sql_intake.record)
        def record(
            transaction: Transaction, notifications: Sequence[NewNotification]
        ) -> list[Recorded]:
            return sql_intake.record(transaction, notifications, subscriptions)

        # One function for all calls: what is gathered is what was submitted with the same one.
        self._recording = record

    async def record(self, notification: NewNotification) -> Recorded:
        """Make a notification durable, with the workflow it begins."""
        return await self._take_in_together(self._recording, notification)

    async def begin(
        self, number: int, workflow: Workflow, *, entry: HistoryEntry | None = None
    ) -> Recorded:
        """Begin a workflow from a kept notification."""
        wanted = partial(sql_intake.begin, number=number, workflow=workflow)
        return await self._take_in(partial(wanted, entry=entry, subscriptions=self._subscriptions))

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Dossier]:
        """Lease up to `limit` due workflows."""
        return await self._write(
            partial(sql_leases.claim, owner=owner, now=now, lease=lease, limit=limit)
        )

    async def acquire(
        self, workflow_id: WorkflowId, *, owner: str, now: datetime, lease: timedelta
    ) -> Dossier:
        """Lease one workflow for a person."""
        wanted = partial(sql_leases.acquire, workflow_id=workflow_id)
        return await self._write(partial(wanted, owner=owner, now=now, lease=lease))

    async def renew(
        self, leases: Sequence[tuple[WorkflowId, int]], *, until: datetime
    ) -> frozenset[WorkflowId]:
        """Prolong leases; give those that were lost."""
        return await self._write(partial(sql_leases.renew, leases=leases, until=until))

    async def give_back(
        self, leases: Sequence[tuple[WorkflowId, int]], *, due_at: datetime | None
    ) -> None:
        """End leases early."""
        await self._write(partial(sql_leases.give_back, leases=leases, due_at=due_at))

    async def save(self, change: Change) -> Dossier:
        """Append evidence; then make the change if it still holds."""
        save = sql_saves.Save(change, self._subscriptions)
        crowd = Crowd(sql_saves.save_together, save)
        return await self._write(save.move, first=save.keep, crowd=crowd)

    async def append_evidence(
        self, key: AttemptKey, evidence: Sequence[Evidence]
    ) -> WorkflowId | None:
        """Append evidence without a fence, and wake the workflow."""
        return await self._write(partial(sql_evidence.append_evidence, key=key, evidence=evidence))

    async def record_notices(self, notices: Sequence[NewNotice]) -> Sequence[NoticeTaken]:
        """Make a gateway's notices durable: evidence, or a look that is wanted."""
        return await self._take_in(partial(sql_notices.record_notices, notices=notices))

    async def want_hold(
        self, workflow_id: WorkflowId, *, reason: HeldReason, detail: str, entry: HistoryEntry
    ) -> None:
        """Ask for a hold that takes effect at the next save."""
        wanted = partial(sql_holds.want_hold, workflow_id=workflow_id, reason=reason)
        await self._write(partial(wanted, detail=detail, entry=entry))

    async def dossier(self, workflow_id: WorkflowId) -> Dossier | None:
        """Read one workflow."""
        return await self._read(partial(sql_dossiers.read_dossier, workflow_id=workflow_id))

    async def facts(self, workflow_id: WorkflowId) -> Facts | None:
        """Read what the notification said."""
        return await self._read(partial(sql_dossiers.read_facts, workflow_id=workflow_id))

    async def history(self, workflow_id: WorkflowId) -> Sequence[HistoryEntry]:
        """Read a workflow's history."""
        return await self._read(partial(sql_dossiers.read_history, workflow_id=workflow_id))

    async def incidents(self, workflow_id: WorkflowId) -> Sequence[Incident]:
        """Read a workflow's incidents."""
        return await self._read(partial(sql_dossiers.read_incidents, workflow_id=workflow_id))

    async def workflows(self, wanted: WorkflowFilter) -> Sequence[Workflow]:
        """List workflows."""
        return await self._read(partial(sql_lists.list_workflows, wanted=wanted))

    async def notifications(
        self, *, limit: int, before: int | None = None, flawed: bool = False
    ) -> Sequence[Notification]:
        """List kept notifications."""
        wanted = partial(sql_lists.list_notifications, limit=limit)
        return await self._read(partial(wanted, before=before, flawed=flawed))

    async def notification(self, number: int) -> Notification | None:
        """Read one kept notification."""
        return await self._read(partial(sql_lists.read_notification, number=number))

    async def notices(
        self, *, limit: int, before: int | None = None, unmatched: bool = False
    ) -> Sequence[KeptNotice]:
        """List kept notices of gateways."""
        wanted = partial(sql_notices.list_notices, limit=limit)
        return await self._read(partial(wanted, before=before, unmatched=unmatched))

    async def notices_of(self, workflow_id: WorkflowId, *, limit: int) -> Sequence[KeptNotice]:
        """List the newest notices that name an attempt of this workflow."""
        wanted = partial(sql_notices.notices_of, workflow_id=workflow_id)
        return await self._read(partial(wanted, limit=limit))

    async def put_notice(self, notice: HostNotice) -> None:
        """Keep a notice that tells of no save."""
        wanted = partial(sql_outbox.put_notice, notice=notice)
        await self._write(partial(wanted, subscriptions=self._subscriptions))

    async def claim_notices(
        self, endpoint: str, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[DueNotice]:
        """Claim what is due for one endpoint."""
        wanted = partial(sql_outbox.claim_notices, endpoint=endpoint, now=now)
        return await self._write(partial(wanted, lease=lease, limit=limit))

    async def settle_notice(
        self,
        due: DueNotice,
        *,
        state: DeliveryState,
        outcome: str,
        at: datetime,
        due_at: datetime | None = None,
    ) -> bool:
        """Write what a try came to."""
        wanted = partial(sql_outbox.settle_notice, due=due, state=state, outcome=outcome)
        return await self._write(partial(wanted, at=at, due_at=due_at))

    async def resend_notice(self, number: int, *, endpoints: Collection[str], at: datetime) -> bool:
        """Offer a notice to endpoints anew."""
        wanted = partial(sql_outbox.resend_notice, number=number)
        return await self._write(partial(wanted, endpoints=endpoints, at=at))

    async def bury_notices(
        self, *, configured: Collection[str], now: datetime
    ) -> Sequence[tuple[int, str]]:
        """Give up what waits for endpoints that are gone from the configuration."""
        wanted = partial(sql_outbox.bury_notices, configured=configured)
        return await self._write(partial(wanted, now=now))

    async def host_notices(self, wanted: NoticeFilter) -> Sequence[KeptHostNotice]:
        """List notices to the host application."""
        return await self._read(partial(sql_outbox.list_host_notices, wanted=wanted))

    async def host_notice(self, number: int) -> KeptHostNotice | None:
        """Read one notice to the host application."""
        return await self._read(partial(sql_outbox.read_host_notice, number=number))

    async def gate_reports(self, workflow_id: WorkflowId, *, limit: int) -> Sequence[KeptReport]:
        """List what Metronome reported about a workflow's gate."""
        wanted = partial(sql_reports.reports_of, workflow_id=workflow_id, limit=limit)
        return await self._read(wanted)

    async def unanswered_thresholds(
        self, *, received_before: datetime, lease: timedelta, limit: int
    ) -> Sequence[KeptReport]:
        """Lease reached thresholds that no workflow followed."""
        wanted = partial(sql_watch.unanswered_thresholds, received_before=received_before)
        return await self._write(partial(wanted, lease=lease, limit=limit))

    async def settle_thresholds(
        self, numbers: Collection[int], *, lost_at: datetime | None
    ) -> None:
        """Watch these no longer."""
        wanted = partial(sql_watch.settle_thresholds, numbers=numbers, lost_at=lost_at)
        await self._write(wanted)

    async def lost_thresholds(self, *, since: datetime, limit: int) -> Sequence[KeptReport]:
        """List thresholds that were reported as lost."""
        return await self._read(partial(sql_watch.lost_thresholds, since=since, limit=limit))

    async def prune_notifications(self, *, before: datetime, limit: int) -> int:
        """Remove notifications that belong to nothing."""
        return await self._write(
            partial(sql_pruning.prune_notifications, before=before, limit=limit)
        )

    async def claim_aftermaths(
        self, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Aftermath]:
        """Lease what is due after failed payments."""
        wanted = partial(sql_aftermaths.claim_aftermaths, now=now)
        return await self._write(partial(wanted, lease=lease, limit=limit))

    async def save_aftermath(self, change: AftermathChange) -> Aftermath:
        """Save what was done after a failed payment."""
        wanted = partial(sql_aftermaths.save_aftermath, change=change)
        return await self._write(partial(wanted, subscriptions=self._subscriptions))

    async def aftermaths(self, workflow_ids: Collection[WorkflowId]) -> Sequence[Aftermath]:
        """Read what was done after some workflows."""
        return await self._read(partial(sql_aftermaths.read_aftermaths, workflow_ids=workflow_ids))

    async def note_payer_change(
        self, customer_id: CustomerId, *, at: datetime, told_by: str
    ) -> bool:
        """Note that a customer's payer changed."""
        wanted = partial(sql_aftermaths.note_payer_change, customer_id=customer_id)
        return await self._write(partial(wanted, at=at, told_by=told_by))

    async def counts(self) -> Counts:
        """Count unfinished workflows and incidents."""
        return await self._read(sql_lists.read_counts)

    async def heartbeat(self, now: datetime) -> datetime:
        """Raise the high-water mark and give it."""
        return await self._write(partial(sql_marks.raise_high_water, now=now))

    async def mark_restored(self, at: datetime) -> int:
        """Mark every unfinished workflow."""
        return await self._write(partial(sql_marks.mark_restored, at=at))

    async def payer(self, customer_id: CustomerId) -> Payer | None:
        """Read a customer's payer."""
        return await self._read(partial(sql_payers.read_payer, customer_id=customer_id))

    async def payers(
        self, *, limit: int, after: CustomerId | None = None
    ) -> Sequence[tuple[CustomerId, Payer]]:
        """List payers by customer id."""
        return await self._read(partial(sql_payers.list_payers, limit=limit, after=after))

    async def put_payers(self, payers: Mapping[CustomerId, Payer]) -> None:
        """Set payers, all in one transaction."""
        await self._write(partial(sql_payers.put_payers, payers=payers))

    async def remove_payer(self, customer_id: CustomerId) -> bool:
        """Remove a customer's payer."""
        return await self._write(partial(sql_payers.remove_payer, customer_id=customer_id))

    @abstractmethod
    async def _write(
        self,
        stage: Callable[[Transaction], Result],
        *,
        first: Stage | None = None,
        crowd: Crowd | None = None,
    ) -> Result:
        """Run `first` and `stage` in one durable transaction and give what `stage` gave.

        A stage that raises undoes itself alone: what `first` wrote stays when `stage` fails. With
        a `crowd` it may be run at once with others of its kind instead, as long as all succeed.
        """

    async def _take_in(self, stage: Callable[[Transaction], Result]) -> Result:
        """Write what somebody outside waits for to be acknowledged."""
        return await self._write(stage)

    async def _take_in_together(
        self, together: Callable[[Transaction, Sequence[Item]], Sequence[Result]], item: Item
    ) -> Result:
        """The same, for what can be written for many at once; each is written alone if it fails."""

        @wraps(together)
        def alone(transaction: Transaction) -> Result:
            return together(transaction, [item])[0]

        return await self._take_in(alone)

    @abstractmethod
    async def _read(self, question: Callable[[Transaction], Result]) -> Result:
        """Put a question that writes nothing and sees one instant."""
