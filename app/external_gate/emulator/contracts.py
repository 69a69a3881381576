"""Create and edit contracts; a threshold that is set takes effect at once."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from external_gate.emulator.books import Books
from external_gate.emulator.emulated_time import rfc3339
from external_gate.emulator.evaluation import evaluate
from external_gate.emulator.records import Commit, Contract, ThresholdKind
from external_gate.emulator.refusals import Refusal, invalid
from external_gate.emulator.request_models import (
    ContractEdit,
    NewContract,
    StartingCommit,
    read_threshold,
)

# Parts of a threshold that an update merges; every other part is replaced, and null removes it.
MERGED_PARTS = ("commit", "discount_configuration")


def create(books: Books, wanted: NewContract, *, now: datetime) -> Contract:
    """Add a contract and evaluate it."""
    books.customer(wanted.customer_id)
    _refuse_known_key(books, wanted.uniqueness_key)
    contract = Contract(
        id=books.new_id(),
        customer_id=wanted.customer_id,
        credit_type=books.rate_cards.currency_of(wanted.rate_card_id, wanted.rate_card_alias),
        rate_card_id=wanted.rate_card_id,
        name=wanted.name,
        starting_at=wanted.starting_at,
        ending_before=wanted.ending_before,
        custom_fields=dict(wanted.custom_fields),
        uniqueness_key=wanted.uniqueness_key,
        created_at=now,
    )
    for kind in ThresholdKind:
        config = getattr(wanted, kind.field_name)
        if config is not None:
            _check(books, contract, kind, config)
            _set_threshold(contract, kind, config, now=now)
    books.add_contract(contract)
    for starting in wanted.commits:
        _grant(books, contract, starting, now=now)
    evaluate(books, contract, now=now)
    return contract


def edit(books: Books, change: ContractEdit, *, now: datetime) -> Contract:
    """Add or update thresholds and evaluate; all of the edit is applied, or none of it."""
    contract = _editable(books, change)
    wanted = {kind: _edited(books, contract, change, kind) for kind in ThresholdKind}
    for kind, config in wanted.items():
        if config is not None:
            _set_threshold(contract, kind, config, now=now)
    _note(books, contract, change, now=now)
    evaluate(books, contract, now=now)
    return contract


def ignore_edit(books: Books, change: ContractEdit) -> Contract:
    """Take an edit, its uniqueness key with it, and do nothing.

    As Metronome did with re-enabled thresholds from 2026-03-01 to 2026-03-12.
    """
    contract = _editable(books, change)
    if change.uniqueness_key is not None:
        contract.edit_keys.add(change.uniqueness_key)
    return contract


def _editable(books: Books, change: ContractEdit) -> Contract:
    contract = books.contract(customer_id=change.customer_id, contract_id=change.contract_id)
    if change.uniqueness_key is not None and change.uniqueness_key in contract.edit_keys:
        raise Refusal(409, f"An edit with uniqueness_key {change.uniqueness_key} was already made")
    return contract


def _note(books: Books, contract: Contract, change: ContractEdit, *, now: datetime) -> None:
    if change.uniqueness_key is not None:
        contract.edit_keys.add(change.uniqueness_key)
    sent = change.model_dump(exclude_unset=True, exclude={"customer_id", "contract_id"})
    contract.edits.append({"id": books.new_id(), "timestamp": rfc3339(now), **sent})


def _edited(
    books: Books, contract: Contract, change: ContractEdit, kind: ThresholdKind
) -> dict[str, object] | None:
    added = getattr(change, f"add_{kind.field_name}")
    update = getattr(change, f"update_{kind.field_name}")
    present = contract.thresholds.get(kind)
    if added is not None and present is not None:
        raise invalid(f"add_{kind.field_name}: the contract already has one; update it instead")
    if added is not None:
        config: dict[str, object] = added
    elif update is None:
        return None
    elif present is None:
        raise invalid(f"update_{kind.field_name}: the contract has none; add it first")
    else:
        config = _merged(present, update)
    _check(books, contract, kind, config)
    return config


def _check(
    books: Books, contract: Contract, kind: ThresholdKind, config: Mapping[str, object]
) -> None:
    unit_id = read_threshold(kind, config).custom_credit_type_id
    if unit_id and books.rate_cards.price_of(contract.rate_card_id, unit_id) is None:
        raise invalid(f"{kind.field_name}: the rate card has no custom_credit_type_id {unit_id}")


def _merged(present: Mapping[str, object], update: Mapping[str, object]) -> dict[str, object]:
    merged = dict(present)
    for part, value in update.items():
        before = merged.get(part)
        if value is None:
            merged.pop(part, None)
        elif part in MERGED_PARTS and isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[part] = _merged(before, value)
        else:
            merged[part] = value
    return merged


def _set_threshold(
    contract: Contract, kind: ThresholdKind, config: Mapping[str, object], *, now: datetime
) -> None:
    if contract.starting_at > now:
        raise invalid(
            "Threshold billing cannot be configured on a contract that has not started yet"
        )
    contract.thresholds[kind] = dict(config)


def _grant(books: Books, contract: Contract, starting: StartingCommit, *, now: datetime) -> None:
    amounts = (item.amount for item in starting.access_schedule.schedule_items)
    commit = Commit(
        id=books.new_id(),
        customer_id=contract.customer_id,
        contract_id=contract.id,
        credit_type=contract.credit_type,
        product_id=starting.product_id,
        name=starting.name or "Starting commit",
        description=None,
        priority=starting.priority,
        amount=sum(amounts, Decimal(0)),
        price=Decimal(0),
        invoice_id=None,
        created_at=now,
    )
    books.grant(commit)


def _refuse_known_key(books: Books, uniqueness_key: str | None) -> None:
    known = (contract.uniqueness_key for contract in books.contracts.values())
    if uniqueness_key is not None and uniqueness_key in known:
        raise Refusal(409, f"A contract with uniqueness_key {uniqueness_key} already exists")
