"""What changing a threshold meets: rate cards, custom units, edit lists, Stripe, ignored edits."""

from decimal import Decimal

import pytest

import metronome
from tests.emulator.conftest import Receiver, Running, prepaid, spend

CARD = "usd-tokens"


def test_rate_card_tells_currency_and_custom_units(emulator: Running) -> None:
    emulator.control(
        "rate-cards", rate_card_id=CARD, currency="USD", custom_units={"AI Tokens": 10}
    )

    card = emulator.sdk.v1.contracts.rate_cards.retrieve(id=CARD).data

    assert card.fiat_credit_type is not None
    assert card.fiat_credit_type.name == "USD (cents)"
    (conversion,) = card.credit_type_conversions or []
    assert (conversion.custom_credit_type.name, conversion.fiat_per_custom_credit) == (
        "AI Tokens", "10",
    )  # fmt: skip
    units = {each.name: each.is_currency for each in emulator.sdk.v1.pricing_units.list()}
    assert (units["AI Tokens"], units["EUR"]) == (False, True)


def test_threshold_in_custom_units_is_charged_in_the_currency(emulator: Running) -> None:
    emulator.control("rate-cards", rate_card_id=CARD, currency="USD", custom_units={"Tokens": 10})
    units = emulator.sdk.v1.pricing_units.list()
    tokens = next(each.id for each in units if each.name == "Tokens")

    contract_id = emulator.contract(
        emulator.customer(),
        rate_card_id=CARD,
        prepaid_balance_threshold_configuration=prepaid(100, 450, custom_credit_type_id=tokens),
    )

    (workflow,) = emulator.workflows(contract_id)
    assert (workflow["invoice_total"], workflow["invoice_currency"]) == (4500, "USD")


def test_custom_unit_that_the_rate_card_lacks_is_refused(emulator: Running) -> None:
    with pytest.raises(metronome.BadRequestError, match="the rate card has no"):
        emulator.contract(
            emulator.customer(),
            prepaid_balance_threshold_configuration=prepaid(1, 2, custom_credit_type_id="x"),
        )

    assert emulator.books()["contracts"] == []


def test_edits_are_listed_with_their_keys(emulator: Running) -> None:
    customer_id = emulator.customer()
    contract_id = emulator.contract(customer_id)
    for number, threshold in enumerate((1000, 2000)):
        kind = "update" if number else "add"
        emulator.sdk.v2.contracts.edit(
            customer_id=customer_id,
            contract_id=contract_id,
            uniqueness_key=f"k{number}",
            **{f"{kind}_spend_threshold_configuration": spend(threshold)},
        )

    edits = emulator.sdk.v2.contracts.get_edit_history(
        customer_id=customer_id, contract_id=contract_id
    ).data

    assert [each.uniqueness_key for each in edits] == ["k0", "k1"]
    assert len({each.id for each in edits}) == 2
    added = edits[0].add_spend_threshold_configuration
    assert added is not None
    assert Decimal(str(added.threshold_amount)) == 1000


def test_ignored_edit_answers_as_usual_and_uses_its_key_up(emulator: Running) -> None:
    customer_id = emulator.customer()
    contract_id = emulator.contract(
        customer_id, spend_threshold_configuration=spend(1000, is_enabled=False)
    )
    emulator.control("faults", on="edit", kind="ignored")
    turned_on = {"is_enabled": True}

    answer = emulator.sdk.v2.contracts.edit(
        customer_id=customer_id, contract_id=contract_id, uniqueness_key="once",
        update_spend_threshold_configuration=turned_on,  # type: ignore[arg-type]  # a literal
    )  # fmt: skip

    assert answer.data.id == contract_id
    contract = emulator.sdk.v2.contracts.retrieve(customer_id=customer_id, contract_id=contract_id)
    config = contract.data.spend_threshold_configuration
    assert config is not None
    assert config.is_enabled is False
    with pytest.raises(metronome.ConflictError):
        emulator.sdk.v2.contracts.edit(
            customer_id=customer_id, contract_id=contract_id, uniqueness_key="once"
        )


def test_only_edits_can_be_ignored(emulator: Running) -> None:
    answer = emulator.http.post("/_emulator/faults", json={"on": "release", "kind": "ignored"})

    assert answer.status_code == 400


def test_stripe_gate_pays_by_itself(emulator: Running, receiver: Receiver) -> None:
    gate = {"payment_gate_type": "STRIPE", "stripe_config": {"payment_type": "PAYMENT_INTENT"}}
    contract_id = emulator.contract(
        emulator.customer(), spend_threshold_configuration=spend(1000, payment_gate_config=gate)
    )

    workflow = emulator.reached(contract_id)

    assert workflow["state"] == "COMMITTED"
    assert receiver.next_types(2) == ["threshold_reached", "payment_status"]
