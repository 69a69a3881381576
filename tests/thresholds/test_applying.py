"""Changes at a running pretend Metronome, as its official SDK reads them afterwards."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from external_gate.domain.errors import Refused, Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId
from external_gate.metronome.contracting import Gate
from external_gate.thresholds.applying import Disagrees, Proven, Thresholds
from external_gate.thresholds.once import NewContract
from external_gate.thresholds.planning import NO_TAX, Tax, Wish
from tests.tallies import count
from tests.thresholds.conftest import (
    OFF,
    ON,
    PREPAID,
    PRODUCT,
    SPEND,
    Account,
    Killable,
    Killed,
    MovedClock,
)

Whose = tuple[CustomerId, ContractId]


async def change(thresholds: Thresholds, whose: Whose, wish: Wish) -> Proven:
    return await thresholds.apply(await thresholds.prepare(*whose, wish))


def new(account: Account, rate_card: str = "usd-1") -> Whose:
    customer = account.customer()
    return customer, account.contract(customer, rate_card)


@pytest.mark.parametrize(
    ("card", "unit", "told"), [("usd-1", "USD", 5050.0), ("eur-1", "EUR", 50.5)]
)
async def test_spend_threshold_is_what_the_sdk_reads(
    account: Account, thresholds: Thresholds, card: str, unit: str, told: float
) -> None:
    whose = new(account, card)
    wish = replace(
        SPEND, amount=Decimal("50.50"), unit=unit, commit_name="Top-up",
        discount_percent=Decimal(15), tax=Tax(Decimal("1.20"), "VAT"), is_enabled=False,
    )  # fmt: skip

    proven = await change(thresholds, whose, wish)

    assert proven.was_sent
    config = account.config(*whose)
    assert (config.threshold_amount, config.is_enabled) == (told, False)
    assert (config.commit.product_id, config.commit.name) == (PRODUCT, "Top-up")
    assert config.discount_configuration.payment_fraction == 0.85
    gate = config.payment_gate_config
    assert (gate.payment_gate_type, gate.tax_type) == ("EXTERNAL", "PRECALCULATED")
    assert gate.precalculated_tax_config.tax_amount == (120 if unit == "USD" else 1.2)


async def test_prepaid_threshold_in_a_custom_unit(account: Account, thresholds: Thresholds) -> None:
    account.control("rate-cards", rate_card_id="tok", currency="USD", custom_units={"Tokens": 10})
    whose = new(account, "tok")
    wish = replace(PREPAID, amount=Decimal(100), recharge_to=Decimal(450), unit="Tokens")

    await change(thresholds, whose, wish)

    config = account.config(*whose, kind="prepaid")
    units = {each.id: each.name for each in account.sdk.v1.pricing_units.list()}
    assert (config.threshold_amount, config.recharge_to_amount) == (100, 450)
    assert units[config.custom_credit_type_id] == "Tokens"
    (workflow,) = account.workflows(whose[1])
    assert (workflow["invoice_total"], workflow["invoice_currency"]) == (4500, "USD")


async def test_to_none_to_stripe_and_back(account: Account, thresholds: Thresholds) -> None:
    whose = new(account)
    await change(thresholds, whose, replace(SPEND, tax=Tax(Decimal(1))))
    seen = []
    for gate in (Gate.NONE, Gate.STRIPE, Gate.EXTERNAL):
        wish = Wish(gate=gate, stripe_payment_type="PAYMENT_INTENT", tax=NO_TAX)
        await change(thresholds, whose, wish)
        config = account.config(*whose).payment_gate_config
        seen.append((config.payment_gate_type, config.tax_type, config.stripe_config is not None))

    assert seen == [("NONE", "NONE", False), ("STRIPE", "NONE", True), ("EXTERNAL", "NONE", False)]


async def test_repeated_change_sends_nothing(account: Account, thresholds: Thresholds) -> None:
    whose = new(account)
    await change(thresholds, whose, SPEND)

    again = await change(thresholds, whose, SPEND)

    assert not again.was_sent
    assert len(account.edits(*whose)) == 1


async def test_off_and_on_again_and_again(
    account: Account, thresholds: Thresholds, clock: MovedClock
) -> None:
    whose = new(account)
    await change(thresholds, whose, SPEND)

    for wish in (OFF, ON, OFF, ON):
        await change(thresholds, whose, wish)
        assert account.config(*whose).is_enabled is wish.is_enabled

    keys = {each.uniqueness_key for each in account.edits(*whose)}
    assert len(keys) == 5, "every change has a key of its own"
    assert max(len(key) for key in keys) <= 128
    assert not clock.moved, "no key was met that had been used before"


async def test_same_change_by_two_commands_at_once_is_made_once(
    account: Account, thresholds: Thresholds
) -> None:
    whose = new(account)
    first = await thresholds.prepare(*whose, PREPAID)
    second = await thresholds.prepare(*whose, PREPAID)

    await asyncio.gather(thresholds.apply(first), thresholds.apply(second))

    assert len(account.edits(*whose)) == 1
    assert len(account.workflows(whose[1])) == 1


async def test_silently_ignored_enable_is_caught(
    account: Account, thresholds: Thresholds, wire: Killable, clock: MovedClock
) -> None:
    whose = new(account)
    await change(thresholds, whose, replace(SPEND, is_enabled=False))
    account.control("faults", on="edit", kind="ignored")
    looks = len(wire.sent("/v2/contracts/get"))

    with pytest.raises(Disagrees, match="enabled is off, not on") as caught:
        await change(thresholds, whose, ON)

    assert account.config(*whose).is_enabled is False
    assert [one.what for one in caught.value.remaining] == ["enabled"]
    assert len(wire.sent("/v2/contracts/get")) - looks == 6, "it planned, and looked again for 15 s"
    assert round(clock.moved.total_seconds()) == 15


async def test_enable_after_an_ignored_one_uses_another_key(
    account: Account, thresholds: Thresholds
) -> None:
    whose = new(account)
    await change(thresholds, whose, replace(SPEND, is_enabled=False))
    account.control("faults", on="edit", kind="ignored")
    with pytest.raises(Disagrees):
        await change(thresholds, whose, ON)

    await change(thresholds, whose, ON)

    assert account.config(*whose).is_enabled is True
    assert len(account.edits(*whose)) == 2


async def test_change_that_is_readable_later_is_waited_for(
    account: Account, thresholds: Thresholds, clock: MovedClock
) -> None:
    whose = new(account)
    await change(thresholds, whose, replace(SPEND, is_enabled=False))
    account.control("faults", on="edit", kind="ignored")

    async def appears() -> None:
        if clock.moved.total_seconds() >= 7:
            account.sdk.v2.contracts.edit(
                customer_id=whose[0], contract_id=whose[1],
                update_spend_threshold_configuration={"is_enabled": True},
            )  # fmt: skip

    clock.while_asleep.append(appears)

    assert (await change(thresholds, whose, ON)).threshold.is_enabled


@pytest.mark.parametrize(
    "fault",
    [
        {"on": "edit", "kind": "drop_after"},
        {"on": "edit", "kind": "drop_before"},
        {"on": "edit", "kind": "status", "status": 503, "after": True},
        {"on": "edit", "kind": "status", "status": 500},
        {"on": "edit", "kind": "rate_limited", "times": 2},
    ],
)
async def test_lost_answer_changes_nothing_twice(
    account: Account, thresholds: Thresholds, fault: dict[str, Any]
) -> None:
    whose = new(account)
    prepared = await thresholds.prepare(*whose, SPEND)
    account.control("faults", **fault)

    proven = await thresholds.apply(prepared)

    assert proven.threshold.threshold_amount == 5000
    assert len(account.edits(*whose)) == 1


async def test_outage_says_that_nobody_knows(account: Account, thresholds: Thresholds) -> None:
    whose = new(account)
    prepared = await thresholds.prepare(*whose, SPEND)
    account.control("faults", on="edit", kind="drop_after", times=1)
    account.control("faults", on="edit", kind="drop_before", times=2)

    with pytest.raises(Unavailable):
        await thresholds.apply(prepared)
    again = await change(thresholds, whose, SPEND)

    assert not again.was_sent, "the first send had arrived"
    assert len(account.edits(*whose)) == 1


async def test_refusal_of_metronome_is_passed_on(account: Account, thresholds: Thresholds) -> None:
    whose = new(account)
    prepared = await thresholds.prepare(*whose, SPEND)
    account.control("faults", on="edit", kind="status", status=400)

    with pytest.raises(Refused, match="told to answer 400"):
        await thresholds.apply(prepared)

    assert account.config(*whose) is None


async def test_read_back_survives_a_busy_metronome(
    account: Account, thresholds: Thresholds
) -> None:
    whose = new(account)
    prepared = await thresholds.prepare(*whose, SPEND)
    account.control("faults", on="contract", kind="rate_limited", times=3)

    assert (await thresholds.apply(prepared)).threshold.is_enabled


async def test_contract_of_nobody_is_refused(account: Account, thresholds: Thresholds) -> None:
    customer, _ = new(account)

    with pytest.raises(Refused, match="knows no contract"):
        await thresholds.prepare(customer, ContractId("nothing"), ON)


NEW = NewContract("eur-1", name="Prepaid")
NEW_WISH = replace(PREPAID, unit="EUR", amount=Decimal("20.5"))


async def test_contract_and_threshold_are_made_together(
    account: Account, thresholds: Thresholds
) -> None:
    customer = account.customer()

    prepared = await thresholds.prepare_new(customer, NEW, NEW_WISH)
    proven = await thresholds.apply(prepared)

    (contract,) = account.sdk.v2.contracts.list(customer_id=customer)
    assert (contract.id, contract.name) == (proven.contract.contract_id, "Prepaid")
    assert contract.uniqueness_key == prepared.uniqueness_key
    config = contract.prepaid_balance_threshold_configuration
    assert config is not None
    assert (config.threshold_amount, config.recharge_to_amount) == (20.5, 100)
    assert len(account.workflows(contract.id)) == 1, "evaluated at once"


async def test_new_contract_given_again_is_the_same_one(
    account: Account, thresholds: Thresholds
) -> None:
    customer = account.customer()
    await thresholds.apply(await thresholds.prepare_new(customer, NEW, NEW_WISH))

    again = await thresholds.apply(await thresholds.prepare_new(customer, NEW, NEW_WISH))
    other = replace(NEW, name="Another")
    await thresholds.apply(await thresholds.prepare_new(customer, other, NEW_WISH))

    assert not again.was_sent
    assert len(list(account.sdk.v2.contracts.list(customer_id=customer))) == 2


async def test_new_contract_must_have_started(account: Account, thresholds: Thresholds) -> None:
    later = replace(NEW, starting_at=datetime(2999, 1, 1, tzinfo=UTC))

    with pytest.raises(Refused, match="has not started"):
        await thresholds.prepare_new(account.customer(), later, NEW_WISH)


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
async def test_lost_answer_makes_no_second_contract(
    account: Account, thresholds: Thresholds, kind: str
) -> None:
    customer = account.customer()
    prepared = await thresholds.prepare_new(customer, NEW, NEW_WISH)
    account.control("faults", on="other", kind=kind)

    await thresholds.apply(prepared)

    (contract,) = account.sdk.v2.contracts.list(customer_id=customer)
    assert contract.prepaid_balance_threshold_configuration is not None


async def by_edit(thresholds: Thresholds, whose: Whose) -> Proven:
    return await change(thresholds, whose, NEW_WISH)


async def by_create(thresholds: Thresholds, whose: Whose) -> Proven:
    return await thresholds.apply(await thresholds.prepare_new(whose[0], NEW, NEW_WISH))


@pytest.mark.parametrize("made", [by_edit, by_create])
async def test_command_killed_anywhere_and_repeated_changes_nothing_twice(
    account: Account, thresholds: Thresholds, wire: Killable, made: Any
) -> None:
    swept = 0
    while True:
        whose = new(account, "eur-1")
        died = 0
        for moment in ("before", "after"):
            wire.calls.clear()
            wire.kill_at = (swept, moment)
            try:
                await made(thresholds, whose)
            except Killed:
                died += 1
        wire.kill_at = None
        await made(thresholds, whose)

        contracts = list(account.sdk.v2.contracts.list(customer_id=whose[0]))
        assert len(contracts) == (1 if made is by_edit else 2)
        assert sum(len(account.edits(whose[0], each.id)) for each in contracts) == (made is by_edit)
        assert sum(len(account.workflows(each.id)) for each in contracts) == 1
        if not died:
            break
        swept += 1
    count("threshold commands killed half-way", 2 * swept)
    assert swept >= 4
