"""The customer must act: the address is kept, replaced by a newer one, and never logged."""

from datetime import timedelta

import pytest

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.outcome import Pending, Succeeded
from external_gate.domain.workflow import State
from external_gate.engine.customer_action import action_url
from external_gate.engine.workflow_view import dossier_view
from tests.engine.world import World

FIRST, SECOND = "https://bank.example/first", "https://bank.example/second"


def needs(address: str | None) -> Pending:
    """Give an answer by which the customer must act."""
    soon = timedelta(minutes=1)
    return Pending("ch_1", next_poll=soon, needs_customer=True, action_url=address)


async def looked_up(world: World, *answers: Pending) -> None:
    """Let a pending charge be looked up once for every answer."""
    world.gateway.script.append("pending")
    world.gateway.lookups.extend(answers)
    await world.receive()
    await world.work()
    for _ in answers:
        world.clock.advance(minutes=2)
        await world.work()


async def asked(world: World) -> int:
    history = await world.store.history(WorkflowId("wf"))
    return sum(entry.event == "customer_action_asked" for entry in history)


async def test_address_is_kept_and_shown(world: World) -> None:
    await looked_up(world, needs(FIRST))

    dossier = await world.dossier()
    assert dossier_view(dossier, history=(), incidents=())["action_url"] == FIRST
    assert await asked(world) == 1


async def test_newer_address_replaces_it_and_the_customer_is_asked_again(world: World) -> None:
    await looked_up(world, needs(FIRST), needs(FIRST), needs(SECOND))

    assert action_url(await world.dossier()) == SECOND
    assert await asked(world) == 2


async def test_answer_without_an_address_keeps_it_and_does_not_cancel(world: World) -> None:
    await looked_up(world, needs(FIRST), needs(None))

    assert action_url(await world.dossier()) == FIRST
    assert await world.state() is State.PENDING
    assert "cancel" not in [name for name, _ in world.gateway.calls]


@pytest.mark.parametrize("then", ["acted", "paid"])
async def test_nothing_is_shown_once_nothing_is_asked_any_more(world: World, then: str) -> None:
    await looked_up(world, needs(FIRST))
    acted = Pending("ch_1", next_poll=timedelta(minutes=1))
    amount = (await world.dossier()).attempts[0].charge.amount
    world.gateway.lookups.append(acted if then == "acted" else Succeeded("ch_1", amount))

    world.clock.advance(minutes=2)
    await world.work()

    assert action_url(await world.dossier()) is None


async def test_address_is_in_no_line_of_the_history(world: World) -> None:
    await looked_up(world, needs(FIRST), needs(SECOND))

    history = await world.store.history(WorkflowId("wf"))

    assert not [entry for entry in history if "bank.example" in str(entry)]
