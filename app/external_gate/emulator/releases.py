"""What ends a workflow: the release call, an expiry, a voided invoice."""

from datetime import datetime

from external_gate.emulator import payloads
from external_gate.emulator.books import Books
from external_gate.emulator.evaluation import evaluate
from external_gate.emulator.records import Contract, InvoiceStatus, Workflow, WorkflowState
from external_gate.emulator.refusals import Refusal


def release(books: Books, workflow_id: str, *, outcome: str, now: datetime) -> None:
    """Commit on `paid`, cancel on `failed`; whoever comes second is refused with 400.

    The texts were seen in public code; the status is not documented (facts: 4xx is likely).
    """
    workflow = books.workflow(workflow_id)
    if workflow.state is WorkflowState.COMMITTED:
        raise Refusal(400, f"Workflow {workflow_id} is already in state COMMITTED")
    if workflow.state is not WorkflowState.COMMITTING:
        raise Refusal(400, f"Workflow {workflow_id} is not in COMMITTING state")
    workflow.outcome = outcome
    if outcome == "paid":
        workflow.state = WorkflowState.COMMITTED
        books.grant(workflow.commit)
    else:
        workflow.state = WorkflowState.CANCELLED
        workflow.invoice.status = InvoiceStatus.VOID
        _switch_off(books, workflow)
    status = payloads.payment_status(workflow, message_id=books.new_id(), status=outcome, now=now)
    books.outbox.add(status, now=now)
    evaluate(books, _contract_of(books, workflow), now=now)


def expire(books: Books, workflow_id: str, *, void_invoice: bool, disable: bool) -> Workflow:
    """Let Metronome lose patience. What that does besides is not documented: choose."""
    workflow = books.workflow(workflow_id)
    if not workflow.is_open:
        raise Refusal(400, f"Workflow {workflow_id} is {workflow.state}; only an open one expires")
    workflow.state = WorkflowState.EXPIRED
    if void_invoice:
        workflow.invoice.status = InvoiceStatus.VOID
    if disable:
        _switch_off(books, workflow)
    return workflow


def void_invoice(books: Books, invoice_id: str) -> None:
    """Void an invoice by hand; a workflow that still waits for it is cancelled.

    The threshold stays enabled, because no payment failed.
    """
    invoice = books.invoices.get(invoice_id)
    if invoice is None:
        raise Refusal(404, f"Invoice {invoice_id} was not found")
    invoice.status = InvoiceStatus.VOID
    for workflow in books.workflows.values():
        if workflow.invoice.id == invoice_id and workflow.is_open:
            workflow.state = WorkflowState.CANCELLED


def _switch_off(books: Books, workflow: Workflow) -> None:
    config = _contract_of(books, workflow).thresholds.get(workflow.kind)
    if config is not None:
        config["is_enabled"] = False


def _contract_of(books: Books, workflow: Workflow) -> Contract:
    return books.contracts[workflow.commit.contract_id]
