"""The contract of a store for Metronome's other notifications: compared, watched, pruned."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from external_gate.domain.gate_report import KeptReport
from external_gate.domain.identifiers import WorkflowId


class ReportStore(Protocol):
    """Keeps what Metronome reports about its gates. `Store` says what all verbs promise."""

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
