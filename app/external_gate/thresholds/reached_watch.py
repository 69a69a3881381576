"""Watches thresholds that were reached, until the workflow came that each of them announces.

One that does not come in time is reported: its webhook was lost on the way, and Metronome waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from external_gate.domain.clock import Clock
from external_gate.domain.errors import GateError
from external_gate.domain.gate_report import KeptReport
from external_gate.metronome.contracting import Contracting, Gate
from external_gate.stores.store import Store

AT_ONCE = 20
"""Looked into together: each may ask Metronome for its contract."""

LEASE = timedelta(minutes=15)
"""For which no other replica looks into them: twenty answers of Metronome's at its slowest, and
what is reported by somebody who dies before writing that down is reported again after it."""


class WatchObserver(Protocol):
    """Hears of thresholds that nothing followed; must neither raise nor block."""

    def webhook_missed(self, told: KeptReport) -> None:
        """No workflow followed a threshold of an external gate."""
        ...


@dataclass(frozen=True, slots=True)
class ReachedWatch:
    """One replica's watch; several share a store."""

    store: Store
    contracting: Contracting
    clock: Clock
    wait: timedelta
    """How long the workflow may be on its way."""
    observer: WatchObserver

    async def run_once(self) -> int:
        """Report what is missing by now, each once; give how many that were.

        Reported before that is written down: killed in between, it is reported again after the
        lease. Those of which Metronome cannot tell keep nobody waiting: they are looked into after
        the lease, and the first error is raised at the end.
        """
        missing = 0
        errors: list[GateError] = []
        while found := await self._unanswered():
            for told in found:
                try:
                    missing += await self._look_into(told)
                except GateError as error:
                    errors.append(error)
        if errors:
            raise errors[0]
        return missing

    async def _unanswered(self) -> Sequence[KeptReport]:
        received_before = self.clock.now() - self.wait
        return await self.store.unanswered_thresholds(
            received_before=received_before, lease=LEASE, limit=AT_ONCE
        )

    async def _look_into(self, told: KeptReport) -> bool:
        is_ours = await self._is_external(told)
        if is_ours:
            self.observer.webhook_missed(told)
        lost_at = self.clock.now() if is_ours else None
        await self.store.settle_thresholds([told.notification], lost_at=lost_at)
        return is_ours

    async def _is_external(self, told: KeptReport) -> bool:
        """Whether we were to be asked: of other gates Metronome sends the same announcement."""
        report = told.report
        terms = await self.contracting.terms(report.customer_id, report.contract_id)
        if terms is None:
            return False
        return any(each.gate == Gate.EXTERNAL for each in terms.thresholds.values())
