"""Caps, velocity and breakers through the whole engine: what one customer can lose at most."""

from datetime import timedelta

import pytest

from external_gate.domain.charge import Payer
from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.identifiers import WorkflowId, attempt_key
from external_gate.domain.ledger import Deferral
from external_gate.domain.limits import Cap, Velocity
from external_gate.domain.money import Money
from external_gate.domain.outcome import Succeeded
from external_gate.domain.workflow import HeldReason, State
from external_gate.engine.advice import offered, what_next
from external_gate.engine.context import Engine
from external_gate.engine.operations import Operations, Person
from external_gate.guards.rules import GuardRules
from tests.engine.conftest import MakeWorld
from tests.engine.world import World

ANN = Person("ann", "agreed by mail")
DAY = timedelta(days=1)
CAPPED = GuardRules(caps={"USD": Cap(Money(4000, "USD"), DAY)})
ONE_AN_HOUR = GuardRules(velocity=Velocity(1, timedelta(hours=1)))
TWO_DECLINES = GuardRules(breaker_declines=2)


async def tell(world: World, engine: Engine, *names: str, **facts: str) -> None:
    """Have workflows of 15 USD told and worked on, one after another."""
    for name in names:
        await world.receive(name, **facts)
        await world.work(worker=world.worker(engine=engine))


async def reason(world: World, name: str) -> HeldReason | None:
    return (await world.dossier(name)).workflow.held_reason


async def waits_for(world: World, name: str) -> str:
    workflow = (await world.dossier(name)).workflow
    assert workflow.state is State.READY
    return workflow.deferred_by.partition(":")[0]


async def test_customer_is_never_charged_above_the_cap(world: World) -> None:
    engine = world.ruled(CAPPED)

    await tell(world, engine, "a", "b", "c")
    await tell(world, engine, "of-another", customer_id="another")

    assert await reason(world, "c") is HeldReason.CAP
    assert [await world.state(name) for name in ("a", "b", "of-another")] == [State.RELEASED] * 3
    assert len(world.gateway.taken()) == 3


async def test_charge_that_nobody_knows_counts_against_the_cap(world: World) -> None:
    engine = world.ruled(CAPPED)
    world.gateway.script.extend(("lost_after", "pending"))

    await tell(world, engine, "a", "b", "c")

    assert [await world.state(name) for name in "ab"] == [State.UNRESOLVED, State.PENDING]
    assert await reason(world, "c") is HeldReason.CAP


async def test_declined_and_refunded_money_is_free_again(world: World) -> None:
    engine = world.ruled(CAPPED)
    world.gateway.script.append("hard")
    world.billing.script.extend(("ok", "refused"))
    await tell(world, engine, "declined", "given-back", "kept")
    assert await world.state("declined") is State.CANCELLED
    world.billing.void("inv-given-back")
    await Operations(engine).refund(WorkflowId("given-back"), ANN)
    await world.work(worker=world.worker(engine=engine))
    assert await world.state("given-back") is State.REFUNDED

    await tell(world, engine, "next", "one-more")

    assert await world.state("next") is State.RELEASED
    assert await reason(world, "one-more") is HeldReason.CAP
    assert len(world.gateway.taken()) == 2


async def test_money_that_came_back_although_failed_was_told_is_free_again(world: World) -> None:
    engine = world.ruled(CAPPED)
    world.billing.script.append("refused")
    await tell(world, engine, "given-back", "kept")
    await Operations(engine).refund_by_hand(WorkflowId("given-back"), ANN, evidence="re_1")
    await world.work(worker=world.worker(engine=engine))
    assert await world.state("given-back") is State.CANCELLED

    await tell(world, engine, "next")

    assert await world.state("next") is State.RELEASED


async def test_money_that_was_taken_after_failed_was_told_counts(world: World) -> None:
    engine = world.ruled(CAPPED)
    world.gateway.script.append("hard")
    await tell(world, engine, "late", "kept")
    key = attempt_key(WorkflowId("late"), 1)
    now = world.clock.now()
    success = Succeeded("ch_late", Money(1500, "USD"), reference=key)
    await world.store.append_evidence(key, [Evidence(Source.NOTICE, success, now, now)])

    await tell(world, engine, "next")

    assert await reason(world, "next") is HeldReason.CAP


async def test_soft_decline_of_a_workflow_that_then_paid_counts_once(make_world: MakeWorld) -> None:
    world = await make_world(soft_decline_schedule=(timedelta(minutes=1),))
    engine = world.ruled(CAPPED)
    world.gateway.script.append("soft")
    await tell(world, engine, "twice")
    world.clock.advance(minutes=2)
    await tell(world, engine, "next")

    assert [await world.state(name) for name in ("twice", "next")] == [State.RELEASED] * 2


async def test_cap_frees_itself_but_a_person_has_the_last_word(world: World) -> None:
    engine = world.ruled(CAPPED)
    await tell(world, engine, "a", "b", "approved", "retried")

    after = await Operations(engine).approve(WorkflowId("approved"), ANN)
    await Operations(engine).retry(WorkflowId("retried"), ANN)
    await world.work(worker=world.worker(engine=engine))

    assert after.approvals == {"cap"}
    assert await world.state("approved") is State.RELEASED
    assert await reason(world, "retried") is HeldReason.CAP  # still above it
    world.clock.advance(days=1, minutes=1)
    await Operations(engine).retry(WorkflowId("retried"), ANN)
    await world.work(worker=world.worker(engine=engine))
    assert await world.state("retried") is State.RELEASED


