"""A small pretend billing side for whole lives: invoices that agree, releases that are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from external_gate.domain.charge import Payer
from external_gate.domain.evidence import Evidence
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident
from external_gate.domain.outcome import Answer
from external_gate.domain.workflow import Verdict, Workflow
from external_gate.metronome.billing import (
    Contract,
    Customer,
    Invoice,
    InvoiceStatus,
    ReleaseAnswer,
    ReleaseResult,
)
from external_gate.payers.payer_source import PayerQuestion


@dataclass
class PretendBilling:
    """A billing side that never fails: what is tried here is the gateway."""

    invoices: dict[str, Invoice] = field(default_factory=dict)
    told: dict[str, list[Verdict]] = field(default_factory=dict)
    """Every verdict that was released, by workflow."""

    async def release(
        self,
        workflow_id: WorkflowId,
        verdict: Verdict,
        *,
        key: str,  # noqa: ARG002 # of the contract
        not_after: datetime,  # noqa: ARG002 # of the contract
    ) -> ReleaseAnswer:
        """Take the verdict."""
        self.told.setdefault(workflow_id, []).append(verdict)
        if verdict is Verdict.FAILED:
            invoice_id = f"inv-{workflow_id}"
            void = replace(self.invoices[invoice_id], status=InvoiceStatus.VOID)
            self.invoices[invoice_id] = void
        return ReleaseAnswer(ReleaseResult.DONE)

    async def invoice(
        self,
        customer_id: CustomerId,  # noqa: ARG002 # of the contract
        invoice_id: InvoiceId,
    ) -> Invoice | None:
        """Give the invoice."""
        return self.invoices.get(invoice_id)

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """Know everybody."""
        return Customer(customer_id, "Somebody")

    async def contract(
        self,
        customer_id: CustomerId,  # noqa: ARG002 # of the contract
        contract_id: ContractId,
    ) -> Contract | None:
        """Know every contract."""
        return Contract(contract_id)

    async def edit_contract(
        self,
        customer_id: CustomerId,
        contract_id: ContractId,
        *,
        changes: Mapping[str, Any],  # whatever the contract of the billing side allows
        uniqueness_key: str | None = None,
    ) -> None:
        """Change nothing: the engine never asks for it."""


@dataclass
class PayersByWorkflow:
    """Everybody's payer, as the life of each workflow wants it."""

    by_workflow: dict[str, Payer] = field(default_factory=dict)

    async def find(self, question: PayerQuestion) -> Payer | None:
        """Give the payer."""
        return self.by_workflow.get(question.workflow_id)


@dataclass
class Listening:
    """An observer that keeps what a life must not have: errors of ours."""

    errors: list[Exception] = field(default_factory=list)

    def saved(self, before: Workflow, after: Workflow, history: tuple[HistoryEntry, ...]) -> None:
        """Hear a change."""

    def incident(self, workflow: Workflow, incident: Incident) -> None:
        """Hear an incident."""

    def gateway_called(
        self, gateway: str, operation: str, answer: Answer, duration: timedelta
    ) -> None:
        """Hear a call."""

    def release_called(self, answer: ReleaseAnswer, duration: timedelta) -> None:
        """Hear a release."""

    def lease_lost(self, workflow: Workflow) -> None:
        """Hear of a lost lease."""

    def claim_failed(self, error: Exception) -> None:
        """Keep the error."""
        self.errors.append(error)

    def step_failed(self, workflow: Workflow, error: Exception) -> None:  # noqa: ARG002 # of the contract
        """Keep the error."""
        self.errors.append(error)


def answers_of(evidence: tuple[Evidence, ...]) -> list[str]:
    """Give what an attempt was answered, for a trace."""
    return [f"{piece.source}: {piece.answer!r}" for piece in evidence]
