"""The worker: batches, bounded concurrency, renewed leases, a drain that cuts nothing off."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from external_gate.domain.errors import Unavailable
from external_gate.domain.workflow import State
from external_gate.engine.worker import Worker
from tests.engine.world import LEASE, HandClock, World


class PatientClock(HandClock):
    """Waits a moment of real time for every wait, so that other tasks get their turn."""

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(0.002)


def worker_of(world: World, *, concurrency: int = 8, patient: bool = False) -> Worker:
    return Worker(
        replace(world.engine, clock=PatientClock()) if patient else world.engine,
        owner="w1",
        concurrency=concurrency,
        lease=LEASE,
        poll=timedelta(seconds=1),
    )


class Gate:
    """Holds every charge until it is opened, and counts how many are on the wire."""

    def __init__(self, world: World) -> None:
        self.open = asyncio.Event()
        self.on_the_wire = 0
        self.most = 0
        self.arrived = asyncio.Event()
        world.gateway.during_charge = self._pass

    async def _pass(self, _request: Any) -> None:  # a ChargeRequest, which nobody looks at
        self.on_the_wire += 1
        self.most = max(self.most, self.on_the_wire)
        self.arrived.set()
        await self.open.wait()
        self.on_the_wire -= 1


async def test_one_batch_works_on_many_at_once(world: World) -> None:
    for number in range(6):
        await world.receive(f"wf-{number}")
    gate = Gate(world)

    batch = asyncio.create_task(world.worker().run_once())
    await gate.arrived.wait()
    gate.open.set()

    assert await batch == 6
    assert {await world.state(f"wf-{n}") for n in range(6)} == {State.RELEASED}


async def test_no_more_than_concurrency_are_on_the_wire(world: World) -> None:
    for number in range(9):
        await world.receive(f"wf-{number}", customer_id=f"customer-{number}")
    gate = Gate(world)
    worker = worker_of(world, concurrency=3, patient=True)

    running = asyncio.create_task(worker.run())
    await gate.arrived.wait()
    await asyncio.sleep(0.05)  # in which a fourth would arrive, were it let in
    at_the_gate = gate.on_the_wire
    gate.open.set()
    worker.drain()
    await running

    assert (at_the_gate, gate.most) == (3, 3)


async def test_a_call_longer_than_the_lease_keeps_it_by_renewal(world: World) -> None:
    await world.receive()
    gate = Gate(world)
    worker = worker_of(world)
    charging = asyncio.create_task(worker.run_once())
    await gate.arrived.wait()

    world.clock.advance(seconds=40)
    await worker.renew_once()
    world.clock.advance(seconds=40)
    taken_over = await world.worker("w2").run_once()
    gate.open.set()
    await charging

    assert taken_over == 0
    assert await world.state() is State.RELEASED


async def test_draining_finishes_the_charge_and_leaves_the_rest_to_others(world: World) -> None:
    await world.receive("first")
    gate = Gate(world)
    worker = worker_of(world, patient=True)
    running = asyncio.create_task(worker.run())
    await gate.arrived.wait()

    worker.drain()
    await world.receive("second")
    gate.open.set()
    await running

    assert await world.state("first") is State.PAID
    assert await world.state("second") is State.RECEIVED
    await world.work(worker=world.worker("w2"))
    assert await world.state("first") is State.RELEASED
    assert world.gateway.charges_sent() == 2
    assert len(world.gateway.taken()) == 2


async def test_an_answer_survives_a_short_outage_of_the_database(world: World) -> None:
    await world.receive()
    save, failures = world.store.save, [Unavailable("disk full"), Unavailable("disk full")]

    async def failing(change: Any) -> Any:  # the store's own signature
        if change.evidence and failures:
            raise failures.pop()
        return await save(change)

    world.store.save = failing  # type: ignore[method-assign]
    await world.work()

    assert await world.state() is State.RELEASED
    assert [name for name, _ in world.gateway.calls] == ["charge"]


@pytest.mark.parametrize("beside_microseconds", [0, 999])
async def test_a_save_that_was_committed_although_it_failed_is_not_made_twice(
    world: World, beside_microseconds: int
) -> None:
    world.clock.advance(microseconds=beside_microseconds)  # stores keep milliseconds
    await world.receive()
    save, failures = world.store.save, [Unavailable("the answer of the commit was lost")]

    async def failing_after(change: Any) -> Any:  # the store's own signature
        saved = await save(change)
        if change.evidence and failures:
            raise failures.pop()
        return saved

    world.store.save = failing_after  # type: ignore[method-assign]
    await world.work()

    dossier = await world.dossier()
    assert dossier.workflow.state is State.RELEASED
    assert len(dossier.attempts[0].evidence) == 1
    assert [name for name, _ in world.gateway.calls] == ["charge"]


async def test_a_worker_that_slept_after_its_claim_tells_metronome_nothing(world: World) -> None:
    world.billing.script.append("lost_before")
    await world.receive()
    await world.work()
    assert await world.state() is State.PAID
    world.clock.advance(minutes=1)
    claim = world.store.claim

    async def slow_claim(**wanted: Any) -> Any:  # the store's own signature
        claimed = await claim(**wanted)
        world.clock.advance(seconds=61)
        return claimed

    world.store.claim = slow_claim  # type: ignore[method-assign]
    await world.worker().run_once()

    assert len(world.billing.releases) == 1
    assert world.heard.lost == ["wf"]


async def test_an_outage_of_the_store_is_told_once_and_the_next_one_again(world: World) -> None:
    worker = worker_of(world, concurrency=2, patient=True)
    claim, away, asked = world.store.claim, asyncio.Event(), 0

    async def perhaps_away(**wanted: Any) -> Any:  # the store's own signature
        nonlocal asked
        asked += 1
        if away.is_set():
            raise Unavailable("the database is away")
        return await claim(**wanted)

    async def let_it_ask(times: int) -> None:
        until = asked + times
        while asked < until:  # noqa: ASYNC110 - the worker's own loop sets no event
            await asyncio.sleep(0.001)

    world.store.claim = perhaps_away  # type: ignore[method-assign]  # it takes the real one's place
    running = asyncio.create_task(worker.run())
    for _ in range(2):
        away.set()
        await let_it_ask(4)
        away.clear()
        await let_it_ask(2)
    worker.drain()
    await running

    assert [type(error) for error in world.heard.errors] == [Unavailable, Unavailable]