async def test_cap_shows_what_to_do(world: World) -> None:
    await tell(world, world.ruled(CAPPED), "a", "b", "c")

    dossier = await world.dossier("c")

    assert "15.00 USD on top of 30.00 USD" in dossier.workflow.held_detail
    assert "approve" in what_next(dossier.workflow)
    assert offered(dossier)[:2] == ("approve", "retry")


async def test_one_charge_too_many_waits_and_goes_on_by_itself(world: World) -> None:
    engine = world.ruled(ONE_AN_HOUR)
    await tell(world, engine, "a", "b")

    dossier = await world.dossier("b")
    assert await waits_for(world, "b") == Deferral.VELOCITY
    assert "guards.velocity" in what_next(dossier.workflow)
    assert offered(dossier) == ("approve", "hold")
    assert (await world.store.counts()).deferred == {Deferral.VELOCITY: 1}

    world.clock.advance(minutes=59)
    await world.work(worker=world.worker(engine=engine))
    assert await waits_for(world, "b") == Deferral.VELOCITY
    world.clock.advance(minutes=2)
    await world.work(worker=world.worker(engine=engine))
    assert await world.state("b") is State.RELEASED
    assert (await world.store.counts()).deferred == {}


async def test_velocity_is_lifted_by_an_approval_at_once(world: World) -> None:
    engine = world.ruled(ONE_AN_HOUR)
    await tell(world, engine, "a", "b")

    await Operations(engine).approve(WorkflowId("b"), ANN)
    await world.work(worker=world.worker(engine=engine))

    assert await world.state("b") is State.RELEASED


async def test_charge_on_its_way_is_never_put_off_by_the_velocity(world: World) -> None:
    engine = world.ruled(ONE_AN_HOUR)
    world.gateway.script.append("lost_before")
    await tell(world, engine, "a")  # sent, its answer lost: looked up, not there, sent again
    await world.work_through_by(engine, hours=1)

    assert await world.state("a") is State.RELEASED


async def declined_twice(world: World, engine: Engine) -> None:
    world.gateway.script.extend(("hard", "hard"))
    await tell(world, engine, "a", "b")
    assert [await world.state(name) for name in ("a", "b")] == [State.CANCELLED] * 2


async def test_method_that_was_declined_again_and_again_is_not_charged(world: World) -> None:
    engine = world.ruled(TWO_DECLINES)
    await declined_twice(world, engine)

    await tell(world, engine, "c", "d")

    assert world.gateway.charges_sent() == 2
    assert [await waits_for(world, name) for name in ("c", "d")] == [Deferral.BREAKER] * 2
    counts = await world.store.counts()
    assert (counts.deferred, counts.breakers_open) == ({Deferral.BREAKER: 2}, 1)
    events = list(await world.store.history(WorkflowId("c")))
    assert "pm_ok of cus-cust was declined 2 times in a row" in events[-1].reason


async def test_breaker_is_re_armed_when_the_method_changes(world: World) -> None:
    engine = world.ruled(TWO_DECLINES)
    await declined_twice(world, engine)
    await tell(world, engine, "c")

    world.payers.exceptions["cust"] = Payer("cus-cust", "pm_other")
    world.clock.advance(minutes=2)
    await world.work(worker=world.worker(engine=engine))

    assert await world.state("c") is State.RELEASED
    assert (await world.dossier("c")).workflow.deferred_by == ""
    assert (await world.store.counts()).breakers_open == 0


async def test_success_closes_the_breaker(world: World) -> None:
    engine = world.ruled(TWO_DECLINES)
    world.gateway.script.extend(("hard", "ok", "hard"))

    await tell(world, engine, "a", "b", "c", "d")

    assert await world.state("d") is State.RELEASED


async def test_breaker_asks_a_person_after_a_day_who_can_try_all_the_same(world: World) -> None:
    engine = world.ruled(TWO_DECLINES)
    await declined_twice(world, engine)
    await tell(world, engine, "c")
    await world.work_through_by(engine, hours=25)
    assert await reason(world, "c") is HeldReason.BREAKER
    assert (await world.store.counts()).breakers_open == 1
    deferred = [e for e in await world.store.history(WorkflowId("c")) if e.event == "deferred"]
    assert len(deferred) == 1

    await Operations(engine).retry(WorkflowId("c"), ANN)
    await world.work(worker=world.worker(engine=engine))

    assert await world.state("c") is State.RELEASED
    assert (await world.store.counts()).breakers_open == 0


@pytest.mark.parametrize("rules", [CAPPED, ONE_AN_HOUR, TWO_DECLINES])
async def test_no_limit_ever_tells_failed(world: World, rules: GuardRules) -> None:
    engine = world.ruled(rules)
    await declined_twice(world, world.ruled(GuardRules()))
    told = len(world.billing.releases)

    await tell(world, engine, *"cdefg")
    await world.work_through_by(engine, hours=30)

    assert {verdict for _, verdict, _ in world.billing.releases[told:]} <= {"paid"}
