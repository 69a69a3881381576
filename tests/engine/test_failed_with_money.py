"""No `failed` while money is kept, and no `paid` once it is on its way back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from external_gate.domain.charge import KeyStores
from external_gate.domain.identifiers import attempt_key
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.money import Money
from external_gate.domain.outcome import Succeeded, UndoPending
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.stores.store_records import Change, Dossier
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import (
    ANN,
    USD15,
    WF,
    late_success,
    let_pass,
    saving_by,
    tell,
    try_to,
    workflow,
)
from tests.engine.world import EVERY_ANSWER, World


async def declined_but_not_told(world: World) -> None:
    """Metronome was busy when it should have heard of the decline."""
    world.gateway.script.append("hard")
    world.billing.script.append("busy")
    await world.receive()
    await world.work()
    assert await world.state() is State.DECLINED


async def release_refused(world: World) -> None:
    """Money is taken, and Metronome does not take the release."""
    world.billing.script.append("refused")
    await world.receive()
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.RELEASE_REFUSED


def sent(world: World, verdict: Verdict) -> int:
    return sum(told is verdict for _, told, _ in world.billing.releases)


async def test_retry_of_a_contradiction_sends_no_failed(world: World) -> None:
    await declined_but_not_told(world)
    await tell(world, late_success())
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION
    before = sent(world, Verdict.FAILED)

    await try_to(world.operations.retry(WF, ANN))
    await world.work()

    assert sent(world, Verdict.FAILED) == before


async def test_no_failed_is_sent_when_another_amount_was_taken(world: World) -> None:
    await declined_but_not_told(world)
    before = sent(world, Verdict.FAILED)

    await tell(world, late_success(amount=Money(1499, "USD")))
    world.clock.advance(minutes=20)
    await world.work()

    assert sent(world, Verdict.FAILED) == before


async def test_hold_and_retry_hide_no_proof_of_money(world: World) -> None:
    await declined_but_not_told(world)
    before = sent(world, Verdict.FAILED)
    await tell(world, late_success())

    await try_to(world.operations.hold(WF, ANN))
    await try_to(world.operations.retry(WF, ANN))
    world.clock.advance(hours=1)
    await world.work()

    assert sent(world, Verdict.FAILED) == before
    assert world.heard.incidents


async def test_a_refund_of_one_of_two_charges_does_not_end_as_failed(
    make_world: MakeWorld,
) -> None:
    """The gateway changes its mind about a declined attempt after the next one took money."""
    world = await make_world(
        replace(EVERY_ANSWER, key_stores=KeyStores.EVERY_ANSWER),
        soft_decline_schedule=(timedelta(minutes=1),),
    )
    world.gateway.script.extend(["soft", "ok"])
    world.billing.script.append("refused")
    await world.receive()
    await world.work()
    world.clock.advance(minutes=2)
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.RELEASE_REFUSED
    world.gateway.books[attempt_key(WF, 1)][0].status = "taken"
    await tell(world, Succeeded("ch_1", USD15, attempt_key(WF, 1)))
    await world.work()
    assert IncidentKind.SECOND_CHARGE in {i.kind for i in world.heard.incidents}

    world.billing.void("inv-wf")
    await world.operations.refund(WF, ANN)
    await let_pass(world, hours=2)

    closed = await world.state() in {State.REFUNDED, State.CANCELLED}
    told_failed = sent(world, Verdict.FAILED) > 0
    assert not (world.gateway.taken() and (closed or told_failed))


async def test_hold_and_retry_of_a_refund_send_no_paid(world: World) -> None:
    await release_refused(world)
    world.gateway.undos.append(UndoPending())
    await world.operations.refund(WF, ANN)
    await world.work()
    assert await world.state() is State.REFUNDING
    before = sent(world, Verdict.PAID)

    await try_to(world.operations.hold(WF, ANN))
    await try_to(world.operations.retry(WF, ANN))
    await let_pass(world, hours=1)

    assert sent(world, Verdict.PAID) == before


async def test_retry_after_a_confirmed_refund_is_never_released_as_paid(world: World) -> None:
    """Metronome committed meanwhile, as if the refused release had been taken after all."""
    await release_refused(world)
    await world.operations.refund(WF, ANN)
    world.billing.outcomes["wf"] = Verdict.PAID
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION
    assert not world.gateway.taken()

    await try_to(world.operations.retry(WF, ANN))
    await world.work()

    assert await world.state() is not State.RELEASED


async def test_a_worker_that_slept_through_a_refund_sends_no_release(world: World) -> None:
    """It is stopped just before its release; the others hold and refund; then it wakes."""
    await world.receive()
    wakes, stopped = asyncio.Event(), asyncio.Event()
    real = world.store.save

    async def stopped_once_paid(change: Change) -> Dossier:
        saved = await real(change)
        if change.after.state is State.PAID and not stopped.is_set():
            stopped.set()
            await wakes.wait()
        return saved

    with saving_by(world, stopped_once_paid):
        sleeper = asyncio.create_task(world.worker("sleeper").run_once())
        await stopped.wait()
    world.clock.advance(minutes=5)
    await world.operations.hold(WF, ANN)
    await world.operations.refund(WF, ANN)
    await world.work()
    assert not world.gateway.taken()
    before = len(world.billing.releases)

    wakes.set()
    await sleeper

    assert world.billing.releases[before:] == []
