"""The endpoints around customers: customers, custom fields, usage, pricing units, services."""

from collections.abc import MutableMapping
from decimal import Decimal, InvalidOperation

from external_gate.emulator import shapes
from external_gate.emulator.books import Books
from external_gate.emulator.call import Call, Reply
from external_gate.emulator.decimal_json import LARGEST_EXPONENT
from external_gate.emulator.denomination import FIAT_CODES, CreditType, credit_type, custom_unit
from external_gate.emulator.evaluation import evaluate
from external_gate.emulator.records import Contract, Customer
from external_gate.emulator.refusals import Refusal, invalid
from external_gate.emulator.request_models import (
    FieldKey,
    FieldValues,
    NewCustomer,
    UsageEvent,
    read,
)

MOST_EVENTS_PER_INGEST = 100  # Metronome's documented batch size


def create_customer(call: Call) -> Reply:
    """POST /v1/customers."""
    wanted = read(NewCustomer, call.body)
    aliases = list(wanted.ingest_aliases)
    if wanted.external_id and wanted.external_id not in aliases:
        aliases.insert(0, wanted.external_id)
    for alias in aliases:
        if call.books.customer_by_alias(alias):
            raise Refusal(409, f"Ingest alias {alias} belongs to another customer")
    _refuse_taken_values(call.books, "customer", wanted.custom_fields, owner=None)
    customer = Customer(
        id=call.books.new_id(),
        name=wanted.name[:160],
        ingest_aliases=aliases,
        custom_fields=dict(wanted.custom_fields),
        created_at=call.now,
        updated_at=call.now,
    )
    call.books.customers[customer.id] = customer
    return Reply(body={"data": shapes.customer_shape(customer)})


def retrieve_customer(call: Call) -> Reply:
    """GET /v1/customers/{customer_id}."""
    customer = call.books.customer(call.path["customer_id"])
    return Reply(body={"data": shapes.customer_shape(customer)})


def list_customers(call: Call) -> Reply:
    """GET /v1/customers, by ingest alias or ids."""
    found = list(call.books.customers.values())
    if alias := call.query.get("ingest_alias"):
        found = [one for one in found if alias in one.ingest_aliases]
    if ids := call.query.get("customer_ids"):
        found = [one for one in found if one.id in ids.split(",")]
    page, next_page = call.page(found)
    return Reply(body={"data": [shapes.customer_shape(c) for c in page], "next_page": next_page})


def add_field_key(call: Call) -> Reply:
    """POST /v1/customFields/addKey. Setting a key that was never added is allowed here."""
    key = read(FieldKey, call.body)
    call.books.field_keys[key.entity, key.key] = key.enforce_uniqueness
    return Reply()


def list_field_keys(call: Call) -> Reply:
    """POST /v1/customFields/listKeys."""
    keys = [
        {"entity": entity, "key": key, "enforce_uniqueness": unique}
        for (entity, key), unique in call.books.field_keys.items()
    ]
    return Reply(body={"data": keys, "next_page": None})


def set_field_values(call: Call) -> Reply:
    """POST /v1/customFields/setValues, for customers and contracts; other fields stay."""
    wanted = read(FieldValues, call.body)
    fields = _fields_of(call.books, wanted.entity, wanted.entity_id)
    _refuse_taken_values(call.books, wanted.entity, wanted.custom_fields, owner=wanted.entity_id)
    fields.update(wanted.custom_fields)
    return Reply()


def ingest(call: Call) -> Reply:
    """POST /v1/ingest: `properties.amount` is what the event costs, in the contract's unit.

    That replaces billable metrics and rates. `amount` is a decimal text or number, in cents for
    USD and in whole units for every other currency; an event without it costs nothing. The event
    counts on `properties.contract_id`, else on the customer's newest contract; events of unknown
    customers are dropped. A transaction id counts once.
    """
    if not isinstance(call.body, list) or len(call.body) > MOST_EVENTS_PER_INGEST:
        raise invalid(f"send a list of at most {MOST_EVENTS_PER_INGEST} events")
    events = [read(UsageEvent, event, where=str(at)) for at, event in enumerate(call.body)]
    costs = [_cost(event) for event in events]
    touched: dict[str, Contract] = {}
    for event, cost in zip(events, costs, strict=True):
        contract = _contract_for(call.books, event)
        if contract is None or event.transaction_id in call.books.seen_transactions:
            continue
        call.books.seen_transactions.add(event.transaction_id)
        contract.usage += cost
        touched[contract.id] = contract
    for contract in touched.values():
        evaluate(call.books, contract, now=call.now)
    return Reply()


def list_credit_types(call: Call) -> Reply:
    """GET /v1/credit-types/list."""
    cards = call.books.rate_cards
    own = {name for card in cards.custom_units.values() for name in card}
    page, next_page = call.page(
        [
            *(_unit(credit_type(code), is_currency=True) for code in sorted(FIAT_CODES)),
            *(_unit(custom_unit(name), is_currency=False) for name in sorted(own)),
        ]
    )
    return Reply(body={"data": page, "next_page": next_page})


def list_services(_call: Call) -> Reply:
    """GET /v1/services: where webhooks come from, which is here."""
    webhooks = {"name": "webhooks", "usage": "makes_connections_from", "ips": ["127.0.0.1"]}
    return Reply(body={"services": [webhooks]})


def _unit(unit: CreditType, *, is_currency: bool) -> shapes.Shape:
    return shapes.credit_type_shape(unit) | {"is_currency": is_currency}


def _cost(event: UsageEvent) -> Decimal:
    given = event.properties.get("amount", 0)
    amount = _decimal(given)
    if amount is None or amount < 0:
        raise invalid(f"properties.amount of {event.transaction_id} is no amount: {given}")
    return amount


def _decimal(given: object) -> Decimal | None:
    if isinstance(given, bool) or not isinstance(given, str | int | Decimal):
        return None
    try:
        number = Decimal(given)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= LARGEST_EXPONENT else None


def _contract_for(books: Books, event: UsageEvent) -> Contract | None:
    customer = books.customer_by_alias(event.customer_id)
    contracts = books.contracts_of(customer.id) if customer else []
    named = event.properties.get("contract_id")
    if named is not None:
        contracts = [contract for contract in contracts if contract.id == named]
    return contracts[-1] if contracts else None


def _fields_of(books: Books, entity: str, entity_id: str) -> MutableMapping[str, str]:
    match entity:
        case "customer":
            return books.customer(entity_id).custom_fields
        case "contract" if entity_id in books.contracts:
            return books.contracts[entity_id].custom_fields
        case "contract":
            raise Refusal(404, f"Contract {entity_id} was not found")
        case _:
            raise invalid(f"custom fields of {entity} are not emulated")


def _refuse_taken_values(
    books: Books, entity: str, wanted: MutableMapping[str, str], *, owner: str | None
) -> None:
    holders: dict[str, Customer] | dict[str, Contract] = (
        books.customers if entity == "customer" else books.contracts
    )
    for key, value in wanted.items():
        if not books.field_keys.get((entity, key), False):
            continue
        for holder in holders.values():
            if holder.id != owner and holder.custom_fields.get(key) == value:
                raise Refusal(409, f"{key} must be unique; {holder.id} already has this value")
