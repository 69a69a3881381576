"""People settle with fresh keys and open eyes, and a schedule is not taken for a restore."""

from datetime import timedelta

import pytest

from external_gate.domain.errors import Refused
from external_gate.domain.workflow import HeldReason, State, Verdict
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import ANN, WF, workflow
from tests.engine.world import NOTHING, REPLAY, World


async def test_settling_after_a_refused_release_uses_no_key_again(world: World) -> None:
    """Metronome stores even a 500 under its key: the same key gets the same answer for ever."""
    world.billing.script.extend(["failed_before", "refused"])
    await world.receive()
    await world.work()
    world.clock.advance(minutes=1)
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.RELEASE_REFUSED
    used = [key for _, _, key in world.billing.releases]

    await world.operations.settle(WF, Verdict.PAID, ANN, evidence="seen")
    await world.work()

    fresh = [key for _, _, key in world.billing.releases[len(used) :]]
    assert not set(fresh) & set(used), fresh
    assert await world.state() is State.RELEASED


async def test_settling_failed_after_a_restore_needs_the_unknown_accepted(
    make_world: MakeWorld,
) -> None:
    """The lost books may have known of a charge."""
    world = await make_world(NOTHING)
    await world.receive()
    await world.store.mark_restored(world.clock.now())
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.RESTORED

    with pytest.raises(Refused):
        await world.operations.settle(WF, Verdict.FAILED, ANN, evidence="none")


async def test_settling_failed_after_a_restore_needs_it_whatever_holds_the_workflow(
    world: World,
) -> None:
    """Held before the gateway could be asked: the lost life may have charged all the same."""
    world.payers.exceptions["cust"] = None
    await world.receive()
    await world.store.mark_restored(world.clock.now())
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.NO_PAYER

    with pytest.raises(Refused, match="what the lost books knew"):
        await world.operations.settle(WF, Verdict.FAILED, ANN, evidence="none")
    await world.operations.settle(WF, Verdict.FAILED, ANN, evidence="looked", accept_unknown=True)

    assert "unknown_accepted" in [i.kind for i in world.heard.incidents]


async def test_a_scheduled_second_attempt_is_not_held_as_restored(make_world: MakeWorld) -> None:
    world = await make_world(REPLAY, soft_decline_schedule=(timedelta(days=1),))
    world.gateway.script.extend(["soft", "ok"])
    await world.receive()
    await world.work()

    world.clock.advance(days=1, minutes=1)
    await world.work()

    assert await world.state() is State.RELEASED, (await workflow(world)).held_reason
