"""The verbs of `ReportStore` as statements of `sql_reports`, `sql_watch` and `sql_pruning`."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from external_gate.domain.gate_report import KeptReport
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores import (
    sql_pruning,
    sql_reports,
    sql_watch,
)
from external_gate.stores.sql_access import SqlAccess


class ReportVerbs(SqlAccess):
    """`ReportStore` on every database that speaks SQL."""

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
