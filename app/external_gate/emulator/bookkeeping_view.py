"""The whole state of the emulator as JSON, for tests, demos and curious people."""

from external_gate.emulator import balances
from external_gate.emulator.books import Books
from external_gate.emulator.delivery import AttemptRecord
from external_gate.emulator.emulated_time import EmulatedTime, rfc3339
from external_gate.emulator.records import Commit, Contract, Invoice, ReleaseCall, Workflow
from external_gate.emulator.shapes import Shape, customer_shape, threshold_shapes


def books_shape(books: Books, time: EmulatedTime) -> Shape:
    """Show everything; amounts are in the unit of their currency (USD in cents)."""
    granted = [commit for commits in books.granted.values() for commit in commits]
    return {
        "now": rfc3339(time.now()),
        "customers": [customer_shape(customer) for customer in books.customers.values()],
        "contracts": [_contract(books, contract) for contract in books.contracts.values()],
        "workflows": [workflow_shape(workflow) for workflow in books.workflows.values()],
        "commits": [_commit(commit) for commit in granted],
        "invoices": [_invoice(invoice) for invoice in books.invoices.values()],
        "deliveries": [_attempt(attempt) for attempt in books.outbox.attempts],
    }


def workflow_shape(workflow: Workflow) -> Shape:
    """Show a workflow with every release call that named it."""
    return {
        "workflow_id": workflow.id,
        "workflow_type": workflow.kind.value,
        "state": workflow.state.value,
        "customer_id": workflow.commit.customer_id,
        "contract_id": workflow.commit.contract_id,
        "invoice_id": workflow.invoice.id,
        "invoice_total": workflow.invoice.total,
        "invoice_currency": workflow.commit.credit_type.code,
        "outcome": workflow.outcome,
        "opened_at": rfc3339(workflow.opened_at),
        "release_calls": [_release_call(call) for call in workflow.release_calls],
    }


def _release_call(call: ReleaseCall) -> Shape:
    return {
        "at": rfc3339(call.at),
        "outcome": call.outcome,
        "idempotency_key": call.idempotency_key,
        "status": call.status,
        "replayed": call.replayed,
        "answered": call.answered,
    }


def _contract(books: Books, contract: Contract) -> Shape:
    commits = books.commits_of(contract)
    return {
        "id": contract.id,
        "customer_id": contract.customer_id,
        "currency": contract.credit_type.code,
        "custom_fields": contract.custom_fields,
        "usage": contract.usage,
        "unbilled": balances.unbilled(commits, usage=contract.usage),
        "balance": balances.balance(commits, usage=contract.usage),
        **threshold_shapes(contract),
    }


def _commit(commit: Commit) -> Shape:
    return {
        "id": commit.id,
        "customer_id": commit.customer_id,
        "contract_id": commit.contract_id,
        "invoice_id": commit.invoice_id,
        "amount": commit.amount,
        "price": commit.price,
        "currency": commit.credit_type.code,
    }


def _invoice(invoice: Invoice) -> Shape:
    return {
        "id": invoice.id,
        "customer_id": invoice.commit.customer_id,
        "contract_id": invoice.commit.contract_id,
        "status": invoice.status.value,
        "total": invoice.total,
        "currency": invoice.commit.credit_type.code,
    }


def _attempt(attempt: AttemptRecord) -> Shape:
    return {
        "id": attempt.id,
        "type": attempt.type,
        "workflow_id": attempt.workflow_id,
        "attempt": attempt.attempt,
        "status": attempt.status,
        "accepted": attempt.accepted,
        "at": rfc3339(attempt.at),
    }
