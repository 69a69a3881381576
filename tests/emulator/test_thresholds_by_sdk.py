"""Contracts, usage and invoices, driven by Metronome's official SDK over a socket."""

from decimal import Decimal
from typing import Any

import pytest

import metronome
from tests.emulator.conftest import PRODUCT, Receiver, Running, prepaid, spend

USD_CENTS_ID = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"


def test_usd_spend_threshold_makes_an_invoice_in_cents(emulator: Running) -> None:
    customer_id = emulator.customer(gateway_customer="cus_1")
    contract_id = emulator.contract(
        customer_id,
        rate_card_id="a7bc3775-b651-46b6-b7e4-d225a7e55c4c",
        custom_fields={"gateway_payment_method": "pm_ok"},
        spend_threshold_configuration=spend(1000),
    )

    emulator.use(contract_id, "999.5")
    assert emulator.workflows(contract_id) == []
    workflow = emulator.reached(contract_id, "500.5")

    invoice = emulator.sdk.v1.customers.invoices.retrieve(
        customer_id=customer_id, invoice_id=workflow["invoice_id"]
    ).data
    assert (invoice.total, invoice.credit_type.id) == (1500, USD_CENTS_ID)
    assert invoice.credit_type.name == "USD (cents)"
    assert (invoice.status, invoice.type) == ("FINALIZED", "SCHEDULED")
    assert invoice.customer_custom_fields == {"gateway_customer": "cus_1"}
    assert invoice.contract_custom_fields == {"gateway_payment_method": "pm_ok"}
    assert [(i.type, i.total, i.product_id) for i in invoice.line_items] == [
        ("commit_purchase", 1500, PRODUCT)
    ]
    assert (workflow["state"], workflow["invoice_currency"]) == ("COMMITTING", "USD")


def test_eur_spend_threshold_makes_an_invoice_in_whole_units(emulator: Running) -> None:
    contract_id = emulator.spend_contract(threshold=10, rate_card="eur-standard")

    workflow = emulator.reached(contract_id, "39.37642")

    path = f"/v1/customers/{workflow['customer_id']}/invoices/{workflow['invoice_id']}"
    raw = emulator.http.get(path).text
    assert '"total":39.37642' in raw  # the exact digits, which a float model could hide
    invoice = emulator.sdk.v1.customers.invoices.retrieve(
        customer_id=workflow["customer_id"], invoice_id=workflow["invoice_id"]
    ).data
    assert invoice.credit_type.name == "EUR"
    assert Decimal(str(invoice.total)) == Decimal("39.37642")


def test_a_rate_card_can_be_given_any_currency(emulator: Running) -> None:
    card = "0c6ab1cd-6c1c-4f4e-9a94-0d2f54d8fb0b"
    emulator.control("rate-cards", rate_card_id=card, currency="JPY")

    workflow = emulator.reached(emulator.spend_contract(rate_card=card))

    assert workflow["invoice_currency"] == "JPY"


@pytest.mark.parametrize(("card", "unit"), [("usd-standard", "cents"), ("EUR", "whole units")])
def test_prepaid_recharges_what_the_balance_lacks(emulator: Running, card: str, unit: str) -> None:
    customer_id = emulator.customer()
    life = {"starting_at": "2025-04-01T00:00:00Z", "ending_before": "2035-04-01T00:00:00Z"}
    access = {"schedule_items": [{"amount": 50, **life}]}
    contract_id = emulator.contract(
        customer_id,
        rate_card_alias=card,
        commits=[
            {
                "product_id": PRODUCT,
                "type": "PREPAID",
                "access_schedule": access,
            }
        ],
        prepaid_balance_threshold_configuration=prepaid(20, 100),
    )

    emulator.use(contract_id, "30", "down to the threshold")
    assert emulator.workflows(contract_id) == [], "reached is below, not at"
    workflow = emulator.reached(contract_id, "0.8")

    assert (workflow["workflow_type"], workflow["invoice_total"]) == ("prepaid", 80.8)
    assert emulator.release(workflow["workflow_id"], "paid").status_code == 200
    (book,) = emulator.books()["contracts"]
    assert book["balance"] == 100, unit


