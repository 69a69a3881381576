"""Records as Metronome's API shows them.

Shapes read from the official Python SDK `metronome-sdk` 4.12.0, 2026-11.
"""

from datetime import timedelta
from decimal import Decimal

from external_gate.emulator import balances
from external_gate.emulator.books import Books
from external_gate.emulator.denomination import CreditType
from external_gate.emulator.emulated_time import rfc3339
from external_gate.emulator.records import Commit, Contract, Customer, Invoice, ThresholdKind

Shape = dict[str, object]
COMMIT_LIFE = timedelta(days=365)  # Metronome's default duration of a threshold commit


def credit_type_shape(unit: CreditType) -> Shape:
    """Show a pricing unit."""
    return {"id": unit.id, "name": unit.name}


def customer_shape(customer: Customer) -> Shape:
    """Show a customer in full."""
    return {
        "id": customer.id,
        "external_id": (customer.ingest_aliases or [customer.id])[0],
        "ingest_aliases": customer.ingest_aliases,
        "name": customer.name,
        "custom_fields": customer.custom_fields,
        "customer_config": {"salesforce_account_id": None},
        "created_at": rfc3339(customer.created_at),
        "updated_at": rfc3339(customer.updated_at),
        "archived_at": None,
    }


def contract_shape(books: Books, contract: Contract) -> Shape:
    """Show a contract with its granted commits and their balances."""
    left = balances.remaining(books.commits_of(contract), usage=contract.usage)
    shape: Shape = {
        "id": contract.id,
        "customer_id": contract.customer_id,
        "rate_card_id": contract.rate_card_id,
        "name": contract.name,
        "starting_at": rfc3339(contract.starting_at),
        "created_at": rfc3339(contract.created_at),
        "created_by": "emulator",
        "custom_fields": contract.custom_fields,
        "commits": [commit_shape(commit, balance) for commit, balance in left],
        "credits": [],
        "overrides": [],
        "scheduled_charges": [],
        "transitions": [],
        "usage_filter": [],
        "usage_statement_schedule": {
            "billing_anchor_date": rfc3339(contract.starting_at),
            "frequency": "MONTHLY",
        },
    }
    if contract.ending_before is not None:
        shape["ending_before"] = rfc3339(contract.ending_before)
    if contract.uniqueness_key is not None:
        shape["uniqueness_key"] = contract.uniqueness_key
    return shape | threshold_shapes(contract)


def threshold_shapes(contract: Contract) -> Shape:
    """Show the threshold configurations as they were sent and changed."""
    return {
        kind.field_name: contract.thresholds[kind]
        for kind in ThresholdKind
        if kind in contract.thresholds
    }


def commit_shape(commit: Commit, balance: Decimal) -> Shape:
    """Show a granted commit; its invoice schedule names the invoice that paid for it."""
    unit = credit_type_shape(commit.credit_type)
    access = {
        "id": commit.id,
        "amount": commit.amount,
        "starting_at": rfc3339(commit.created_at),
        "ending_before": rfc3339(commit.created_at + COMMIT_LIFE),
    }
    shape: Shape = {
        "id": commit.id,
        "type": "PREPAID",
        "name": commit.name,
        "description": commit.description,
        "priority": commit.priority,
        "product": {"id": commit.product_id, "name": commit.name},
        "contract": {"id": commit.contract_id},
        "created_at": rfc3339(commit.created_at),
        "access_schedule": {"credit_type": unit, "schedule_items": [access]},
        "balance": balance,
    }
    if commit.invoice_id is not None:
        shape["invoice_contract"] = {"id": commit.contract_id}
        shape["invoice_schedule"] = {
            "credit_type": unit,
            "schedule_items": [_payment(commit, commit.invoice_id)],
        }
    return shape


def invoice_shape(books: Books, invoice: Invoice) -> Shape:
    """Show a commit purchase's invoice with the custom fields of its customer and contract."""
    commit = invoice.commit
    return {
        "id": invoice.id,
        "customer_id": commit.customer_id,
        "contract_id": commit.contract_id,
        "type": "SCHEDULED",
        "status": invoice.status.value,
        "credit_type": credit_type_shape(commit.credit_type),
        "total": invoice.total,
        "subtotal": invoice.total,
        "issued_at": rfc3339(invoice.issued_at),
        "created_at": rfc3339(invoice.issued_at),
        "custom_fields": {},
        "customer_custom_fields": books.customers[commit.customer_id].custom_fields,
        "contract_custom_fields": books.contracts[commit.contract_id].custom_fields,
        "line_items": [_line_item(invoice)],
    }


def _line_item(invoice: Invoice) -> Shape:
    commit = invoice.commit
    return {
        "type": "commit_purchase",
        "name": commit.name,
        "total": invoice.total,
        "quantity": 1,
        "unit_price": invoice.total,
        "credit_type": credit_type_shape(commit.credit_type),
        "product_id": commit.product_id,
        "product_type": "FixedProductListItem",
        "product_custom_fields": {},
        "commit_id": commit.id,
        "commit_type": "PrepaidCommit",
        "commit_custom_fields": {},
    }


def _payment(commit: Commit, invoice_id: str) -> Shape:
    return {
        "id": invoice_id,
        "invoice_id": invoice_id,
        "amount": commit.price,
        "quantity": 1,
        "unit_price": commit.price,
        "timestamp": rfc3339(commit.created_at),
    }
