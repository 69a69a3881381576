"""A refund beside an attempt that nobody knows: it ends only when people have looked by hand."""

from dataclasses import replace
from datetime import timedelta

from external_gate.domain.identifiers import attempt_key
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.outcome import Succeeded, Undone
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine.operations import Person
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import ANN, USD15, WF, tell, workflow
from tests.engine.world import NOTHING, World

BOB = Person("bob", "looked it up: there is no such charge")


async def refunded_beside_an_unknown(make_world: MakeWorld, **policy: object) -> World:
    """The first attempt took money after all, and it is back; the second one is not known."""
    world = await make_world(
        replace(NOTHING, refund=True), soft_decline_schedule=(timedelta(minutes=1),), **policy
    )
    world.gateway.script.extend(["soft", "lost_before"])
    await world.receive()
    await world.work()
    world.clock.advance(minutes=2)
    await world.work()
    await tell(world, Succeeded("ch_1", USD15, attempt_key(WF, 1)))
    await world.work()
    world.gateway.undos.append(Undone())
    await world.operations.refund(WF, ANN)
    await world.work()
    return world


async def test_it_is_held_while_the_other_attempt_is_unknown(make_world: MakeWorld) -> None:
    world = await refunded_beside_an_unknown(make_world)

    await world.operations.retry(WF, ANN)
    await world.work()

    held = await workflow(world)
    assert held.held_reason is HeldReason.UNKNOWN_CHARGE
    assert "retry with --accept-unknown" in held.held_detail
    assert world.billing.releases == []


async def test_a_person_who_looked_lets_it_end(make_world: MakeWorld) -> None:
    world = await refunded_beside_an_unknown(make_world)

    await world.operations.retry(WF, BOB, accept_unknown=True)
    await world.work()

    assert await world.state() is State.CANCELLED
    assert [verdict for _, verdict, _ in world.billing.releases] == [Verdict.FAILED]
    assert IncidentKind.UNKNOWN_ACCEPTED in [i.kind for i in world.heard.incidents]


async def test_a_second_person_must_agree_where_the_configuration_says_so(
    make_world: MakeWorld,
) -> None:
    world = await refunded_beside_an_unknown(make_world, second_person=True)

    await world.operations.retry(WF, BOB, accept_unknown=True)
    await world.work()
    assert await world.state() is State.HELD
    await world.operations.retry(WF, ANN, accept_unknown=True)
    await world.work()

    assert await world.state() is State.CANCELLED


async def test_money_that_the_other_attempt_takes_meanwhile_stops_it(
    make_world: MakeWorld,
) -> None:
    world = await refunded_beside_an_unknown(make_world)
    await world.operations.retry(WF, BOB, accept_unknown=True)

    await tell(world, Succeeded("ch_2", USD15, attempt_key(WF, 2)), number=2)
    await world.work()

    assert world.billing.releases == []
