"""Before the charge: invoice, amount, payer, guards; and what bad facts leave behind."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import CustomerId, InvoiceId
from external_gate.domain.money import Money, Unit
from external_gate.domain.workflow import HeldReason, State
from external_gate.guards.rules import GuardRules
from external_gate.metronome.billing import InvoiceStatus
from tests.engine.conftest import MakeWorld
from tests.engine.world import EVERY_ANSWER, World


async def held_as(world: World, reason: HeldReason) -> None:
    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, reason)
    assert world.gateway.charges_sent() == 0
    assert world.billing.releases == []


@pytest.mark.parametrize("total", ["0", "-5", "0.4"])
async def test_amounts_that_cannot_be_charged_are_held(world: World, total: str) -> None:
    await world.receive(total=total)
    await world.work()
    await held_as(world, HeldReason.AMOUNT)


async def test_an_unknown_currency_is_held_and_never_guessed(world: World) -> None:
    await world.receive(currency="ZZZ")
    await world.work()
    await held_as(world, HeldReason.AMOUNT)


@pytest.mark.parametrize(
    "change",
    [
        {"total": Decimal(1501)},
        {"customer_id": CustomerId("another")},
        {"contract_id": None},
        {"credit_type_name": "EUR", "credit_type_id": "eur"},
    ],
)
async def test_an_invoice_that_disagrees_is_held(world: World, change: dict[str, object]) -> None:
    await world.receive()
    invoice = world.billing.invoices["inv-wf"]
    world.billing.invoices["inv-wf"] = replace(invoice, **change)  # type: ignore[arg-type]  # any field
    await world.work()
    await held_as(world, HeldReason.INVOICE_MISMATCH)


async def test_a_void_invoice_is_held(world: World) -> None:
    await world.receive()
    world.billing.void("inv-wf")
    await world.work()
    await held_as(world, HeldReason.INVOICE_VOID)


async def test_an_invoice_voided_before_a_resend_is_not_charged_again(world: World) -> None:
    world.gateway.script.append("not_sent")
    await world.receive()
    await world.work()
    world.billing.void("inv-wf")

    world.clock.advance(minutes=1)
    await world.work()

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.INVOICE_VOID)
    assert world.gateway.charges_sent() == 1


async def test_a_missing_invoice_is_waited_for_then_held(world: World) -> None:
    await world.receive()
    invoice = world.billing.invoices.pop("inv-wf")
    await world.work()
    assert await world.state() is State.RECEIVED
    world.clock.advance(minutes=2)
    world.billing.invoices["inv-wf"] = invoice
    await world.work()
    assert await world.state() is State.RELEASED


async def test_an_invoice_that_never_appears_is_held(world: World) -> None:
    await world.receive()
    del world.billing.invoices["inv-wf"]
    await world.work_through(hours=1)
    await held_as(world, HeldReason.INVOICE_MISSING)


async def test_metronome_down_defers_and_nothing_is_lost(world: World) -> None:
    world.billing.down = 4
    await world.receive()
    await world.work()
    assert await world.state() is State.RECEIVED
    await world.work_through(hours=1)
    assert await world.state() is State.RELEASED


async def test_nobody_to_charge_is_held(world: World) -> None:
    world.payers.exceptions["cust"] = None
    await world.receive()
    await world.work()
    await held_as(world, HeldReason.NO_PAYER)


async def test_a_payer_of_an_unknown_gateway_is_held(world: World) -> None:
    world.payers.exceptions["cust"] = Payer("c", "pm", gateway="elsewhere")
    await world.receive()
    await world.work()
    await held_as(world, HeldReason.UNKNOWN_GATEWAY)


async def test_a_currency_that_the_gateway_does_not_declare_is_held(
    make_world: MakeWorld,
) -> None:
    world = await make_world(replace(EVERY_ANSWER, currencies=frozenset({"EUR"})))
    await world.receive()
    await world.work()
    await held_as(world, HeldReason.NOT_CAPABLE)


@pytest.mark.parametrize(
    "rules",
    [
        GuardRules(currencies=frozenset({"EUR"})),
        GuardRules(largest={"USD": Money(1499, "USD")}),
    ],
)
async def test_a_guard_that_is_breached_holds(world: World, rules: GuardRules) -> None:
    await world.receive()
    await world.work(worker=world.worker(engine=world.ruled(rules)))
    await held_as(world, HeldReason.GUARD)


async def test_paused_workflows_wait_and_resume_by_themselves(world: World) -> None:
    await world.receive()
    await world.work(worker=world.worker(engine=world.ruled(GuardRules(paused=True))))
    assert await world.state() is State.READY
    assert world.gateway.charges_sent() == 0

    world.clock.advance(minutes=2)
    await world.work()

    assert await world.state() is State.RELEASED


async def test_two_workflows_of_one_invoice_take_its_money_once(world: World) -> None:
    await world.receive("one", invoice_id="inv")
    await world.receive("two", invoice_id="inv")

    await world.work()

    states = {await world.state("one"), await world.state("two")}
    assert states == {State.RELEASED, State.HELD}
    assert len(world.gateway.taken()) == 1


async def test_a_second_workflow_waits_while_the_first_is_unknown(world: World) -> None:
    world.gateway.script.append("lost_after")
    await world.receive("one", invoice_id="inv")
    await world.work()
    await world.receive("two", invoice_id="inv")
    await world.work()

    two = (await world.dossier("two")).workflow
    assert two.held_reason is HeldReason.INVOICE_ALREADY_PAID
    assert world.gateway.charges_sent() == 1


async def test_other_facts_before_a_send_hold_and_never_charge(world: World) -> None:
    await world.receive()
    recorded = await world.receive(total="9900")

    await world.work()

    assert recorded.conflict
    await held_as(world, HeldReason.CONFLICTING)


async def test_other_facts_after_a_send_are_an_incident(world: World) -> None:
    await world.receive()
    await world.work()
    await world.receive(total="9900")

    await world.work()

    incidents = await world.store.incidents((await world.dossier()).workflow.workflow_id)
    assert [i.kind for i in incidents] == ["conflicting_notification"]
    assert len(world.gateway.taken()) == 1


async def test_without_reading_invoices_the_unit_is_the_configured_one(
    make_world: MakeWorld,
) -> None:
    world = await make_world(verify_invoice=False, unverified_unit=Unit.WHOLE)
    await world.receive(total="15")
    world.billing.invoices.clear()

    await world.worker().run_once()

    assert [b.amount_minor for b in world.gateway.taken()] == [1500]


async def test_an_amount_is_resolved_anew_for_a_new_attempt(make_world: MakeWorld) -> None:
    world = await make_world(soft_decline_schedule=(timedelta(hours=1),))
    world.gateway.script.extend(["soft", "ok"])
    await world.receive()
    await world.work()
    world.payers.exceptions["cust"] = Payer("cus-new", "pm-new")

    world.clock.advance(hours=2)
    await world.work()

    attempts = (await world.dossier()).attempts
    assert [a.charge.payer.customer for a in attempts] == ["cus-cust", "cus-new"]
    assert InvoiceId("inv-wf") == attempts[1].charge.invoice_id
    assert world.billing.invoices["inv-wf"].status == InvoiceStatus.FINALIZED


async def test_a_customer_whom_metronome_does_not_know_is_held(make_world: MakeWorld) -> None:
    world = await make_world(verify_invoice=False, unverified_unit=Unit.CENTS)
    world.billing.unknown_customers.add("cust")
    await world.receive()
    await world.work()
    await held_as(world, HeldReason.UNKNOWN_CUSTOMER)
