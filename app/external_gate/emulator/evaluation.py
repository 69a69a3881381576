"""Decide whether a threshold is reached, and open the payment gate if so."""

from datetime import datetime
from decimal import Decimal

from external_gate.emulator import balances, payloads
from external_gate.emulator.books import Books
from external_gate.emulator.records import (
    Commit,
    Contract,
    Invoice,
    InvoiceStatus,
    ThresholdKind,
    Workflow,
    WorkflowState,
)
from external_gate.emulator.request_models import PrepaidThreshold, Threshold, read_threshold


def evaluate(books: Books, contract: Contract, *, now: datetime) -> Workflow | None:
    """Open at most one workflow for the contract; none while another one is open.

    Runs on creation, on every edit, after usage and after a release. (Metronome itself takes up to
    some minutes after usage.)
    """
    if books.open_workflow_of(contract):
        return None
    for kind, config in contract.thresholds.items():
        threshold = _in_fiat(books, contract, read_threshold(kind, config))
        amount = amount_due(books, contract, threshold) if threshold.is_enabled else None
        if amount is not None:
            return _open(books, contract, kind, threshold, amount=amount, now=now)
    return None


def amount_due(books: Books, contract: Contract, threshold: Threshold) -> Decimal | None:
    """Give the commit that a reached threshold calls for; None below it.

    Spend: all unbilled usage, so that what is outstanding returns to zero. Prepaid: what the
    balance lacks. Source: metronome.com/changelog, "Threshold billing and auto-recharge".
    """
    commits = books.commits_of(contract)
    if isinstance(threshold, PrepaidThreshold):
        balance = balances.balance(commits, usage=contract.usage)
        lacking = threshold.recharge_to_amount - balance
        return lacking if balance < threshold.threshold_amount else None
    unbilled = balances.unbilled(commits, usage=contract.usage)
    return unbilled if unbilled > 0 and unbilled >= threshold.threshold_amount else None


def _in_fiat(books: Books, contract: Contract, threshold: Threshold) -> Threshold:
    """Give a threshold in custom pricing units as one in the rate card's currency.

    Metronome grants such a commit in the custom unit; here balances are kept in the currency.
    """
    unit_id = threshold.custom_credit_type_id
    price = books.rate_cards.price_of(contract.rate_card_id, unit_id) if unit_id else None
    if price is None:
        return threshold
    amounts = {"threshold_amount": threshold.threshold_amount * price}
    if isinstance(threshold, PrepaidThreshold):
        amounts["recharge_to_amount"] = threshold.recharge_to_amount * price
    return threshold.model_copy(update=amounts)


def _open(
    books: Books,
    contract: Contract,
    kind: ThresholdKind,
    threshold: Threshold,
    *,
    amount: Decimal,
    now: datetime,
) -> Workflow:
    invoice_id = books.new_id()
    commit = _commit(books, contract, threshold, amount=amount, invoice_id=invoice_id, now=now)
    invoice = Invoice(invoice_id, commit, InvoiceStatus.FINALIZED, issued_at=now)
    workflow = Workflow(books.new_id(), kind, invoice, WorkflowState.PENDING, now)
    books.add_workflow(workflow)
    reached = payloads.threshold_reached(workflow, message_id=books.new_id(), now=now)
    books.outbox.add(reached, now=now)
    gate = threshold.payment_gate_config.payment_gate_type
    if gate == "EXTERNAL":
        workflow.initiate = payloads.external_initiate(workflow, message_id=books.new_id())
        workflow.state = WorkflowState.COMMITTING
        books.outbox.add(workflow.initiate, now=now)
        return workflow
    workflow.state = WorkflowState.COMMITTED
    books.grant(commit)
    if gate == "STRIPE":  # Stripe itself is not emulated: its customers have always paid
        books.outbox.add(
            payloads.payment_status(workflow, message_id=books.new_id(), status="paid", now=now),
            now=now,
        )
    return workflow


def _commit(
    books: Books,
    contract: Contract,
    threshold: Threshold,
    *,
    amount: Decimal,
    invoice_id: str,
    now: datetime,
) -> Commit:
    fraction = threshold.discount_configuration.payment_fraction
    return Commit(
        id=books.new_id(),
        customer_id=contract.customer_id,
        contract_id=contract.id,
        credit_type=contract.credit_type,
        product_id=threshold.commit.product_id,
        name=threshold.commit.name or "Threshold charge",
        description=threshold.commit.description,
        priority=threshold.commit.priority,
        amount=amount,
        price=amount * fraction,
        invoice_id=invoice_id,
        created_at=now,
    )
