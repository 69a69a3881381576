"""Nothing is lost, stuck or hot: each workflow ends or is held, whatever a gateway says."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest

from external_gate.domain.charge import ChargeRequest, Lookup, SentCharge
from external_gate.domain.evidence import Source
from external_gate.domain.identifiers import attempt_key
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.money import Money
from external_gate.domain.outcome import Declined, NotSent, Pending, UndoPending, Unknown
from external_gate.domain.workflow import HeldReason, State
from tests.databases import Database
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import (
    ANN,
    WF,
    answer_lookups,
    claim_once,
    late_success,
    let_pass,
    tell,
    until_held,
    workflow,
)
from tests.engine.world import (
    EVERY_ANSWER,
    NO_KEY_BUT_LOOKUP,
    REPLAY,
    BookkeepingGateway,
    HandClock,
    World,
)

DOWN = Unknown("down")
MAY_TURN = timedelta(hours=3)


async def held_with_the_lookup_down(world: World) -> None:
    world.gateway.script.append("lost_before")
    answer_lookups(world, DOWN)
    await world.receive()
    await until_held(world)


async def test_an_unknown_charge_stays_at_rest_when_the_window_closes(
    make_world: MakeWorld,
) -> None:
    """An outage of ours outlasts half the window of a gateway that is asked by replay."""
    world = await make_world(REPLAY)
    world.gateway.script.extend(["lost_before"] * 3)
    await world.receive()
    await world.work()
    world.clock.advance(hours=13)
    await claim_once(world)
    assert (await workflow(world)).held_reason is HeldReason.UNKNOWN_CHARGE

    world.clock.advance(hours=2)
    await claim_once(world)

    assert await world.state() is State.HELD


async def test_another_amount_found_while_held_is_told_once(make_world: MakeWorld) -> None:
    world = await make_world(NO_KEY_BUT_LOOKUP)
    world.gateway.script.append("lost_after")
    answer_lookups(world, DOWN, times=400)
    await world.receive()
    await until_held(world)

    answer_lookups(world, late_success(amount=Money(1499, "USD")))
    await let_pass(world, hours=3)

    mismatches = [i for i in world.heard.incidents if i.kind is IncidentKind.PROOF_MISMATCH]
    assert len(mismatches) == 1
    assert (await workflow(world)).held_reason is HeldReason.PROOF_MISMATCH


async def test_a_late_not_sent_leaves_a_held_workflow_at_rest(make_world: MakeWorld) -> None:
    world = await make_world(NO_KEY_BUT_LOOKUP)
    await world.receive()
    await world.crash_in_mid_charge()
    world.gateway.books.clear()
    answer_lookups(world, DOWN)
    world.clock.advance(minutes=2)
    await until_held(world)

    await tell(world, NotSent("deadline passed"), source=Source.CHARGE, send=1)
    await let_pass(world, hours=3)

    assert await world.state() is not State.CHARGING


async def test_a_decline_that_may_turn_waits_quietly_while_the_lookup_is_down(
    make_world: MakeWorld,
) -> None:
    world = await make_world(replace(EVERY_ANSWER, failed_is_final_after=MAY_TURN))
    world.gateway.script.append("hard")
    answer_lookups(world, DOWN)
    await world.receive()

    await let_pass(world, hours=5)


@pytest.mark.parametrize("lookup", [Lookup.NONE, Lookup.REPLAY])
async def test_a_decline_that_may_turn_and_cannot_be_looked_up_is_held(
    make_world: MakeWorld, lookup: Lookup
) -> None:
    world = await make_world(replace(REPLAY, lookup=lookup, failed_is_final_after=MAY_TURN))
    world.gateway.script.append("hard")
    await world.receive()

    await let_pass(world, hours=30)

    assert await world.state() is State.HELD


async def test_a_gateway_that_always_wants_to_be_asked_at_once_does_not_run_us_hot(
    world: World,
) -> None:
    world.gateway.script.append("pending")
    answer_lookups(world, Pending("ch_1", next_poll=timedelta(0)))
    await world.receive()

    await let_pass(world, hours=1)


async def test_a_gateway_that_wants_silence_is_still_told_to_cancel_at_the_deadline(
    world: World,
) -> None:
    world.gateway.script.append("pending")
    answer_lookups(world, Pending("ch_1", next_poll=timedelta(days=7)))
    await world.receive()

    await let_pass(world, hours=80, step_minutes=30)

    assert ("cancel", str(attempt_key(WF, 1))) in world.gateway.calls


async def test_a_pending_charge_asked_by_replay_keeps_to_the_ladder(
    make_world: MakeWorld,
) -> None:
    """Else all its resends are used up within seconds; 1 + 2 + 5 + 15 + 30 s are five rungs."""
    world = await make_world(replace(REPLAY, window=timedelta(days=10)))
    world.gateway.script.append("pending")
    await world.receive()

    for _ in range(60):
        await claim_once(world)
        world.clock.advance(seconds=1)

    assert world.gateway.charges_sent() <= 7


async def test_a_charge_found_pending_after_a_retry_has_a_deadline(world: World) -> None:
    await held_with_the_lookup_down(world)
    answer_lookups(world, Pending("ch_1"))
    world.clock.advance(hours=2)
    await claim_once(world)

    await world.operations.retry(WF, ANN)
    await claim_once(world)

    found = await workflow(world)
    assert found.state is State.PENDING
    assert found.pending_deadline is not None


async def test_a_repeated_notice_during_a_refund_breaks_no_claim(make_world: MakeWorld) -> None:
    """The charge was proven by a notice that a person's hold had read before any worker."""
    world = await make_world(replace(NO_KEY_BUT_LOOKUP, refund=True))
    await world.receive()
    await world.crash_in_mid_charge()
    world.clock.advance(minutes=2)
    assert await world.state() is State.CHARGING
    answer_lookups(world, DOWN, times=1)
    await claim_once(world)
    assert await world.state() is State.UNRESOLVED
    await tell(world, late_success(charge_id="ch_1"))
    await world.operations.hold(WF, ANN)
    world.gateway.undos.extend([UndoPending()] * 3)
    await world.operations.refund(WF, ANN)
    await claim_once(world)
    assert await world.state() is State.REFUNDING

    await tell(world, late_success(charge_id="ch_1"))
    world.clock.advance(minutes=2)
    await claim_once(world)

    assert world.heard.errors == []


