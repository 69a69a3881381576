"""From contract and wish to the exact change; on its own result a plan changes nothing."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.errors import BadInput, Refused
from external_gate.emulator.contracts import _merged
from external_gate.metronome.contracting import Gate, ThresholdConfig, ThresholdKind
from external_gate.metronome.contracting_wire import read_terms
from external_gate.metronome.exact_json import write_object
from external_gate.metronome.threshold_wire import whole_config
from external_gate.thresholds.planning import NO_TAX, Plan, Tax, Wish, plan
from external_gate.thresholds.tariff import Tariff
from tests.thresholds.conftest import (
    EUR,
    NOW,
    OFF,
    ON,
    PREPAID,
    PRODUCT,
    SPEND,
    USD,
    WITH_TOKENS,
    terms,
)


def planned(wish: Wish, *configs: ThresholdConfig, tariff: Tariff | None = USD) -> Plan:
    return plan(terms(*configs), wish, tariff, now=NOW)


def put(wish: Wish, tariff: Tariff = USD) -> ThresholdConfig:
    """Give the threshold that a wish leads to, as Metronome would tell it."""
    return told(planned(wish, tariff=tariff).after)


def told(config: ThresholdConfig) -> ThresholdConfig:
    """Write a configuration as it is sent, and read it as it would be told."""
    return read(config.kind, whole_config(config))


def read(kind: ThresholdKind, config: dict[str, object]) -> ThresholdConfig:
    contract = {
        "id": "con", "customer_id": "cus", "starting_at": "2025-04-01T00:00:00Z",
        kind.field_name: config,
    }  # fmt: skip
    return read_terms(write_object({"data": contract})).thresholds[kind]


def edited(before: ThresholdConfig, change: Plan) -> ThresholdConfig:
    """Give what an edit makes of a threshold, by the rules of the pretend Metronome."""
    (update,) = change.changes.values()
    assert isinstance(update, dict)
    return read(before.kind, _merged(before.told, update))


def test_usd_is_sent_in_cents() -> None:
    assert planned(SPEND).changes == {
        "add_spend_threshold_configuration": {
            "is_enabled": True,
            "threshold_amount": 5000,
            "commit": {"product_id": PRODUCT},
            "payment_gate_config": {"payment_gate_type": "EXTERNAL", "tax_type": "NONE"},
        }
    }


def test_euros_are_sent_in_whole_units() -> None:
    wish = replace(PREPAID, amount=Decimal("20.50"), recharge_to=Decimal("100.05"), unit="EUR")

    sent = planned(wish, tariff=EUR).changes["add_prepaid_balance_threshold_configuration"]

    assert isinstance(sent, dict)
    assert (sent["threshold_amount"], sent["recharge_to_amount"]) == (
        Decimal("20.5"), Decimal("100.05"),
    )  # fmt: skip
    assert "custom_credit_type_id" not in sent


def test_custom_units_are_named_and_sent_as_they_are() -> None:
    wish = replace(PREPAID, amount=Decimal(100), recharge_to=Decimal(450), unit="AI Tokens")

    after = planned(wish, tariff=WITH_TOKENS).after

    assert after.threshold_amount == 100
    assert after.recharge_to_amount == 450
    assert after.custom_unit_id == "tok-id"


def test_update_says_only_what_changes() -> None:
    before = put(SPEND)

    assert planned(OFF, before).changes == {
        "update_spend_threshold_configuration": {"is_enabled": False}
    }
    renamed = planned(Wish(commit_name="Top-up", discount_percent=Decimal(15)), before)
    assert renamed.changes == {
        "update_spend_threshold_configuration": {
            "commit": {"name": "Top-up"},
            "discount_configuration": {"payment_fraction": Decimal("0.85")},
        }
    }


def test_removed_discount_is_told_as_null_and_keeps_a_cap() -> None:
    discounted = put(replace(SPEND, discount_percent=Decimal(15)))
    none = Wish(discount_percent=Decimal(0))
    cap = {"payment_fraction": Decimal("0.85"), "cap": {"amount": 1, "spend_tracker_alias": "a"}}
    capped = read(ThresholdKind.SPEND, {**discounted.told, "discount_configuration": cap})

    (update,) = planned(none, discounted).changes.values()
    (of_capped,) = planned(none, capped).changes.values()

    assert update == {"discount_configuration": None}
    assert of_capped == {"discount_configuration": {"payment_fraction": None}}


def test_gate_is_sent_whole_with_its_tax() -> None:
    before = put(replace(SPEND, tax=Tax(Decimal("9.50"), "VAT")))

    (update,) = planned(Wish(gate=Gate.NONE), before).changes.values()

    assert update == {
        "payment_gate_config": {
            "payment_gate_type": "NONE",
            "tax_type": "PRECALCULATED",
            "precalculated_tax_config": {"tax_amount": 950, "tax_name": "VAT"},
        }
    }


def test_to_stripe_and_back_says_what_it_means() -> None:
    external = put(SPEND)
    to_stripe = planned(Wish(gate=Gate.STRIPE, stripe_payment_type="PAYMENT_INTENT"), external)
    stripe = edited(external, to_stripe)
    back = planned(Wish(gate=Gate.EXTERNAL), stripe)

    assert any("hears nothing" in each for each in to_stripe.remarks)
    assert any("this service has charged" in each for each in back.remarks)
    (update,) = back.changes.values()
    assert update == {"payment_gate_config": {"payment_gate_type": "EXTERNAL", "tax_type": "NONE"}}


def test_tax_of_stripe_does_not_come_along() -> None:
    gate = {
        "payment_gate_type": "STRIPE", "tax_type": "STRIPE",
        "stripe_config": {"payment_type": "INVOICE", "invoice_metadata": {"a": "b"}},
    }  # fmt: skip
    stripe = read(ThresholdKind.SPEND, {**put(SPEND).told, "payment_gate_config": gate})

    change = planned(Wish(gate=Gate.EXTERNAL), stripe)

    assert change.after.tax_type == "NONE"
    assert any("works with Stripe alone" in each for each in change.remarks)


def test_unknown_parts_of_a_configuration_survive() -> None:
    gate = {"payment_gate_type": "NONE", "new_thing": {"a": 1}}
    before = read(ThresholdKind.SPEND, {**put(SPEND).told, "payment_gate_config": gate})

    (update,) = planned(Wish(gate=Gate.EXTERNAL), before).changes.values()

    assert isinstance(update, dict)
    assert update["payment_gate_config"]["new_thing"] == {"a": 1}


def test_switched_on_is_said_to_be_evaluated_at_once() -> None:
    off = put(replace(SPEND, is_enabled=False))

    assert any("at once" in each for each in planned(ON, off).remarks)
    assert planned(OFF, off).is_done
    assert planned(OFF, off).remarks == ()


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (replace(SPEND, amount=Decimal("4.99")), r"4\.99 USD is below .* 5\.00 USD"),
        (replace(PREPAID, recharge_to=Decimal("29.99")), r"less than 10\.00 USD above"),
        (replace(PREPAID, recharge_to=Decimal(20)), "would not lift"),
        (
            replace(PREPAID, amount=Decimal(49), recharge_to=Decimal(450), unit="AI Tokens"),
            r"49 AI Tokens \(4\.90 USD\) is below",
        ),
        (
            replace(PREPAID, amount=Decimal(50), recharge_to=Decimal(149), unit="AI Tokens"),
            r"149 AI Tokens \(14\.90 USD\) is less than",
        ),
        (replace(SPEND, unit="AI Tokens"), "not in a custom unit"),
    ],
)
def test_rules_of_metronome_are_told_before_sending(wish: Wish, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        planned(wish, tariff=WITH_TOKENS)


def test_minimums_themselves_are_allowed() -> None:
    wish = replace(PREPAID, amount=Decimal(5), recharge_to=Decimal(15))

    assert planned(wish).after.threshold_amount == 500


def test_minimums_of_other_currencies_are_left_to_metronome() -> None:
    change = planned(replace(SPEND, amount=Decimal(1), unit="EUR"), tariff=EUR)

    assert any("for EUR it has the word" in each for each in change.remarks)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (replace(SPEND, unit="EUR"), "is not in EUR; its units are: USD, AI Tokens"),
        (replace(SPEND, unit=None), "an amount needs its currency"),
        (replace(SPEND, amount=Decimal("50.001")), "too fine"),
        (replace(SPEND, amount=Decimal(0)), "is no amount"),
        (replace(SPEND, product_id=None), "needs a product"),
        (replace(SPEND, amount=None), "needs an amount"),
        (replace(SPEND, kind=None), "say which is meant"),
        (replace(SPEND, recharge_to=Decimal(90)), "no amount to recharge to"),
        (replace(PREPAID, recharge_to=None, kind=ThresholdKind.PREPAID), "to recharge to"),
        (replace(SPEND, gate=Gate.STRIPE), "INVOICE or PAYMENT_INTENT"),
        (replace(SPEND, discount_percent=Decimal(100)), "below 100"),
        (replace(SPEND, discount_percent=Decimal("NaN")), "below 100"),
        (replace(SPEND, amount=Decimal("Infinity")), "is no amount"),
        (replace(SPEND, amount=Decimal("1e400")), "is no amount"),
        (ON, "has no threshold"),
    ],
)
def test_wish_that_cannot_be_names_its_cure(wish: Wish, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        planned(wish, tariff=WITH_TOKENS)


def test_two_thresholds_need_to_be_told_apart() -> None:
    both = put(SPEND), put(PREPAID)

    with pytest.raises(BadInput, match="two thresholds"):
        planned(ON, *both)
    assert planned(replace(OFF, kind=ThresholdKind.SPEND), *both).kind == "spend"


def test_unit_changes_only_with_both_amounts() -> None:
    fiat = put(PREPAID)

    with pytest.raises(BadInput, match="give both amounts"):
        planned(Wish(amount=Decimal(90), unit="AI Tokens"), fiat, tariff=WITH_TOKENS)


def test_without_a_rate_card_no_amount_is_guessed() -> None:
    with pytest.raises(BadInput, match="names no rate card"):
        planned(SPEND, tariff=None)
    assert planned(OFF, put(SPEND), tariff=None).differences[0].after == "off"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"starting_at": NOW + timedelta(hours=1)}, "not started"),
        ({"ending_before": NOW}, "ended"),
        ({"archived_at": NOW}, "archived"),
    ],
)
def test_contract_that_cannot_be_changed_is_refused(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        plan(terms(**more), SPEND, USD, now=NOW)


def wishes(tariff: Tariff) -> st.SearchStrategy[Wish]:
    """Give wishes that can be, for a contract with both thresholds."""
    cents = st.integers(min_value=500, max_value=10**9)
    amounts = st.tuples(cents, st.integers(min_value=1000, max_value=10**9))
    unit = st.sampled_from([tariff.fiat.name, *tariff.custom])

    @st.composite
    def made(draw: st.DrawFn) -> Wish:
        kind = draw(st.sampled_from(ThresholdKind))
        low, more = draw(amounts)
        name = draw(unit) if kind is ThresholdKind.PREPAID else tariff.fiat.name
        whole = Decimal(1) if name in tariff.custom else Decimal("0.01")
        prepaid = kind is ThresholdKind.PREPAID
        taxes = st.none() | st.just(NO_TAX) | st.builds(
            Tax, st.integers(0, 10**6).map(lambda minor: Decimal(minor).scaleb(-2)),
            st.none() | st.text("abc", min_size=1),
        )  # fmt: skip
        return Wish(
            kind=kind,
            is_enabled=draw(st.none() | st.booleans()),
            amount=low * whole,
            recharge_to=(low + more) * whole if prepaid else None,
            unit=name,
            product_id=draw(st.none() | st.just("other")),
            commit_name=draw(st.none() | st.text("xyz", min_size=1)),
            discount_percent=draw(st.none() | st.integers(0, 9999).map(lambda n: Decimal(n) / 100)),
            tax=draw(taxes),
            gate=draw(st.none() | st.sampled_from(Gate)),
            stripe_payment_type=draw(st.sampled_from(["INVOICE", "PAYMENT_INTENT"])),
        )

    return made()


@given(
    tariff=st.sampled_from([USD, EUR, WITH_TOKENS]),
    choice=st.data(),
)
def test_planning_on_the_result_gives_no_change(tariff: Tariff, choice: st.DataObject) -> None:
    kinds = {each: replace(SPEND if each == "spend" else PREPAID, unit=tariff.fiat.name)
             for each in ThresholdKind}  # fmt: skip
    config = {kind: put(wish, tariff) for kind, wish in kinds.items()}
    for _ in range(3):
        wish = choice.draw(wishes(tariff))
        assert wish.kind is not None
        change = planned(wish, *config.values(), tariff=tariff)
        assert bool(change.differences) is bool(change.changes) is not change.is_done
        if not change.is_done:
            config[wish.kind] = edited(config[wish.kind], change)

        again = planned(wish, *config.values(), tariff=tariff)

        assert again.is_done, again.differences
        assert again.changes == {}
        assert again.differences == ()


@given(
    minor=st.integers(min_value=1, max_value=2**53 // 100),
    tariff=st.sampled_from([USD, EUR]),
)
def test_amounts_come_back_as_they_were_written(minor: int, tariff: Tariff) -> None:
    amount = Decimal(minor).scaleb(-2)

    assert tariff.fiat.to_people(tariff.fiat.to_metronome(amount)) == amount
