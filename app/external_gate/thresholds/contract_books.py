"""What our own books know about a contract: its workflows, which failed, which follows."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from external_gate.domain.clock import Clock
from external_gate.domain.gate_report import KeptReport
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.workflow import State, Verdict, Workflow
from external_gate.stores.store import Store
from external_gate.stores.store_records import WorkflowFilter

ROWS_AT_ONCE = 500
"""Workflows read at once: enough to make the round trips not matter."""

LOOKS_APART = timedelta(seconds=1)
"""Between two looks for a workflow that is waited for."""


@dataclass(frozen=True, slots=True)
class ContractBooks:
    """Asks the store; it never asks Metronome, and writes nothing."""

    store: Store
    clock: Clock

    async def workflows(
        self, customer_id: CustomerId, contract_id: ContractId | None = None
    ) -> list[Workflow]:
        """Give a customer's workflows, or those of one contract, newest first."""
        every = self._every(WorkflowFilter(customer_id=customer_id, limit=ROWS_AT_ONCE))
        return [
            each
            async for each in every
            if contract_id is None or each.facts.contract_id == contract_id
        ]

    async def invoices(self, customer_id: CustomerId) -> frozenset[InvoiceId]:
        """Give the invoices for which a workflow of the customer was received."""
        received = await self.workflows(customer_id)
        return frozenset(each.facts.invoice_id for each in received)

    async def misread(self, invoice_id: InvoiceId, *, limit: int = ROWS_AT_ONCE) -> int | None:
        """Find a kept notification that names the invoice and was not understood; its number."""
        flawed = await self.store.notifications(limit=limit, flawed=True)
        wanted = invoice_id.encode()
        return next((each.number for each in flawed if wanted in each.body), None)

    async def unanswered(
        self, *, since: datetime, customer_id: CustomerId | None = None
    ) -> list[KeptReport]:
        """Give the thresholds that were reported as reached and never followed, newest first."""
        found = await self.store.lost_thresholds(since=since, limit=ROWS_AT_ONCE)
        return [each for each in found if customer_id in (None, each.report.customer_id)]

    async def follower(
        self,
        customer_id: CustomerId,
        contract_id: ContractId,
        *,
        known: frozenset[WorkflowId],
        until: datetime,
    ) -> Workflow | None:
        """Wait for a workflow of the contract that is not `known`, and until it ends or is held.

        Gives what there is at `until`: an unfinished workflow, or None when nothing came.
        """
        while True:
            found = await self.workflows(customer_id, contract_id)
            fresh = next((each for each in found if each.workflow_id not in known), None)
            rests = fresh is not None and (fresh.has_ended or fresh.state is State.HELD)
            if rests or self.clock.now() >= until:
                return fresh
            await self.clock.sleep(LOOKS_APART)

    async def _every(self, wanted: WorkflowFilter) -> AsyncIterator[Workflow]:
        while True:
            rows = await self.store.workflows(wanted)
            for row in rows:
                yield row
            if len(rows) < wanted.limit:
                return
            wanted = replace(wanted, before=(rows[-1].received_at, rows[-1].workflow_id))


def latest_failure(workflows: list[Workflow]) -> Workflow | None:
    """Give the newest workflow that was told `failed`, which switches the threshold off."""
    return next((each for each in workflows if each.verdict is Verdict.FAILED), None)
