"""Metronome as it really is: workflows, invoices, commits, and answers stored under keys."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId
from external_gate.domain.money import USD_CENTS_ID
from external_gate.domain.workflow import Verdict
from external_gate.metronome.billing import (
    Contract,
    Invoice,
    InvoiceStatus,
    ReleaseAnswer,
    ReleaseResult,
)
from tests.simulation.timeline import Timeline

CONTRACT = ContractId("contract")


class Course(StrEnum):
    """Where a payment-gate workflow of Metronome's is."""

    COMMITTING = "committing"
    COMMITTED = "committed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(eq=False)
class GateWorkflow:
    """One workflow on Metronome's side."""

    workflow_id: str
    customer_id: str
    invoice_id: str
    total: Decimal
    visible_at: float = 0.0
    """When its invoice can be read; a 404 until then."""
    course: Course = Course.COMMITTING


@dataclass
class MetronomeBooks:
    """All workflows of a world, and what was answered under which key."""

    timeline: Timeline
    now: Callable[[], float]
    workflows: dict[str, GateWorkflow] = field(default_factory=dict)
    stored: dict[str, ReleaseAnswer] = field(default_factory=dict)
    ended: Callable[[GateWorkflow, str], None] = lambda _workflow, _status: None
    """Called when a workflow ends, with the status that is announced."""

    def release(self, workflow_id: str, verdict: Verdict, key: str) -> ReleaseAnswer:
        """Execute a release, or replay what was answered under its key."""
        known = self.stored.get(key)
        if known is None:
            known = self.stored[key] = self._execute(workflow_id, verdict)
        return known

    def spoil(self, key: str) -> ReleaseAnswer:
        """Store an internal error under a key: it is replayed from now on."""
        answer = ReleaseAnswer(ReleaseResult.FAILED, "500")
        return self.stored.setdefault(key, answer)

    def end(self, workflow_id: str, course: Course) -> None:
        """Let a workflow end without us: by hand, or by its age."""
        workflow = self.workflows[workflow_id]
        if workflow.course is Course.COMMITTING:
            self.timeline.tell("Metronome", "{} is {} without us", workflow_id, course)
            workflow.course = course
            self.ended(workflow, "paid" if course is Course.COMMITTED else "failed")

    def invoice(self, invoice_id: str) -> Invoice | None:
        """Give an invoice; void when every workflow of it came to nothing."""
        sharing = [w for w in self.workflows.values() if w.invoice_id == invoice_id]
        if not sharing or self.now() < sharing[0].visible_at:
            return None
        first = sharing[0]
        is_void = all(w.course in {Course.CANCELLED, Course.EXPIRED} for w in sharing)
        return Invoice(
            InvoiceId(invoice_id),
            CustomerId(first.customer_id),
            CONTRACT,
            InvoiceStatus.VOID if is_void else InvoiceStatus.FINALIZED,
            first.total,
            USD_CENTS_ID,
            "USD (cents)",
        )

    def contract(self) -> Contract:
        """Give the contract with a commit for every committed workflow."""
        committed = {
            f"commit-{w.workflow_id}": frozenset({InvoiceId(w.invoice_id)})
            for w in self.workflows.values()
            if w.course is Course.COMMITTED
        }
        return Contract(CONTRACT, frozenset(committed), committed)

    def _execute(self, workflow_id: str, verdict: Verdict) -> ReleaseAnswer:
        workflow = self.workflows[workflow_id]
        if workflow.course is Course.COMMITTED:
            return ReleaseAnswer(ReleaseResult.ALREADY_COMMITTED, "already in state COMMITTED")
        if workflow.course is not Course.COMMITTING:
            return ReleaseAnswer(ReleaseResult.NOT_COMMITTING, "not in COMMITTING state")
        paid = verdict is Verdict.PAID
        workflow.course = Course.COMMITTED if paid else Course.CANCELLED
        self.timeline.tell("Metronome", "{} is {}", workflow_id, workflow.course)
        self.ended(workflow, verdict.value)
        return ReleaseAnswer(ReleaseResult.DONE)
