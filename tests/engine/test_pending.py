"""Pending charges: polled, cancelled at the deadline, never declared failed by a timer."""

from dataclasses import replace
from datetime import timedelta

from external_gate.domain.charge import Cancel, SentCharge
from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.outcome import Declined, DeclineKind, TooLate, Undo, UndoUnknown
from external_gate.domain.workflow import State, Verdict
from tests.engine.conftest import MakeWorld
from tests.engine.world import EVERY_ANSWER, SUCCESS_ONLY, World


async def test_a_pending_charge_is_polled_until_it_is_taken(world: World) -> None:
    world.gateway.script.append("pending")
    await world.receive()
    await world.work_through(hours=2)
    assert await world.state() is State.PENDING

    next(iter(world.gateway.books.values()))[0].status = "taken"
    await world.work_through(hours=3)

    assert await world.state() is State.RELEASED
    assert world.gateway.charges_sent() == 1


async def test_a_pending_charge_is_cancelled_at_its_deadline(world: World) -> None:
    world.gateway.script.append("pending")
    await world.receive()

    await world.work_through(hours=80, step_minutes=30)

    assert await world.state() is State.CANCELLED
    assert "cancel" in [name for name, _ in world.gateway.calls]
    assert not world.gateway.taken()


async def test_a_success_seen_at_the_deadline_is_paid_and_not_cancelled(world: World) -> None:
    world.gateway.script.append("pending")
    await world.receive()
    await world.work()
    world.clock.advance(hours=73)
    next(iter(world.gateway.books.values()))[0].status = "taken"

    await world.work()

    assert await world.state() is State.RELEASED
    assert "cancel" not in [name for name, _ in world.gateway.calls]


async def test_a_cancel_that_is_too_late_keeps_waiting_with_an_incident(world: World) -> None:
    world.gateway.script.append("pending")
    world.gateway.undos.extend([TooLate("submitted"), UndoUnknown("timeout")] * 100)
    await world.receive()

    await world.work_through(hours=100, step_minutes=30)

    assert await world.state() is State.PENDING
    assert [i.kind for i in world.heard.incidents] == ["pending_overdue"]
    assert world.billing.releases == []


async def test_an_overdue_charge_is_told_of_also_when_its_worker_was_lost(world: World) -> None:
    """The answer to its cancel is kept and its move is not: who reads the one makes the other."""
    world.gateway.script.append("pending")
    world.gateway.undos.extend([TooLate("nothing is open")] * 100)
    cancel = world.gateway.cancel

    async def answer_when_another_has_it(sent: SentCharge) -> Undo:
        world.gateway.cancel = cancel  # type: ignore[method-assign]  # the next one is quick
        world.clock.advance(hours=1)
        await world.store.acquire(
            WorkflowId("wf"), owner="another", now=world.clock.now(), lease=timedelta(minutes=1)
        )
        return await cancel(sent)

    world.gateway.cancel = answer_when_another_has_it  # type: ignore[method-assign]
    await world.receive()

    await world.work_through(hours=100, step_minutes=30)

    assert await world.state() is State.PENDING
    assert [i.kind for i in world.heard.incidents] == ["pending_overdue"]


async def test_what_cannot_be_cancelled_waits_with_an_incident(make_world: MakeWorld) -> None:
    world = await make_world(replace(EVERY_ANSWER, cancel=Cancel.NONE))
    world.gateway.script.append("pending")
    await world.receive()

    await world.work_through(hours=100, step_minutes=30)

    assert await world.state() is State.PENDING
    assert [i.kind for i in world.heard.incidents] == ["pending_overdue"]


async def test_the_deadline_is_at_least_twice_the_longest_settling_time(
    make_world: MakeWorld,
) -> None:
    world = await make_world(replace(EVERY_ANSWER, settles_at_most=timedelta(days=7)))
    world.gateway.script.append("pending")
    await world.receive()

    await world.work_through(hours=24 * 13, step_minutes=60)
    assert await world.state() is State.PENDING
    await world.work_through(hours=48, step_minutes=60)

    assert await world.state() is State.CANCELLED


async def test_a_charge_that_needs_the_customer_without_an_address_is_a_soft_decline(
    make_world: MakeWorld,
) -> None:
    world = await make_world(soft_decline_schedule=(timedelta(hours=1),))
    world.gateway.script.extend(["customer", "ok"])
    await world.receive()

    await world.work()
    assert await world.state() is State.READY
    await world.work_through(hours=2)

    assert await world.state() is State.RELEASED
    assert len({key for name, key in world.gateway.calls if name == "charge"}) == 2


async def test_a_decline_that_may_still_turn_is_not_sent_as_failed(
    make_world: MakeWorld,
) -> None:
    """Late authorisation: failed becomes captured for days."""
    world = await make_world(replace(EVERY_ANSWER, failed_is_final_after=timedelta(days=3)))
    world.gateway.script.append("hard")
    await world.receive()
    await world.work_through(hours=24, step_minutes=60)
    assert await world.state() is State.PENDING

    booked = next(iter(world.gateway.books.values()))[0]
    booked.status = "taken"
    await world.work_through(hours=72, step_minutes=60)

    assert await world.state() is State.RELEASED
    assert world.billing.outcomes == {"wf": Verdict.PAID}


async def test_a_decline_that_stayed_one_becomes_final(make_world: MakeWorld) -> None:
    world = await make_world(replace(EVERY_ANSWER, failed_is_final_after=timedelta(days=3)))
    world.gateway.script.append("hard")
    await world.receive()

    await world.work_through(hours=71, step_minutes=60)
    assert world.billing.releases == []
    await world.work_through(hours=4, step_minutes=60)

    assert await world.state() is State.CANCELLED


async def test_a_notice_moves_a_pending_charge_at_once(world: World) -> None:
    world.gateway.script.append("pending")
    await world.receive()
    await world.work()
    attempt = (await world.dossier()).attempts[0]

    now = world.clock.now()
    notice = Declined(DeclineKind.HARD, "insufficient_funds")
    await world.store.append_evidence(
        attempt.charge.attempt_key, [Evidence(Source.NOTICE, notice, now, now)]
    )
    await world.work()

    assert await world.state() is State.CANCELLED


async def test_a_decline_that_may_belong_to_another_send_leaves_the_charge_unknown(
    make_world: MakeWorld,
) -> None:
    """Two sends under a key that stores successes only: one is declined, and the other?"""
    world = await make_world(SUCCESS_ONLY)
    world.gateway.script.extend(["lost_before", "pending"])
    await world.receive()
    await world.work_through(hours=1)
    assert await world.state() is State.PENDING
    next(iter(world.gateway.books.values()))[0].status = "declined"

    await world.work_through(hours=3)
    history = await world.store.history((await world.dossier()).workflow.workflow_id)
    moved = {entry.to_state for entry in history}
    await world.work_through(hours=60)

    assert State.UNRESOLVED in moved
    assert await world.state() is State.HELD
    assert world.billing.releases == []
