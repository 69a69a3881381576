"""The release: told once, believed only on proof, never turned round."""

import pytest

from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.money import Money
from external_gate.domain.outcome import Succeeded, TooLate, UndoPending
from external_gate.domain.workflow import HeldReason, State, Verdict
from tests.engine.conftest import MakeWorld
from tests.engine.world import World


@pytest.mark.parametrize("word", ["lost_before", "lost_after", "busy", "conflict"])
async def test_after_no_answer_the_same_key_is_sent_again(world: World, word: str) -> None:
    world.billing.script.append(word)
    await world.receive()

    await world.work_through(hours=1)

    assert await world.state() is State.RELEASED
    assert [key for _, _, key in world.billing.releases] == ["r-wf-paid-1", "r-wf-paid-1"]


@pytest.mark.parametrize("word", ["failed_before", "failed_after"])
async def test_after_a_received_5xx_the_key_changes(world: World, word: str) -> None:
    """Metronome replays a stored 500 under its key for a day."""
    world.billing.script.append(word)
    await world.receive()

    await world.work_through(hours=1)

    assert await world.state() is State.RELEASED
    assert [key for _, _, key in world.billing.releases] == ["r-wf-paid-1", "r-wf-paid-2"]


async def test_already_committed_at_the_first_send_is_read_back(world: World) -> None:
    """Somebody else committed: only an active commit of this invoice proves it."""
    await world.receive()
    world.billing.apply("wf", Verdict.PAID)

    await world.work()

    history = await world.store.history((await world.dossier()).workflow.workflow_id)
    assert await world.state() is State.RELEASED
    assert "read_back" in [entry.event for entry in history]


async def test_charged_but_void_is_held_and_never_called_released(world: World) -> None:
    await world.receive()
    world.billing.outcomes["wf"] = Verdict.FAILED
    world.gateway.during_charge = lambda _request: _void(world)

    await world.work()

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.RELEASE_REFUSED)


async def _void(world: World) -> None:
    world.billing.void("inv-wf")


async def test_failed_owed_but_committed_is_a_contradiction(world: World) -> None:
    world.gateway.script.append("hard")
    await world.receive()
    world.billing.apply("wf", Verdict.PAID)

    await world.work()

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.CONTRADICTION)
    assert "release_contradicted" in [i.kind for i in world.heard.incidents]


async def test_an_unauthorized_release_stays_owed(world: World) -> None:
    world.billing.script.extend(["unauthorized"] * 3)
    await world.receive()

    await world.work()
    assert await world.state() is State.PAID
    await world.work_through(hours=2)

    assert await world.state() is State.RELEASED


async def test_a_release_is_owed_for_ever_while_metronome_is_down(world: World) -> None:
    world.billing.script.extend(["lost_before"] * 500)
    await world.receive()

    await world.work_through(hours=50, step_minutes=15)

    assert await world.state() is State.PAID
    assert len(world.billing.releases) > 100


async def test_reading_back_waits_while_metronome_does_not_answer(world: World) -> None:
    world.billing.script.append("refused")
    await world.receive()
    world.gateway.during_charge = lambda _request: _down(world)

    await world.work_through(hours=1)

    workflow = (await world.dossier()).workflow
    assert workflow.state is State.HELD or workflow.state is State.RELEASED


async def _down(world: World) -> None:
    world.billing.down = 2


async def test_late_success_after_failed_was_decided_is_not_sent_as_failed_again(
    world: World,
) -> None:
    world.gateway.script.append("hard")
    world.billing.script.append("lost_before")
    await world.receive()
    await world.work()
    assert await world.state() is State.DECLINED
    attempt = (await world.dossier()).attempts[0]

    now = world.clock.now()
    late = Succeeded("ch_9", Money(1500, "USD"), str(attempt.charge.attempt_key))
    await world.store.append_evidence(
        attempt.charge.attempt_key, [Evidence(Source.NOTICE, late, now, now)]
    )
    await world.work_through(hours=1)

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.CONTRADICTION)
    assert workflow.verdict is Verdict.FAILED
    assert "late_success" in [i.kind for i in world.heard.incidents]
    assert len(world.billing.releases) == 1


async def test_late_truth_after_the_end_is_an_incident_and_moves_nothing(world: World) -> None:
    world.gateway.script.append("hard")
    await world.receive()
    await world.work()
    attempt = (await world.dossier()).attempts[0]

    now = world.clock.now()
    late = Succeeded("ch_9", Money(1500, "USD"), str(attempt.charge.attempt_key))
    await world.store.append_evidence(
        attempt.charge.attempt_key, [Evidence(Source.NOTICE, late, now, now)]
    )
    await world.work()

    assert await world.state() is State.CANCELLED
    assert [i.kind for i in world.heard.incidents] == ["late_success"]
    assert await world.worker().run_once() == 0


async def test_refund_by_configuration_waits_for_two_sightings(make_world: MakeWorld) -> None:
    world = await make_world(refund_when_unreleasable=True)
    await world.receive()
    world.billing.outcomes["wf"] = Verdict.FAILED
    world.gateway.during_charge = lambda _request: _void(world)

    await world.work()
    assert await world.state() is State.PAID
    assert world.gateway.taken()
    world.clock.advance(minutes=4)
    await world.work()
    assert await world.state() is State.PAID
    world.clock.advance(minutes=2)
    await world.work()

    assert await world.state() is State.REFUNDED
    assert not world.gateway.taken()


async def test_refund_is_polled_until_the_gateway_confirms(make_world: MakeWorld) -> None:
    world = await make_world(refund_when_unreleasable=True)
    world.gateway.undos.extend([UndoPending(), UndoPending()])
    await world.receive()
    world.billing.outcomes["wf"] = Verdict.FAILED
    world.gateway.during_charge = lambda _request: _void(world)

    await world.work()
    world.clock.advance(minutes=6)
    await world.work()
    assert await world.state() is State.REFUNDING
    await world.work_through(hours=1)

    assert await world.state() is State.REFUNDED


async def test_a_refund_that_comes_too_late_is_held(make_world: MakeWorld) -> None:
    world = await make_world(refund_when_unreleasable=True)
    world.gateway.undos.append(TooLate("settled"))
    await world.receive()
    world.billing.outcomes["wf"] = Verdict.FAILED
    world.gateway.during_charge = lambda _request: _void(world)

    await world.work_through(hours=1)

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.REFUND_REFUSED)
    assert "refund_failed" in [i.kind for i in world.heard.incidents]


async def test_nothing_is_refunded_unasked_while_a_release_is_unanswered(
    make_world: MakeWorld,
) -> None:
    world = await make_world(refund_when_unreleasable=True)
    world.billing.script.extend(["failed_before", "lost_before", "refused"])
    await world.receive()
    await world.work()
    world.billing.void("inv-wf")

    await world.work_through(hours=2)

    releases = (await world.dossier()).releases
    unanswered = [r for r in releases if r.answered_at is None]
    assert not unanswered or await world.state() is not State.REFUNDED
