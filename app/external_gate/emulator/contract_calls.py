"""The endpoints around contracts: contracts, balances, invoices, and the release of a commit."""

from external_gate.emulator import balances, contracts, releases, shapes
from external_gate.emulator.call import Call, Reply, cut_page
from external_gate.emulator.denomination import USD_CENTS_ID
from external_gate.emulator.emulated_time import rfc3339
from external_gate.emulator.refusals import invalid
from external_gate.emulator.request_models import (
    ContractEdit,
    ContractQuery,
    CustomerQuery,
    NewContract,
    RateCardQuery,
    Release,
    read,
)


def create_contract(call: Call) -> Reply:
    """POST /v1/contracts/create."""
    contract = contracts.create(call.books, read(NewContract, call.body), now=call.now)
    return Reply(body={"data": {"id": contract.id}})


def retrieve_contract(call: Call) -> Reply:
    """POST /v2/contracts/get."""
    wanted = read(ContractQuery, call.body)
    contract = call.books.contract(customer_id=wanted.customer_id, contract_id=wanted.contract_id)
    return Reply(body={"data": shapes.contract_shape(call.books, contract)})


def list_contracts(call: Call) -> Reply:
    """POST /v2/contracts/list."""
    wanted = read(CustomerQuery, call.body)
    found = call.books.contracts_of(wanted.customer_id)
    page, following = cut_page(found, limit=int(wanted.limit), token=wanted.cursor)
    shown = [shapes.contract_shape(call.books, contract) for contract in page]
    return Reply(body={"data": shown, "cursor": following})


def edit_contract(call: Call) -> Reply:
    """POST /v2/contracts/edit."""
    contract = contracts.edit(call.books, read(ContractEdit, call.body), now=call.now)
    return Reply(body={"data": {"id": contract.id}})


def ignore_contract_edit(call: Call) -> Reply:
    """Answer an edit as though it were done, and do nothing."""
    contract = contracts.ignore_edit(call.books, read(ContractEdit, call.body))
    return Reply(body={"data": {"id": contract.id}})


def list_edits(call: Call) -> Reply:
    """POST /v2/contracts/getEditHistory."""
    wanted = read(ContractQuery, call.body)
    contract = call.books.contract(customer_id=wanted.customer_id, contract_id=wanted.contract_id)
    return Reply(body={"data": contract.edits})


def retrieve_rate_card(call: Call) -> Reply:
    """POST /v1/contract-pricing/rate-cards/get: every id is a rate card here."""
    card_id = read(RateCardQuery, call.body).id
    cards = call.books.rate_cards
    conversions = [
        {"custom_credit_type": shapes.credit_type_shape(unit), "fiat_per_custom_credit": f"{price}"}
        for unit, price in cards.conversions(card_id)
    ]
    shape = {
        "id": card_id,
        "name": card_id,
        "created_at": rfc3339(call.now),
        "created_by": "emulator",
        "fiat_credit_type": shapes.credit_type_shape(cards.currency_of(card_id)),
        "credit_type_conversions": conversions,
    }
    return Reply(body={"data": shape})


def net_balance(call: Call) -> Reply:
    """POST /v1/contracts/customerBalances/getNetBalance, in USD unless another unit is named."""
    wanted = read(CustomerQuery, call.body)
    unit_id = wanted.credit_type_id or USD_CENTS_ID
    total = sum(
        balances.balance(call.books.commits_of(contract), usage=contract.usage)
        for contract in call.books.contracts_of(wanted.customer_id)
        if contract.credit_type.id == unit_id
    )
    return Reply(body={"data": {"balance": total, "credit_type_id": unit_id}})


def list_balances(call: Call) -> Reply:
    """POST /v1/contracts/customerBalances/list."""
    wanted = read(CustomerQuery, call.body)
    found = [
        shapes.commit_shape(commit, left)
        for contract in call.books.contracts_of(wanted.customer_id)
        for commit, left in balances.remaining(
            call.books.commits_of(contract), usage=contract.usage
        )
    ]
    page, next_page = cut_page(found, limit=int(wanted.limit), token=wanted.next_page)
    return Reply(body={"data": page, "next_page": next_page})


def retrieve_invoice(call: Call) -> Reply:
    """GET /v1/customers/{customer_id}/invoices/{invoice_id}."""
    invoice = call.books.invoice(
        customer_id=call.path["customer_id"], invoice_id=call.path["invoice_id"]
    )
    return Reply(body={"data": shapes.invoice_shape(call.books, invoice)})


def list_invoices(call: Call) -> Reply:
    """GET /v1/customers/{customer_id}/invoices, by status and contract; oldest first."""
    customer = call.books.customer(call.path["customer_id"])
    found = [i for i in call.books.invoices.values() if i.commit.customer_id == customer.id]
    if status := call.query.get("status"):
        found = [invoice for invoice in found if invoice.status == status]
    if contract_id := call.query.get("contract_id"):
        found = [invoice for invoice in found if invoice.commit.contract_id == contract_id]
    match call.query.get("sort", "date_asc"):
        case "date_asc":
            pass
        case "date_desc":
            found.reverse()
        case other:
            raise invalid(f"sort is {other}; it must be date_asc or date_desc")
    page, next_page = call.page(found)
    shown = [shapes.invoice_shape(call.books, invoice) for invoice in page]
    return Reply(body={"data": shown, "next_page": next_page})


def release(call: Call) -> Reply:
    """POST /v1/contracts/commits/threshold-billing/release: an empty 200 when it worked."""
    wanted = read(Release, call.body)
    releases.release(call.books, wanted.workflow_id, outcome=wanted.outcome.lower(), now=call.now)
    return Reply()
