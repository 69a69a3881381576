"""Workflows and lines of history, as the engine hands them to the observer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import Actor, Facts, State, Workflow

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ID = WorkflowId("d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc")
INVOICE = InvoiceId("42424242-4242-4242-8242-424242424242")
KEY = "ab2cd3ef4gh5ij6kl7mn"


def workflow(state: State = State.RECEIVED, **changes: object) -> Workflow:
    """Give a workflow in a state."""
    facts = Facts(
        workflow_id=ID,
        workflow_type="spend",
        customer_id=CustomerId("3e2c6d3c-9b1c-4b5e-8a51-0c2f5b6f2b11"),
        contract_id=ContractId("c"),
        invoice_id=INVOICE,
        total=Decimal(1500),
        currency="USD (cents)",
    )
    plain = Workflow(facts, state, received_at=NOW, updated_at=NOW)
    return replace(plain, **changes)  # type: ignore[arg-type]  # whatever the test changes


def note(event: str, reason: str = "", *, who: str = "", **facts: str) -> HistoryEntry:
    """Give a line of history."""
    actor = Actor.PERSON if who else Actor.ENGINE
    return HistoryEntry(NOW, actor, event, reason, who, facts=facts)
