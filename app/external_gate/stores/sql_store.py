"""Every verb of a store as statements of `sql_*`; each database adds what `SqlAccess` asks for."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from external_gate.domain.evidence import Evidence
from external_gate.domain.host_notice import Subscriptions
from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident
from external_gate.domain.workflow import Facts, HeldReason, Workflow
from external_gate.stores import (
    sql_dossiers,
    sql_evidence,
    sql_holds,
    sql_intake,
    sql_leases,
    sql_lists,
    sql_marks,
    sql_notices,
    sql_saves,
)
from external_gate.stores.aftermath_verbs import AftermathVerbs
from external_gate.stores.crowd import Crowd
from external_gate.stores.inbox_verbs import InboxVerbs
from external_gate.stores.outbox_verbs import OutboxVerbs
from external_gate.stores.payer_verbs import PayerVerbs
from external_gate.stores.report_verbs import ReportVerbs
from external_gate.stores.sql_access import Stage
from external_gate.stores.store_records import (
    Change,
    Counts,
    Dossier,
    KeptNotice,
    NewNotice,
    NoticeTaken,
    Notification,
    Recorded,
    WorkflowFilter,
)

__all__ = ["SqlStore", "Stage"]


class SqlStore(InboxVerbs, OutboxVerbs, ReportVerbs, AftermathVerbs, PayerVerbs):
    """`Store` but for opening and closing: what is atomic is decided here, once for all."""

    restored: int | None = None
    """How many workflows were marked when the database was found an older copy; else None."""

    @abstractmethod
    async def open(self) -> None:
        """Connect and migrate."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was submitted and let go of everything."""

    def when_due(self, wake: Callable[[], None]) -> None:
        """Do nothing: no other process takes anything in."""

    def keep_notices(self, subscriptions: Subscriptions) -> None:
        """Write notices from now on."""
        self._subscriptions = subscriptions

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

    async def counts(self) -> Counts:
        """Count unfinished workflows and incidents."""
        return await self._read(sql_lists.read_counts)

    async def heartbeat(self, now: datetime) -> datetime:
        """Raise the high-water mark and give it."""
        return await self._write(partial(sql_marks.raise_high_water, now=now))

    async def mark_restored(self, at: datetime) -> int:
        """Mark every unfinished workflow."""
        return await self._write(partial(sql_marks.mark_restored, at=at))
