"""Targets of Metronome's answers around contracts: read, converted and shown as commands do it."""

import json
from collections.abc import Callable
from decimal import Decimal

from external_gate.domain.errors import BadInput, Broken, Refused, Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId
from external_gate.metronome.answer_shapes import LONGEST_TEXT
from external_gate.metronome.contracting import ContractTerms
from external_gate.metronome.contracting_client import ContractingClient
from external_gate.thresholds.tariff import tariff_of
from external_gate.thresholds.threshold_view import contract_view
from tests.hostile_input.canary import CANARY, is_line, only
from tests.hostile_input.gateway_targets import answered, says_as_name
from tests.hostile_input.planned_caller import PlannedCaller, at_once
from tests.hostile_input.samples import REFUSALS
from tests.hostile_input.target import Judge, Target, joined, without_stage

CUS, CON = CustomerId("cus-1"), ContractId("con-1")
ROOM = 80
"""Characters of an amount as people write it: 40 digits, moved by at most 20 places."""


def _client(data: bytes) -> ContractingClient:
    return ContractingClient(
        PlannedCaller(answered(data)), base_url="http://127.0.0.1:9", token=CANARY
    )


def _reading(judge: Callable[[ContractingClient], None]) -> Judge:
    """Give a judge that allows what a read may end with."""

    def run(data: bytes) -> None:
        with only(Unavailable, Broken, Refused, may_tell=says_as_name(data)):
            judge(_client(data))

    return run


def _judge_terms(client: ContractingClient) -> None:
    """A contract's thresholds can be shown, and cost nothing to show."""
    terms = at_once(client.terms(CUS, CON))
    if terms is not None:
        _judge_contract(terms)


def _judge_contracts(client: ContractingClient) -> None:
    for terms in at_once(client.contracts_of(CUS)).items:
        _judge_contract(terms)


def _judge_contract(terms: ContractTerms) -> None:
    assert is_line(terms.contract_id, longest=LONGEST_TEXT)
    json.dumps(contract_view(terms, None, []))
    for config in terms.thresholds.values():
        amounts = (config.threshold_amount, config.recharge_to_amount, config.tax_amount)
        for amount in (*amounts, config.payment_fraction):
            assert amount is None or _is_short(amount)


def _judge_rate_card(client: ContractingClient) -> None:
    """Every amount can be converted by a rate card that was believed, and back."""
    card = at_once(client.rate_card("card-1"))
    if card is None:
        return
    with only(BadInput):
        tariff = tariff_of(card, {})
        for name in (tariff.fiat.name, *tariff.custom):
            measure = tariff.measure(name)
            told = measure.to_metronome(Decimal(50))
            assert measure.to_people(told) == 50
            worth = tariff.in_fiat(told, measure)
            assert worth is None or _is_short(worth)


def _judge_customers(client: ContractingClient) -> None:
    for customer in at_once(client.customers()).items:
        assert is_line(customer.customer_id, longest=LONGEST_TEXT)


def _judge_purchases(client: ContractingClient) -> None:
    for purchase in at_once(client.purchases(CUS, CON)).items:
        assert is_line(purchase.invoice_id, longest=LONGEST_TEXT)
        assert _is_short(purchase.total)


def _judge_edits(client: ContractingClient) -> None:
    for edit_id in at_once(client.edit_ids(CUS, CON)):
        assert is_line(edit_id, longest=LONGEST_TEXT)


def _judge_created(client: ContractingClient) -> None:
    made = at_once(client.create_contract(CUS, contract={"name": "Ada"}, uniqueness_key="k"))
    assert is_line(made, longest=LONGEST_TEXT)


def _is_short(amount: Decimal) -> bool:
    return amount.is_finite() and len(f"{amount:f}") <= ROOM


def _answer(status: int, body: bytes) -> bytes:
    return joined(str(status).encode(), b"content-type: application/json", body)


def _ok(body: bytes) -> bytes:
    return _answer(200, body)


def _json(**said: object) -> bytes:
    return json.dumps(said).encode()


_TERMS = {
    "id": "con-1",
    "customer_id": "cus-1",
    "rate_card_id": "card-1",
    "starting_at": "2026-01-01T00:00:00Z",
    "commits": [{"id": "com-1", "archived_at": None}],
    "prepaid_balance_threshold_configuration": {
        "is_enabled": True,
        "threshold_amount": 100.5,
        "recharge_to_amount": 500,
        "custom_credit_type_id": "unit-1",
        "commit": {"product_id": "prod-1", "name": "Top-up"},
        "payment_gate_config": {
            "payment_gate_type": "EXTERNAL",
            "tax_type": "PRECALCULATED",
            "precalculated_tax_config": {"tax_amount": 1.9, "tax_name": "VAT"},
        },
        "discount_configuration": {"payment_fraction": 0.85},
    },
}

_RATE_CARD = {
    "id": "card-1",
    "fiat_credit_type": {"id": "2714e483-4ff1-48e4-9e25-ac732e8f24f2", "name": "USD (cents)"},
    "credit_type_conversions": [
        {
            "custom_credit_type": {"id": "unit-1", "name": "token"},
            "fiat_per_custom_credit": "0.25",
        }
    ],
}

_PURCHASE = {
    "id": "inv-1",
    "status": "VOID",
    "total": 5000,
    "credit_type": {"id": "2714e483-4ff1-48e4-9e25-ac732e8f24f2", "name": "USD (cents)"},
    "issued_at": "2026-01-01T00:00:00Z",
    "line_items": [{"type": "commit_purchase", "product_id": "prod-1"}],
}

_CUSTOMER = {"id": "cus-1", "name": "Ada", "custom_fields": {"a": "b"}}


def _target(name: str, judge: Callable[[ContractingClient], None], good: bytes) -> Target:
    refused = [_answer(status, REFUSALS[0]) for status in (400, 401, 404, 409, 500)]
    stage = without_stage(_reading(judge))
    return Target(name, stage, [_ok(good), *refused], bodies=_ok, examples=40)


CONTRACTING_TARGETS = (
    _target("terms", _judge_terms, _json(data=_TERMS)),
    _target("contracts", _judge_contracts, _json(data=[_TERMS], cursor="next")),
    _target("rate_card", _judge_rate_card, _json(data=_RATE_CARD)),
    _target("customers", _judge_customers, _json(data=[_CUSTOMER], next_page="2")),
    _target("purchases", _judge_purchases, _json(data=[_PURCHASE], next_page=None)),
    _target("edits", _judge_edits, _json(data=[{"id": "edit-1"}])),
    _target("created", _judge_created, _json(data={"id": "con-2"})),
)
