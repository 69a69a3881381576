"""The ordinary ways: charged and released, declined and cancelled."""

from datetime import timedelta

from external_gate.domain.workflow import State, Verdict
from tests.engine.conftest import MakeWorld
from tests.engine.world import World


async def test_a_workflow_is_charged_once_and_released(world: World) -> None:
    await world.receive()

    await world.work()

    dossier = await world.dossier()
    assert dossier.workflow.state is State.RELEASED
    assert [(b.amount_minor, b.currency) for b in world.gateway.taken()] == [(1500, "USD")]
    assert world.billing.outcomes == {"wf": Verdict.PAID}
    assert dossier.releases[0].key == "r-wf-paid-1"


async def test_the_ordinary_way_takes_three_saves(world: World) -> None:
    await world.receive()
    saves = 0
    save = world.store.save

    async def counted(change):  # type: ignore[no-untyped-def]  # the store's own signature
        nonlocal saves
        saves += 1
        return await save(change)

    world.store.save = counted  # type: ignore[method-assign]
    await world.work()

    assert await world.state() is State.RELEASED
    assert saves == 3


async def test_euros_are_whole_units_and_rounded_half_up(world: World) -> None:
    await world.receive(total="39.375", currency="EUR")

    await world.work()

    dossier = await world.dossier()
    assert [(b.amount_minor, b.currency) for b in world.gateway.taken()] == [(3938, "EUR")]
    assert dossier.workflow.rounding == "0.5"


async def test_a_hard_decline_is_released_as_failed(world: World) -> None:
    world.gateway.script.append("hard")
    await world.receive()

    await world.work()

    assert await world.state() is State.CANCELLED
    assert world.billing.outcomes == {"wf": Verdict.FAILED}
    assert world.gateway.charges_sent() == 1


async def test_a_soft_decline_is_tried_again_by_schedule_with_a_new_key(
    make_world: MakeWorld,
) -> None:
    world = await make_world(soft_decline_schedule=(timedelta(hours=6),))
    world.gateway.script.extend(["soft", "ok"])
    await world.receive()

    await world.work()
    assert await world.state() is State.READY
    assert world.billing.releases == []
    world.clock.advance(hours=5)
    await world.work()
    assert world.gateway.charges_sent() == 1
    world.clock.advance(hours=2)
    await world.work()

    assert await world.state() is State.RELEASED
    keys = [key for name, key in world.gateway.calls if name == "charge"]
    assert len(set(keys)) == 2
