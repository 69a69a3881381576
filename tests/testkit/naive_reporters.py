"""Stores that take Metronome's other notifications in a hurry, with one fault each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.gate_report import GateReport, KeptReport
from external_gate.domain.identifiers import ContractId
from external_gate.stores.store_records import NewNotification, Recorded
from tests.testkit.naive_stores import Careful


class MisreadsReports(Careful):
    """Records something else than what was reported."""

    async def record(self, notification: NewNotification) -> Recorded:
        if notification.report is not None:
            misread = self.misread(notification.report)
            notification = replace(notification, report=misread)
        return await super().record(notification)

    def misread(self, report: GateReport) -> GateReport:
        raise NotImplementedError


class BelievesOldStatuses(MisreadsReports):
    """Takes whatever arrives for the latest word."""

    def misread(self, report: GateReport) -> GateReport:
        return replace(report, told_at=None)


class OverlooksStatuses(MisreadsReports):
    """Keeps a status without comparing it."""

    def misread(self, report: GateReport) -> GateReport:
        return replace(report, status=f"{report.status} ".lstrip())


class MatchesWithoutTheContract(MisreadsReports):
    """Takes every contract for the one it knows."""

    def misread(self, report: GateReport) -> GateReport:
        return replace(report, contract_id=ContractId("contract-1"))


class DecidesByStatus(Careful):
    """Takes Metronome's view for an outcome."""

    async def record(self, notification: NewNotification) -> Recorded:
        recorded = await super().record(notification)
        if notification.report is not None and notification.report.outcome is not None:
            self.by_hand(
                "UPDATE workflows SET verdict = ? WHERE verdict IS NULL AND invoice_id = ?",
                notification.report.outcome.value,
                notification.report.invoice_id,
            )
        return recorded


class LeasesNoThreshold(Careful):
    """Gives a threshold to everybody who asks."""

    async def unanswered_thresholds(
        self, *, received_before: datetime, lease: timedelta, limit: int
    ) -> Sequence[KeptReport]:
        return await super().unanswered_thresholds(
            received_before=received_before, lease=timedelta(), limit=limit
        )


class PassesOnWithoutHeaders(Careful):
    """Passes on the body alone, which proves nothing."""

    async def record(self, notification: NewNotification) -> Recorded:
        return await super().record(replace(notification, headers={}))


class PrunesByAgeAlone(Careful):
    """Removes whatever is old."""

    async def prune_notifications(self, *, before: datetime, limit: int) -> int:
        self.by_hand("DELETE FROM notifications WHERE received_at < ?", to_milliseconds(before))
        return 0