def test_balance_under_the_threshold_fires_on_creation(emulator: Running) -> None:
    contract_id = emulator.contract(
        emulator.customer(), prepaid_balance_threshold_configuration=prepaid(1000, 3000)
    )

    (workflow,) = emulator.workflows(contract_id)
    assert workflow["invoice_total"] == 3000


def test_a_disabled_threshold_does_nothing_until_enabled(emulator: Running) -> None:
    customer_id = emulator.customer()
    contract_id = emulator.contract(
        customer_id, spend_threshold_configuration=spend(1000, is_enabled=False)
    )
    emulator.use(contract_id, "1500")
    assert emulator.workflows(contract_id) == []

    emulator.sdk.v2.contracts.edit(
        customer_id=customer_id,
        contract_id=contract_id,
        update_spend_threshold_configuration={"is_enabled": True},
    )

    assert [w["invoice_total"] for w in emulator.workflows(contract_id)] == [1500]


def test_edits_add_and_update_thresholds_and_take_effect_at_once(emulator: Running) -> None:
    customer_id = emulator.customer()
    contract_id = emulator.contract(customer_id)
    edit = emulator.sdk.v2.contracts.edit
    emulator.use(contract_id, "700")

    edit(
        customer_id=customer_id,
        contract_id=contract_id,
        add_spend_threshold_configuration=spend(1000),
    )
    assert emulator.workflows(contract_id) == []
    edit(
        customer_id=customer_id,
        contract_id=contract_id,
        update_spend_threshold_configuration={"threshold_amount": 700, "commit": {"name": "New"}},
    )

    assert [w["invoice_total"] for w in emulator.workflows(contract_id)] == [700]
    contract = emulator.sdk.v2.contracts.retrieve(customer_id=customer_id, contract_id=contract_id)
    config = contract.data.spend_threshold_configuration
    assert config is not None
    assert (config.threshold_amount, config.commit.name) == (700, "New")
    assert config.commit.product_id == PRODUCT, "an update keeps what it does not name"
    assert config.payment_gate_config.payment_gate_type == "EXTERNAL"


def test_edits_add_and_update_prepaid_thresholds(emulator: Running) -> None:
    customer_id = emulator.customer()
    contract_id = emulator.contract(customer_id, rate_card_id="eur-1")
    edit = emulator.sdk.v2.contracts.edit

    edit(
        customer_id=customer_id,
        contract_id=contract_id,
        add_prepaid_balance_threshold_configuration=prepaid(5, 20, is_enabled=False),
    )
    assert emulator.workflows(contract_id) == []
    edit(
        customer_id=customer_id,
        contract_id=contract_id,
        update_prepaid_balance_threshold_configuration={
            "is_enabled": True,
            "recharge_to_amount": 30.5,
        },
    )

    assert [w["invoice_total"] for w in emulator.workflows(contract_id)] == [30.5]


def test_an_edit_with_a_known_uniqueness_key_is_a_conflict(emulator: Running) -> None:
    customer_id = emulator.customer()
    contract_id = emulator.contract(customer_id, spend_threshold_configuration=spend(1000))

    def lower(amount: float) -> object:
        return emulator.sdk.v2.contracts.edit(
            customer_id=customer_id,
            contract_id=contract_id,
            uniqueness_key="once",
            update_spend_threshold_configuration={"threshold_amount": amount},
        )

    lower(900)
    with pytest.raises(metronome.ConflictError):
        lower(800)
    (book,) = emulator.books()["contracts"]
    assert book["spend_threshold_configuration"]["threshold_amount"] == 900


def test_a_half_wrong_edit_changes_nothing(emulator: Running) -> None:
    customer_id = emulator.customer()
    contract_id = emulator.contract(customer_id, spend_threshold_configuration=spend(1000))

    with pytest.raises(metronome.BadRequestError, match="recharge_to_amount"):
        emulator.sdk.v2.contracts.edit(
            customer_id=customer_id,
            contract_id=contract_id,
            update_spend_threshold_configuration={"threshold_amount": 900},
            add_prepaid_balance_threshold_configuration=prepaid(20, 20),
        )

    (book,) = emulator.books()["contracts"]
    assert book["spend_threshold_configuration"]["threshold_amount"] == 1000
    assert "prepaid_balance_threshold_configuration" not in book


