"""What the host application is told of whole lives: each rest and incident, once, in order."""

import json
from typing import Any

import pytest

from external_gate.domain.host_notice import NoticeFilter, NoticeType
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import State
from external_gate.engine.operations import Person
from tests.engine.test_customer_action import FIRST, SECOND, looked_up, needs
from tests.engine.world import World

ANN = Person("ann", "because")
WF = WorkflowId("wf")


@pytest.fixture
def told_world(world: World) -> World:
    """Give a world whose host wants to hear everything."""
    world.store.keep_notices(dict.fromkeys(NoticeType, ("erp",)))
    return world


async def told(world: World) -> list[tuple[str, Any]]:
    """Give type and the word that goes with it, in order; the sequence has no gap."""
    kept = list(reversed(await world.store.host_notices(NoticeFilter(workflow_id=WF))))
    assert [one.sequence for one in kept] == list(range(1, len(kept) + 1))
    bodies = [json.loads(one.body) for one in kept]
    return [(body["type"], _word(body["data"])) for body in bodies]


def _word(data: dict[str, Any]) -> Any:
    return data.get("action_url") or data.get("incident", {}).get("kind") or data["held_reason"]


async def test_ordinary_life_tells_its_end_alone(told_world: World) -> None:
    await told_world.receive()
    await told_world.work()

    assert await told(told_world) == [("workflow.released", None)]


async def test_decline_tells_that_it_was_cancelled(told_world: World) -> None:
    told_world.gateway.script.append("hard")
    await told_world.receive()
    await told_world.work()

    assert await told(told_world) == [("workflow.cancelled", None)]


async def test_hold_refund_and_its_end_are_told_in_their_order(told_world: World) -> None:
    told_world.billing.script.append("refused")
    await told_world.receive()
    await told_world.work()
    await told_world.operations.refund(WF, ANN)
    await told_world.work_through(hours=2)

    assert await told_world.state() in {State.REFUNDED, State.CANCELLED}
    kinds = [kind for kind, _ in await told(told_world)]
    assert (await told(told_world))[0] == ("workflow.held", "release_refused")
    assert kinds[-1] == f"workflow.{await told_world.state()}"
    assert len(kinds) == 2


async def test_each_address_for_the_customer_is_told_once(told_world: World) -> None:
    await looked_up(told_world, needs(FIRST), needs(FIRST), needs(SECOND))

    asks = "workflow.pending_action_required"
    assert await told(told_world) == [(asks, FIRST), (asks, SECOND)]


async def test_customer_is_asked_again_when_a_person_lets_it_go_on(told_world: World) -> None:
    await looked_up(told_world, needs(FIRST))
    await told_world.operations.hold(WF, ANN)
    await told_world.work()
    await told_world.operations.retry(WF, ANN)

    assert await told_world.state() is State.PENDING
    assert await told(told_world) == [
        ("workflow.pending_action_required", FIRST),
        ("workflow.held", "operator"),
        ("workflow.pending_action_required", FIRST),
    ]


async def test_money_that_does_not_match_is_told_as_hold_and_incident(told_world: World) -> None:
    told_world.gateway.script.append("wrong_amount")
    await told_world.receive()
    await told_world.work()

    assert await told(told_world) == [
        ("workflow.held", "proof_mismatch"),
        ("incident.raised", "proof_mismatch"),
    ]


async def test_host_that_wants_nothing_costs_nothing(world: World) -> None:
    await world.receive()
    await world.work()

    assert await world.store.host_notices(NoticeFilter()) == []
