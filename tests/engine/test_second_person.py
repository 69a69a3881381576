"""Where two people must agree, one is not enough: not by an old word, nor by another spelling."""

from datetime import timedelta

import pytest

from external_gate.domain.outcome import Declined, DeclineKind, Unknown
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine.operations import Person
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import ANN, WF, answer_lookups, late_success, let_pass, tell
from tests.engine.hostile_hands import workflow as now
from tests.engine.world import SUCCESS_ONLY, World

BOB = Person("bob", "agrees")
DOWN = Unknown("the search is down")


async def settle_failed(world: World, person: Person) -> None:
    await world.operations.settle(WF, Verdict.FAILED, person, evidence="e", accept_unknown=True)


async def refund_by_hand(world: World, person: Person) -> None:
    await world.operations.refund_by_hand(WF, person, evidence="refund re_17")


async def release_refused(make_world: MakeWorld) -> World:
    world = await make_world(second_person=True)
    world.billing.script.append("refused")
    await world.receive()
    await world.work()
    assert (await now(world)).held_reason is HeldReason.RELEASE_REFUSED
    return world


async def test_a_word_about_one_attempt_is_no_agreement_about_the_next(
    make_world: MakeWorld,
) -> None:
    world = await make_world(
        SUCCESS_ONLY, second_person=True, soft_decline_schedule=(timedelta(minutes=1),)
    )
    world.gateway.script.extend(["lost_before", "lost_before"])
    answer_lookups(world, DOWN)
    await world.receive()
    await let_pass(world, hours=30)
    await settle_failed(world, ANN)
    answer_lookups(world, Declined(DeclineKind.SOFT, "insufficient_funds"))
    await let_pass(world, hours=3)
    answer_lookups(world, DOWN)
    await world.operations.retry(WF, ANN)
    await let_pass(world, hours=30)
    assert len((await world.dossier()).attempts) == 2

    await settle_failed(world, BOB)

    assert await world.state() is State.HELD, "bob alone has decided about attempt 2"
    await settle_failed(world, ANN)
    assert await world.state() is State.DECLINED


async def test_a_word_about_one_charge_is_no_agreement_about_another(
    make_world: MakeWorld,
) -> None:
    world = await release_refused(make_world)
    await refund_by_hand(world, ANN)
    await tell(world, late_success(charge_id="ch_2"))
    await world.work()

    await refund_by_hand(world, BOB)

    assert await world.state() is State.HELD, "ann never spoke of ch_2"
    await refund_by_hand(world, ANN)
    assert await world.state() is State.REFUNDING


@pytest.mark.parametrize("name", ["Ann", "ann ", " ANN"])
async def test_another_spelling_is_no_second_person(make_world: MakeWorld, name: str) -> None:
    world = await release_refused(make_world)
    await refund_by_hand(world, ANN)

    await refund_by_hand(world, Person(name, "agrees with herself"))

    assert await world.state() is State.HELD