def test_gate_type_none_grants_the_commit_at_once(emulator: Running, receiver: Receiver) -> None:
    open_gate = {"payment_gate_type": "NONE"}
    contract_id = emulator.contract(
        emulator.customer(),
        spend_threshold_configuration=spend(1000, payment_gate_config=open_gate),
    )

    workflow = emulator.reached(contract_id)

    assert (workflow["state"], workflow["outcome"]) == ("COMMITTED", None)
    assert [c["amount"] for c in emulator.books()["commits"]] == [1500]
    assert receiver.next().type == "payment_gate.threshold_reached"
    emulator.control("notifications")
    assert receiver.next().type == "webhooks.test", "and no external_initiate between them"


def test_discount_lowers_the_price_and_not_the_commit(emulator: Running) -> None:
    tax = {"tax_amount": 21, "tax_name": "VAT"}
    contract_id = emulator.contract(
        emulator.customer(),
        spend_threshold_configuration=spend(
            1000,
            discount_configuration={"payment_fraction": 0.85},
            payment_gate_config={
                "payment_gate_type": "EXTERNAL",
                "tax_type": "PRECALCULATED",
                "precalculated_tax_config": tax,
            },
        ),
    )

    workflow = emulator.reached(contract_id, "1001")
    emulator.release(workflow["workflow_id"], "paid")

    assert workflow["invoice_total"] == 850.85
    assert [(c["amount"], c["price"]) for c in emulator.books()["commits"]] == [(1001, 850.85)]


def test_only_one_workflow_is_open_per_contract(emulator: Running) -> None:
    contract_id = emulator.spend_contract()
    first = emulator.reached(contract_id, "1500")
    emulator.use(contract_id, "2000")
    assert len(emulator.workflows(contract_id)) == 1

    emulator.release(first["workflow_id"], "paid")

    assert [w["invoice_total"] for w in emulator.workflows(contract_id)] == [1500, 2000]


def test_a_transaction_counts_once(emulator: Running) -> None:
    contract_id = emulator.spend_contract()

    for _ in range(2):
        emulator.use(contract_id, "600", transaction_id="t-1")

    (book,) = emulator.books()["contracts"]
    assert (book["usage"], book["unbilled"]) == (600, 600)


@pytest.mark.parametrize("amount", ["ten", "-1", "NaN", "1e99", True, None])
def test_usage_that_is_no_amount_is_refused(emulator: Running, amount: object) -> None:
    contract_id = emulator.spend_contract()
    event = {
        "customer_id": "x",
        "event_type": "calls",
        "timestamp": "2026-01-01T00:00:00Z",
        "transaction_id": "t",
        "properties": {"amount": amount, "contract_id": contract_id},
    }

    answer = emulator.http.post("/v1/ingest", json=[event])

    assert answer.status_code == 400
    assert "no amount" in answer.json()["message"]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"starting_at": "2999-01-01T00:00:00Z"}, "has not started yet"),
        ({"payment_gate_config": {"payment_gate_type": "STRIPE"}}, "needs a stripe_config"),
        ({"custom_credit_type_id": USD_CENTS_ID}, "belongs to prepaid balances"),
        ({"payment_gate_config": {}}, "payment_gate_type"),
        ({"threshold_amount": "much"}, "threshold_amount"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(
    emulator: Running, wanted: dict[str, Any], reason: str
) -> None:
    starting_at = wanted.pop("starting_at", "2025-04-01T00:00:00Z")

    with pytest.raises(metronome.BadRequestError, match=reason):
        emulator.contract(
            emulator.customer(),
            starting_at=starting_at,
            spend_threshold_configuration=spend(1000) | wanted,
        )

    assert emulator.books()["contracts"] == []


def test_an_edit_that_is_not_emulated_is_refused_loudly(emulator: Running) -> None:
    customer_id = emulator.customer()
    contract_id = emulator.contract(customer_id)

    with pytest.raises(metronome.BadRequestError, match="update_contract_name"):
        emulator.sdk.v2.contracts.edit(
            customer_id=customer_id, contract_id=contract_id, update_contract_name="New"
        )
