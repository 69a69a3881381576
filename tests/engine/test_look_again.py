"""A gateway says "look again": one lookup, before its time; the hint moves nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from external_gate.domain.charge import ChargeRequest
from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.outcome import Pending, Unknown
from external_gate.domain.workflow import State, Verdict
from external_gate.stores.store_records import NewNotice
from external_gate.stores.store_rules import LOOKS_APART
from tests.engine.conftest import MakeWorld
from tests.engine.world import NOTHING, REPLAY, Booked, World

WF = WorkflowId("wf")
SLOW = Pending("ch_1", next_poll=timedelta(hours=6))


async def hint(world: World, event_id: str = "evt", *, attempt: int = -1) -> None:
    """Let the gateway say that we should look again at an attempt, the newest unless told."""
    key = (await world.dossier()).attempts[attempt].charge.attempt_key
    await tell(world, key, event_id)


async def tell(world: World, key: AttemptKey, event_id: str) -> None:
    notice = NewNotice("main", event_id, key, None, False, world.clock.now())
    await world.store.record_notices([notice])


def booked(world: World) -> Booked:
    return next(iter(world.gateway.books.values()))[0]


def looks(world: World) -> int:
    return sum(name == "lookup" for name, _ in world.gateway.calls)


async def pending_for_hours(world: World) -> None:
    """Leave a pending charge alone that is asked for again in six hours."""
    world.gateway.script.append("pending")
    world.gateway.lookups.extend([SLOW])
    await world.receive()
    await world.work()
    world.clock.advance(seconds=2)
    await world.work()
    due_at = (await world.dossier()).workflow.due_at
    assert due_at is not None
    assert due_at - world.clock.now() > timedelta(hours=5)


async def events(world: World) -> list[str]:
    return [entry.event for entry in await world.store.history(WF)]


async def test_pending_charge_is_finished_at_once_and_charged_once(world: World) -> None:
    await pending_for_hours(world)
    booked(world).status = "taken"

    await hint(world)
    await world.work()

    assert await world.state() is State.RELEASED
    assert world.gateway.charges_sent() == 1
    told = await events(world)
    assert told.index("look_asked") < told.index("lookup_answered", told.index("look_asked"))


async def test_look_that_finds_nothing_new_forgets_nothing_of_the_schedule(world: World) -> None:
    await pending_for_hours(world)
    before, made = (await world.dossier()).workflow, looks(world)

    await hint(world)
    await world.work()

    after = (await world.dossier()).workflow
    assert looks(world) == made + 1
    assert (after.state, after.due_at, after.tries, after.trying_since) == (
        before.state, before.due_at, before.tries, before.trying_since,
    )  # fmt: skip


async def test_flood_of_hints_costs_one_lookup_in_five_seconds(world: World) -> None:
    await pending_for_hours(world)
    before, made = (await world.dossier()).workflow, looks(world)

    for second in range(60):
        for number in range(3):
            await hint(world, f"evt-{second}-{number}")
        await world.work()
        world.clock.advance(seconds=1)

    apart = LOOKS_APART.total_seconds()
    assert looks(world) - made == 60 / apart
    assert (await events(world)).count("look_asked") == 60 / apart + 1
    assert (await world.dossier()).workflow.due_at == before.due_at
    assert world.gateway.charges_sent() == 1


async def test_hint_inside_the_five_seconds_is_late_and_not_lost(world: World) -> None:
    await pending_for_hours(world)
    await hint(world, "evt-1")
    await world.work()
    booked(world).status = "taken"
    world.clock.advance(seconds=1)

    await hint(world, "evt-2")
    await world.work()
    assert await world.state() is State.PENDING
    world.clock.advance(seconds=4)
    await world.work()

    assert await world.state() is State.RELEASED


async def test_gateway_that_asks_to_be_asked_sooner_is_asked_sooner(world: World) -> None:
    await pending_for_hours(world)
    world.gateway.lookups.append(Pending("ch_1", next_poll=timedelta(minutes=2)))

    await hint(world)
    await world.work()

    due_at = (await world.dossier()).workflow.due_at
    assert due_at == world.clock.now() + timedelta(minutes=2)


async def test_hints_make_no_resend_come_sooner(world: World) -> None:
    """Nothing was sent yet for certain, and the gateway sees nothing: the schedule sends again."""
    world.gateway.script.extend(["lost_before"] * 20)
    await world.receive()
    await world.work_through(hours=0.5, step_minutes=1)
    while await world.state() is not State.READY:
        world.clock.advance(seconds=30)
        await world.work()
    before = (await world.dossier()).workflow
    sent = world.gateway.charges_sent()
    assert before.due_at is not None

    number = 0
    while world.clock.now() + timedelta(seconds=5) < before.due_at and number < 40:
        number += 1
        await hint(world, f"evt-{number}")
        await world.work()
        world.clock.advance(seconds=5)

    after = (await world.dossier()).workflow
    assert number > 1
    assert world.gateway.charges_sent() == sent
    assert (after.state, after.due_at, after.tries) == (State.READY, before.due_at, before.tries)


async def test_absence_found_by_a_hint_brings_no_resend_forward(world: World) -> None:
    world.gateway.script.append("lost_before")
    world.gateway.lookups.extend([Unknown("timeout")] * 99)
    await world.receive()
    await world.work_through(hours=0.5, step_minutes=2)
    world.gateway.lookups.clear()
    before = (await world.dossier()).workflow
    assert before.state is State.UNRESOLVED
    assert before.due_at is not None
    assert before.due_at > world.clock.now()

    await hint(world)
    await world.work()

    after = (await world.dossier()).workflow
    assert after.state is State.READY
    assert after.due_at is not None
    assert after.due_at >= before.due_at
    assert world.gateway.charges_sent() == 1


@pytest.mark.parametrize("capabilities", [REPLAY, NOTHING], ids=["replay", "nothing"])
async def test_gateway_without_lookup_keeps_its_schedule_and_is_sent_nothing(
    make_world: MakeWorld, capabilities: object
) -> None:
    world = await make_world(capabilities)
    world.gateway.script.append("pending")
    await world.receive()
    await world.work()
    before, calls = (await world.dossier()).workflow, len(world.gateway.calls)

    await hint(world)
    await world.work()

    after = (await world.dossier()).workflow
    assert len(world.gateway.calls) == calls
    assert (after.state, after.due_at, after.tries) == (before.state, before.due_at, before.tries)
    assert (await events(world))[-2:] == ["look_asked", "look_left_out"]


async def test_hint_while_the_charge_is_on_the_wire_is_looked_at_afterwards(world: World) -> None:
    async def say_so(request: ChargeRequest) -> None:
        await tell(world, request.charge.attempt_key, "early")
        booked(world).status = "taken"

    world.gateway.script.append("pending")
    world.gateway.during_charge = say_so
    await world.receive()

    await world.work()

    assert await world.state() is State.RELEASED
    assert world.gateway.charges_sent() == 1


async def test_worker_that_dies_in_the_look_leaves_it_to_the_next(world: World) -> None:
    await pending_for_hours(world)
    await hint(world)
    lost = await world.store.claim(
        owner="dies", now=world.clock.now(), lease=timedelta(seconds=60), limit=1
    )
    assert lost
    booked(world).status = "taken"

    world.clock.advance(seconds=61)
    await world.work()

    assert await world.state() is State.RELEASED


async def test_look_that_is_not_answered_is_made(world: World) -> None:
    await pending_for_hours(world)
    world.gateway.lookups.append(Unknown("timeout"))

    await hint(world)
    await world.work()

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.look_at) == (State.PENDING, None)


async def test_reversal_after_the_end_is_one_incident_however_often_it_is_hinted(
    world: World,
) -> None:
    await world.receive()
    await world.work()
    booked(world).status = "declined"

    for number in range(4):
        world.clock.advance(days=30)
        await hint(world, f"evt-{number}")
        await world.work()

    assert await world.state() is State.RELEASED
    assert [i.kind for i in world.heard.incidents] == ["reversed"]
    assert looks(world) == 4
    assert world.billing.outcomes == {"wf": Verdict.PAID}


async def test_capture_after_a_decline_is_raised_after_the_end(world: World) -> None:
    world.gateway.script.append("hard")
    await world.receive()
    await world.work()
    assert await world.state() is State.CANCELLED
    booked(world).status = "taken"

    for number in range(3):
        await hint(world, f"evt-{number}")
        await world.work()
        world.clock.advance(seconds=5)

    assert await world.state() is State.CANCELLED
    assert [i.kind for i in world.heard.incidents] == ["late_success"]


async def test_money_under_a_dead_attempt_is_found_before_the_next_is_sent(
    make_world: MakeWorld,
) -> None:
    world = await make_world(soft_decline_schedule=(timedelta(hours=2),))
    world.gateway.script.append("soft")
    await world.receive()
    await world.work()
    assert await world.state() is State.READY
    booked(world).status = "taken"

    await hint(world, attempt=0)
    await world.work_through(hours=4)

    assert await world.state() is State.HELD
    assert world.gateway.charges_sent() == 1


async def test_look_comes_before_the_release_that_is_owed(world: World) -> None:
    """`failed` was decided, but no release got through; then the gateway knows better."""
    world.gateway.script.append("hard")
    world.billing.script.extend(["lost_before"] * 3)
    await world.receive()
    await world.work()
    assert await world.state() is State.DECLINED
    told = len(world.billing.releases)
    booked(world).status = "taken"

    await hint(world)
    await world.work()

    assert await world.state() is State.HELD
    assert len(world.billing.releases) == told


async def test_hint_about_a_gateway_that_is_gone_does_no_harm(world: World) -> None:
    await pending_for_hours(world)
    await hint(world)

    await world.work(worker=world.worker(engine=replace(world.engine, gateways={})))

    assert await world.state() is State.PENDING
    assert (await events(world))[-1] == "look_left_out"
