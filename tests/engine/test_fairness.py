"""Nobody who is slow or busy keeps others waiting: a worker's places are shared, on both stores.

A gate stands for a gateway that hangs; the clock stands still, so that nothing is due by itself.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from external_gate.domain.charge import ChargeRequest, Payer
from external_gate.domain.errors import LeaseLost
from external_gate.domain.identifiers import AttemptKey, CustomerId, WorkflowId
from external_gate.domain.workflow import State
from external_gate.engine.case import Case
from external_gate.engine.lanes import Lanes
from external_gate.engine.operations import Person
from external_gate.engine.steps import advance
from external_gate.engine.worker import BATCH, Worker
from external_gate.stores.store_records import Dossier, NewNotice
from tests.engine.conftest import MakeWorld
from tests.engine.test_worker import PatientClock
from tests.engine.world import EVERY_ANSWER, LEASE, BookkeepingGateway, World

PLACES = 16
LANE = 12  # three quarters
CROWD = 40


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    """Give a world with two gateways."""
    world = await make_world()
    other = BookkeepingGateway(world.clock, EVERY_ANSWER)
    world.engine = replace(world.engine, gateways={"main": world.gateway, "other": other})
    return world


class Hanging:
    """Keeps every charge waiting until it is let go, and remembers who came in which order."""

    def __init__(self, gateway: BookkeepingGateway) -> None:
        self.arrived: list[str] = []
        self._open = asyncio.Event()
        self._came = asyncio.Condition()
        gateway.during_charge = self._keep

    async def _keep(self, request: ChargeRequest) -> None:
        async with self._came:
            self.arrived.append(request.charge.workflow_id)
            self._came.notify_all()
        await self._open.wait()

    async def until(self, number: int) -> None:
        async with self._came:
            await self._came.wait_for(lambda: len(self.arrived) >= number)

    def let_go(self) -> None:
        self._open.set()


class Claims:
    """Counts the rounds of claiming, and sees when one finds nothing."""

    def __init__(self, world: World) -> None:
        self.rounds = 0
        self.claimed = 0
        self.found_nothing = asyncio.Event()
        self._claim = world.store.claim
        world.store.claim = self._counted  # type: ignore[method-assign] # takes its place

    async def _counted(self, **wanted: Any) -> Sequence[Dossier]:  # the store's own signature
        claimed = await self._claim(**wanted)
        self.rounds += bool(claimed)
        self.claimed += len(claimed)
        if not claimed:
            self.found_nothing.set()
        return claimed

    async def all_found(self) -> None:
        self.found_nothing.clear()
        await self.found_nothing.wait()


@asynccontextmanager
async def working(world: World, hanging: Hanging) -> AsyncIterator[Worker]:
    """Run a worker; at the end the gateway answers, whatever the test has found."""
    engine = replace(world.engine, clock=PatientClock(world.clock.now()))
    worker = Worker(
        engine,
        owner="w1",
        concurrency=PLACES,
        lease=LEASE,
        poll=LEASE,
        patience=timedelta(),  # so that nothing here waits for real
    )
    running = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(20):
            yield worker
    finally:
        hanging.let_go()
        worker.drain()
        await running


async def receive_crowd(world: World, number: int = CROWD) -> list[str]:
    """Receive what goes to the first gateway, the oldest first."""
    names = [f"crowd-{each:03}" for each in range(number)]
    for name in names:
        await world.receive(name, customer_id=f"customer-of-{name}")
        world.clock.advance(milliseconds=1)
    return names


async def receive_for_other(world: World, name: str) -> None:
    world.payers.exceptions[f"customer-of-{name}"] = Payer("cus", "pm_ok", gateway="other")
    await world.receive(name, customer_id=f"customer-of-{name}")


async def released(world: World, *names: str) -> None:
    while {await world.state(name) for name in names} != {State.RELEASED}:  # noqa: ASYNC110 - a store tells nobody
        await asyncio.sleep(0.002)


async def test_gateway_that_hangs_does_not_delay_another_by_more_than_a_round(
    world: World,
) -> None:
    hanging = Hanging(world.gateway)
    await receive_crowd(world)
    claims = Claims(world)
    async with working(world, hanging) as worker:
        await hanging.until(LANE)
        await claims.all_found()
        before = claims.rounds

        await receive_for_other(world, "urgent")
        worker.wake()
        await released(world, "urgent")

        assert claims.rounds == before + 1
        assert len(hanging.arrived) == LANE


async def test_long_queue_before_another_gateways_workflow_is_passed_by(world: World) -> None:
    hanging = Hanging(world.gateway)
    await receive_crowd(world)
    await receive_for_other(world, "urgent")
    claims = Claims(world)
    async with working(world, hanging):
        await released(world, "urgent")

        assert claims.claimed <= CROWD + 1, "somebody was claimed twice"
        assert len(hanging.arrived) <= LANE


async def test_only_what_has_a_place_is_leased(world: World) -> None:
    hanging = Hanging(world.gateway)
    names = await receive_crowd(world)
    claims = Claims(world)
    async with working(world, hanging):
        await hanging.until(LANE)
        await claims.all_found()
        leased = 0
        for name in names:
            try:
                await world.store.acquire(
                    WorkflowId(name), owner="other", now=world.clock.now(), lease=LEASE
                )
            except LeaseLost:
                leased += 1

    assert leased == LANE


async def test_who_stood_aside_is_fetched_oldest_first_without_waiting(world: World) -> None:
    hanging = Hanging(world.gateway)
    names = await receive_crowd(world)
    claims = Claims(world)
    async with working(world, hanging):
        await hanging.until(LANE)
        await claims.all_found()
        aside = [name for name in names if name not in hanging.arrived]
        hanging.let_go()
        # The clock stands still: nobody is due again by itself.
        await released(world, *names)

    assert sorted(hanging.arrived) == names, "each was charged once"
    fetched = hanging.arrived[LANE:]
    late = [abs(fetched.index(name) - place) for place, name in enumerate(aside)]
    assert max(late) < PLACES, "only those that were fetched together may overtake each other"


async def test_busy_customer_leaves_places_for_others(world: World) -> None:
    hanging = Hanging(world.gateway)
    for number in range(40):
        await world.receive(f"busy-{number}", customer_id="busy")
    claims = Claims(world)
    async with working(world, hanging) as worker:
        await hanging.until(PLACES // 2)
        await claims.all_found()
        assert len(hanging.arrived) == PLACES // 2

        await world.receive("quiet", customer_id="quiet")
        worker.wake()
        await hanging.until(PLACES // 2 + 1)

        assert hanging.arrived[-1] == "quiet"
        hanging.let_go()
        await released(world, "quiet", *(f"busy-{number}" for number in range(40)))


async def test_person_can_hold_what_stands_aside(world: World) -> None:
    hanging = Hanging(world.gateway)
    names = await receive_crowd(world, 30)
    claims = Claims(world)
    async with working(world, hanging) as worker:
        await hanging.until(LANE)
        await claims.all_found()
        aside = next(name for name in reversed(names) if name not in hanging.arrived)

        await world.operations.hold(WorkflowId(aside), Person("ann", "wait"))
        worker.wake()
        while await world.state(aside) is not State.HELD:  # noqa: ASYNC110 - a store tells nobody
            await asyncio.sleep(0.002)

    assert aside not in hanging.arrived


async def test_look_that_a_notice_asks_for_does_not_spin_before_a_full_lane(world: World) -> None:
    world.gateway.script.append("lost_after")
    await world.receive()
    await world.work()
    key = (await world.dossier()).attempts[0].charge.attempt_key
    looks = len(world.gateway.calls)
    world.clock.advance(seconds=1)
    await ask_to_look(world, key)
    full = Lanes(1, world.engine.gateways)
    full.enter(WorkflowId("another"), "main", CustomerId("another"))

    (dossier,) = await claimed(world)
    case = Case(world.engine, dossier, world.clock.now() + LEASE, full)
    await advance(case)

    assert len(world.gateway.calls) == looks, "nobody was asked"
    assert await claimed(world) == [], "it is due again when its lease has run out"
    world.clock.advance(seconds=61)
    assert [each.workflow.workflow_id for each in await claimed(world)] == ["wf"]


async def ask_to_look(world: World, key: AttemptKey) -> None:
    now = world.clock.now()
    notice = NewNotice("main", "event", key, None, signed_and_final=False, received_at=now)
    await world.store.record_notices([notice])


async def claimed(world: World) -> list[Dossier]:
    found = await world.store.claim(owner="w1", now=world.clock.now(), lease=LEASE, limit=BATCH)
    return list(found)