async def test_a_held_workflow_whose_gateway_is_no_longer_configured_stays_at_rest(
    world: World,
) -> None:
    await held_with_the_lookup_down(world)

    world.engine = replace(world.engine, gateways={})
    await let_pass(world, hours=3)

    assert await world.state() is State.HELD


async def test_money_of_a_dead_attempt_found_while_held_is_a_contradiction_at_rest(
    make_world: MakeWorld,
) -> None:
    world = await make_world(soft_decline_schedule=(timedelta(minutes=1),))
    world.gateway.script.extend(["soft", "lost_before"])
    await world.receive()
    await claim_once(world)
    answer_lookups(world, DOWN)
    await until_held(world)

    await tell(world, late_success())
    await let_pass(world, hours=3)

    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION


class WaitingClock(HandClock):
    """Stands still, but lets others run while somebody sleeps."""

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(0.01)


async def test_one_row_that_cannot_be_read_stops_nobody_else(
    world: World, database: Database
) -> None:
    """A newer version may have written an answer that this one does not know."""
    world.gateway.script.append("pending")
    await world.receive()
    await world.work()
    await tell(world, Pending())
    of_the_table = " ON evidence" if database.name == "postgres" else ""
    database.by_hand(f"DROP TRIGGER evidence_is_never_changed{of_the_table}")
    database.by_hand("""UPDATE evidence SET answer = '{"answer":"Partly"}' WHERE source='notice'""")
    await world.receive("good")

    worker = world.worker(engine=replace(world.engine, clock=WaitingClock(world.clock.now())))
    working = asyncio.create_task(worker.run())
    for _ in range(200):
        await asyncio.sleep(0.005)
        if await world.state("good") is State.RELEASED:
            break

    assert not working.done(), "the worker's loop died"
    worker.drain()
    await working
    assert await world.state("good") is State.RELEASED


class GarblingGateway(BookkeepingGateway):
    """Declines in words that no database takes."""

    async def charge(self, request: ChargeRequest) -> Declined:
        self.calls.append(("charge", ""))
        return Declined(message="bad \ud800 text")

    async def lookup(self, sent: SentCharge) -> Declined:
        return Declined(message="bad \ud800 text")


async def test_words_that_no_database_takes_still_come_to_an_end(world: World) -> None:
    gateway = GarblingGateway(world.clock)
    world.engine = replace(world.engine, gateways={"main": gateway})
    await world.receive()

    await let_pass(world, hours=50, step_minutes=30)

    assert gateway.calls
    assert await world.state() in {State.CANCELLED, State.HELD}, world.heard.errors[:1]


class HastyGateway(BookkeepingGateway):
    """Forgets that a charge is awaited, and raises."""

    def charge(self, request: ChargeRequest) -> NoReturn:
        raise RuntimeError("a plain function")


async def test_an_adapter_that_raises_before_it_is_awaited_has_answered_unknown(
    world: World,
) -> None:
    world.engine = replace(world.engine, gateways={"main": HastyGateway(world.clock)})
    await world.receive()

    await claim_once(world)

    assert world.heard.errors == []
    assert await world.state() is not State.CHARGING
