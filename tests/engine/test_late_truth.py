"""Truth that comes late: told once, whatever was decided, and no money is moved by it."""

from datetime import timedelta

import pytest

from external_gate.domain.identifiers import attempt_key
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.money import Money
from external_gate.domain.outcome import Declined, NotFound, Pending, Succeeded
from external_gate.domain.workflow import HeldReason, State, Verdict
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import (
    ANN,
    USD15,
    WF,
    answer_lookups,
    claim_once,
    late_success,
    let_pass,
    tell,
    try_to,
    workflow,
)
from tests.engine.world import REPLAY, SUCCESS_ONLY, World

MINUTE = timedelta(minutes=1)


def kinds(world: World) -> list[IncidentKind]:
    return [incident.kind for incident in world.heard.incidents]


def sent(world: World) -> list[Verdict]:
    return [verdict for _, verdict, _ in world.billing.releases]


async def two_dead_attempts(make_world: MakeWorld) -> World:
    """Both attempts are declined; Metronome was busy when it should have heard of it."""
    world = await make_world(soft_decline_schedule=(MINUTE,))
    world.gateway.script.extend(["soft", "hard"])
    world.billing.script.append("busy")
    await world.receive()
    await claim_once(world)
    world.clock.advance(minutes=2)
    await claim_once(world)
    assert await world.state() is State.DECLINED
    return world


async def test_late_money_on_the_first_of_two_dead_attempts_stops_failed(
    make_world: MakeWorld,
) -> None:
    world = await two_dead_attempts(make_world)
    before = sent(world)

    await tell(world, late_success(charge_id="ch_1"), number=1)
    await let_pass(world, hours=2)

    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION
    assert kinds(world) == [IncidentKind.LATE_SUCCESS]
    assert sent(world) == before


async def test_late_money_on_the_first_of_two_dead_attempts_after_the_end(
    make_world: MakeWorld,
) -> None:
    world = await two_dead_attempts(make_world)
    await let_pass(world, hours=1)
    assert await world.state() is State.CANCELLED

    await tell(world, late_success(charge_id="ch_1"), number=1)
    await let_pass(world, hours=2)

    assert await world.state() is State.CANCELLED
    assert kinds(world) == [IncidentKind.LATE_SUCCESS]


async def test_late_money_beside_a_payment_by_other_means_is_a_second_charge(
    make_world: MakeWorld,
) -> None:
    """The customer paid by bank transfer, and the declined card was captured after all."""
    world = await make_world(soft_decline_schedule=(MINUTE,))
    world.gateway.script.append("soft")
    await world.receive()
    await claim_once(world)
    await world.operations.hold(WF, ANN)
    await world.operations.settle(WF, Verdict.PAID, ANN, evidence="bank transfer 17")
    await world.work()
    assert await world.state() is State.RELEASED

    await tell(world, late_success(charge_id="ch_1"))
    await world.work()

    assert kinds(world) == [IncidentKind.SECOND_CHARGE]


async def test_the_same_contradiction_told_again_and_again_is_one_incident(
    make_world: MakeWorld,
) -> None:
    world = await two_dead_attempts(make_world)
    for _ in range(4):
        await tell(world, late_success(charge_id="ch_1"), number=1)
        await tell(world, late_success(charge_id="ch_1"), number=1)
        await let_pass(world, hours=1)

    assert kinds(world) == [IncidentKind.LATE_SUCCESS]


async def test_two_charges_told_again_and_again_are_an_incident_each(world: World) -> None:
    await world.receive()
    await world.work()
    for _ in range(3):
        await tell(world, late_success(charge_id="ch_2"))
        await tell(world, late_success(charge_id="ch_1"))
        await world.work()

    assert kinds(world) == [IncidentKind.SECOND_CHARGE] * 2


async def test_a_reversal_told_again_is_one_incident(world: World) -> None:
    await world.receive()
    await world.work()
    for _ in range(3):
        await tell(world, Declined(code="chargeback", charge_id="ch_1"))
        await world.work()

    assert kinds(world) == [IncidentKind.REVERSED]


