"""Charges whose answer was lost: found again, never sent twice, never called failed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from external_gate.domain.charge import Capabilities
from external_gate.domain.outcome import NotFound, Unknown
from external_gate.domain.workflow import HeldReason, State, Verdict
from tests.engine.conftest import MakeWorld
from tests.engine.world import (
    EVERY_ANSWER,
    NO_KEY_BUT_LOOKUP,
    NOTHING,
    REPLAY,
    SUCCESS_ONLY,
    World,
)


async def test_a_lost_answer_is_found_by_lookup_and_not_charged_again(world: World) -> None:
    world.gateway.script.append("lost_after")
    await world.receive()

    await world.work()
    assert await world.state() is State.UNRESOLVED
    world.clock.advance(seconds=2)
    await world.work()

    assert await world.state() is State.RELEASED
    assert world.gateway.charges_sent() == 1
    assert len(world.gateway.taken()) == 1


async def test_a_lost_answer_is_asked_for_by_the_same_key_where_that_is_the_lookup(
    make_world: MakeWorld,
) -> None:
    world = await make_world(REPLAY)
    world.gateway.script.append("lost_after")
    await world.receive()

    await world.work_through(hours=1)

    assert await world.state() is State.RELEASED
    assert len({key for _, key in world.gateway.calls}) == 1
    assert len(set(world.gateway.bodies)) == 1
    assert len(world.gateway.taken()) == 1


async def test_a_first_not_found_is_not_believed_while_a_send_may_be_under_way(
    world: World,
) -> None:
    world.gateway.script.append("lost_before")
    await world.receive()

    await world.work()
    world.clock.advance(seconds=3)
    await world.work()

    assert world.gateway.charges_sent() == 1
    assert await world.state() is State.UNRESOLVED


async def test_after_conclusive_absence_the_same_attempt_is_sent_again(world: World) -> None:
    world.gateway.script.extend(["lost_before", "ok"])
    await world.receive()

    await world.work_through(hours=1)

    assert await world.state() is State.RELEASED
    assert len({key for name, key in world.gateway.calls if name == "charge"}) == 1
    assert world.gateway.charges_sent() == 2


async def test_without_key_and_lookup_an_unknown_charge_is_held_at_once(
    make_world: MakeWorld,
) -> None:
    world = await make_world(NOTHING)
    world.gateway.script.append("lost_after")
    await world.receive()

    await world.work_through(hours=48)

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.UNKNOWN_CHARGE)
    assert world.gateway.charges_sent() == 1
    assert world.billing.releases == []


async def test_without_a_key_absence_never_sends_again_and_never_fails(
    make_world: MakeWorld,
) -> None:
    world = await make_world(NO_KEY_BUT_LOOKUP)
    world.gateway.script.append("lost_before")
    await world.receive()

    await world.work_through(hours=48)

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.UNKNOWN_CHARGE)
    assert world.gateway.charges_sent() == 1
    assert world.billing.releases == []


async def test_lookups_go_on_while_held_and_proof_releases(make_world: MakeWorld) -> None:
    world = await make_world(NO_KEY_BUT_LOOKUP)
    world.gateway.script.append("lost_after")
    world.gateway.lookups.extend([NotFound(conclusive=False)] * 200)
    await world.receive()
    await world.work_through(hours=30)
    assert await world.state() is State.HELD

    world.gateway.lookups.clear()
    world.clock.advance(hours=2)
    await world.work()

    assert await world.state() is State.RELEASED
    assert world.gateway.charges_sent() == 1


async def test_nothing_is_sent_again_past_half_the_window(make_world: MakeWorld) -> None:
    world = await make_world(replace(SUCCESS_ONLY, window=timedelta(hours=1)))
    world.gateway.script.append("lost_before")
    world.gateway.lookups.extend([Unknown("search is down")] * 30)
    await world.receive()
    await world.work()

    world.clock.advance(minutes=31)
    world.gateway.lookups.clear()
    await world.work_through(hours=30)

    assert world.gateway.charges_sent() == 1
    assert (await world.dossier()).workflow.held_reason is HeldReason.UNKNOWN_CHARGE


async def test_a_clock_set_back_does_not_open_an_expired_window_again(
    make_world: MakeWorld,
) -> None:
    world = await make_world(replace(EVERY_ANSWER, window=timedelta(hours=2)))
    world.gateway.script.append("lost_before")
    world.gateway.lookups.extend([Unknown("search is down")] * 3)
    await world.receive()
    await world.work()
    world.engine.high_water.observe(world.clock.now() + timedelta(hours=3))

    world.gateway.lookups.clear()
    await world.work_through(hours=1)

    assert world.gateway.charges_sent() == 1


async def test_a_decline_of_the_second_send_does_not_settle_the_first(
    make_world: MakeWorld,
) -> None:
    """A gateway that stores successes only may still be working on the first send."""
    world = await make_world(SUCCESS_ONLY)
    world.gateway.script.extend(["lost_before", "hard"])
    await world.receive()

    await world.work_through(hours=48)

    workflow = (await world.dossier()).workflow
    assert workflow.state is State.HELD
    assert world.billing.releases == []


async def test_a_decline_under_a_key_that_stores_every_answer_settles_all_sends(
    world: World,
) -> None:
    world.gateway.script.extend(["lost_before", "hard"])
    await world.receive()

    await world.work_through(hours=2)

    assert await world.state() is State.CANCELLED
    assert world.billing.outcomes == {"wf": Verdict.FAILED}


@pytest.mark.parametrize("word", ["raises", "nothing"])
async def test_an_adapter_that_fails_leaves_the_charge_unknown(world: World, word: str) -> None:
    world.gateway.script.append(word)
    await world.receive()

    await world.work()

    assert await world.state() is State.UNRESOLVED
    assert world.billing.releases == []


@pytest.mark.parametrize("capabilities", [EVERY_ANSWER, SUCCESS_ONLY, REPLAY])
async def test_what_was_certainly_not_sent_is_sent_again_with_the_same_key(
    make_world: MakeWorld, capabilities: Capabilities
) -> None:
    world = await make_world(capabilities)
    world.gateway.script.extend(["not_sent", "not_sent", "ok"])
    await world.receive()

    await world.work_through(hours=1)

    assert await world.state() is State.RELEASED
    assert len({key for _, key in world.gateway.calls}) == 1


async def test_a_gateway_that_cannot_be_reached_for_a_day_holds_and_never_fails(
    world: World,
) -> None:
    world.gateway.script.extend(["not_sent"] * 1000)
    await world.receive()

    await world.work_through(hours=30)

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.UNREACHABLE)
    assert world.billing.releases == []


async def test_a_gateway_that_refuses_us_holds_and_never_fails(world: World) -> None:
    world.gateway.script.append("misconfigured")
    await world.receive()

    await world.work()

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.MISCONFIGURED)
    assert world.billing.releases == []


async def test_a_refused_resend_does_not_settle_the_send_before_it(world: World) -> None:
    world.gateway.script.extend(["lost_before", "misconfigured"])
    await world.receive()

    await world.work_through(hours=1)

    assert await world.state() in {State.UNRESOLVED, State.READY, State.RELEASED}
    assert Verdict.FAILED not in world.billing.outcomes.values()


async def test_a_success_of_another_amount_is_held_with_an_incident(world: World) -> None:
    world.gateway.script.append("wrong_amount")
    await world.receive()

    await world.work()

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.PROOF_MISMATCH)
    assert [i.kind for i in world.heard.incidents] == ["proof_mismatch"]
    assert world.billing.releases == []


async def test_changed_bytes_are_never_sent_under_the_old_key(world: World) -> None:
    world.gateway.script.append("not_sent")
    await world.receive()
    await world.work()
    world.gateway.build = lambda charge: b"other settings"  # type: ignore[method-assign]

    world.clock.advance(minutes=1)
    await world.work()

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.REQUEST_CHANGED)
    assert world.gateway.charges_sent() == 1