async def test_a_charge_taken_back_before_the_decision_is_not_released(
    make_world: MakeWorld,
) -> None:
    """Its success and its reversal are both on record when the worker comes to read them."""
    world = await make_world(SUCCESS_ONLY)
    world.gateway.script.append("lost_before")
    answer_lookups(world, NotFound(conclusive=False))
    await world.receive()
    await claim_once(world)

    await tell(world, late_success(charge_id="ch_1"))
    await tell(world, Declined(code="reversed", charge_id="ch_1"))
    await let_pass(world, hours=2)

    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION
    assert sent(world) == []


async def test_a_cancel_that_the_success_overtakes_holds_everything(world: World) -> None:
    """At the deadline the cancel is confirmed, and the capture was on its way already."""
    world.gateway.script.append("pending")
    answer_lookups(world, Pending("ch_1"))
    await world.receive()
    await claim_once(world)
    real = world.gateway.cancel

    async def cancel_and_capture(sent_charge: object) -> object:
        await tell(world, late_success(charge_id="ch_1"))
        return await real(sent_charge)  # type: ignore[arg-type]

    world.gateway.cancel = cancel_and_capture  # type: ignore[method-assign, assignment]
    world.clock.advance(hours=73)
    await let_pass(world, hours=2)

    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION
    assert sent(world) == []


async def test_a_success_after_a_confirmed_cancel_was_told_is_late(world: World) -> None:
    world.gateway.script.append("pending")
    answer_lookups(world, Pending("ch_1"))
    await world.receive()
    await let_pass(world, hours=75, step_minutes=60)
    assert await world.state() is State.CANCELLED

    await tell(world, late_success(charge_id="ch_1"))
    await let_pass(world, hours=1)

    assert await world.state() is State.CANCELLED
    assert kinds(world) == [IncidentKind.LATE_SUCCESS]
    assert sent(world) == [Verdict.FAILED]


async def test_a_success_between_a_cancel_and_its_release_stops_failed(world: World) -> None:
    world.gateway.script.append("pending")
    answer_lookups(world, Pending("ch_1"))
    world.billing.script.append("busy")
    await world.receive()
    await claim_once(world)
    world.clock.advance(hours=73)
    await claim_once(world)
    assert await world.state() is State.DECLINED
    before = sent(world)

    await tell(world, late_success(charge_id="ch_1"))
    await let_pass(world, hours=1)

    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION
    assert sent(world) == before


@pytest.mark.parametrize("told", [late_success(), Declined(code="card_lost")])
async def test_a_retry_that_races_a_notice_never_hides_it(
    make_world: MakeWorld, told: Succeeded | Declined
) -> None:
    """Between the person's reading and their save a notice arrives."""
    world = await make_world(REPLAY)
    world.gateway.script.extend(["lost_before"] * 12)
    await world.receive()
    await let_pass(world, hours=12)
    assert (await workflow(world)).held_reason is HeldReason.UNKNOWN_CHARGE
    charges = world.gateway.charges_sent()
    real = world.store.acquire

    async def acquire_then_notice(*args: object, **named: object) -> object:
        dossier = await real(*args, **named)  # type: ignore[arg-type]
        await tell(world, told)
        return dossier

    world.store.acquire = acquire_then_notice  # type: ignore[method-assign, assignment]
    await try_to(world.operations.retry(WF, ANN))
    world.store.acquire = real  # type: ignore[method-assign]
    world.clock.advance(minutes=2)
    await let_pass(world, hours=1)

    ends = {Succeeded: Verdict.PAID, Declined: Verdict.FAILED}
    assert (await workflow(world)).verdict is ends[type(told)]
    assert world.gateway.charges_sent() == charges


async def test_another_amount_told_again_and_again_is_one_incident(world: World) -> None:
    await world.receive()
    await world.work()
    for _ in range(3):
        await tell(world, late_success(charge_id="ch_9", amount=Money(1, "USD")))
        await world.work()

    assert kinds(world) == [IncidentKind.PROOF_MISMATCH]


async def test_money_of_both_attempts_is_one_second_charge_per_charge(
    make_world: MakeWorld,
) -> None:
    world = await make_world(soft_decline_schedule=(MINUTE,))
    world.gateway.script.extend(["soft", "ok"])
    await world.receive()
    await let_pass(world, hours=1)
    assert await world.state() is State.RELEASED

    await tell(world, Succeeded("ch_1", USD15, attempt_key(WF, 1)))
    await world.work()

    assert kinds(world) == [IncidentKind.SECOND_CHARGE]
    assert await world.state() is State.RELEASED
