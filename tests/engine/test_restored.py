"""A restored database has forgotten charges: every send begins with a lookup of all keys."""

from dataclasses import replace
from datetime import timedelta

import pytest

from external_gate.domain.charge import Lookup
from external_gate.domain.identifiers import WorkflowId, attempt_key
from external_gate.domain.limits import Cap
from external_gate.domain.money import Money
from external_gate.domain.outcome import Declined, DeclineKind, Succeeded, Unknown
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine.operations import Person
from external_gate.guards.rules import GuardRules
from external_gate.stores.store_records import NewNotice, NoticeReceipt
from tests.engine.conftest import MakeWorld
from tests.engine.world import EVERY_ANSWER, NOTHING, Booked, World


async def forget(world: World) -> None:
    """The charge happened, then the database was restored to a state before it."""
    await world.receive()
    key = next(iter(await _key(world)))
    await world.store.mark_restored(world.clock.now())
    world.clock.advance(minutes=5)
    assert key


async def _key(world: World) -> list[str]:
    return [attempt_key(WorkflowId("wf"), 1)]


async def test_a_forgotten_charge_is_found_and_released_without_another(world: World) -> None:
    await forget(world)
    [key] = await _key(world)
    world.gateway.books[key] = [Booked("ch_1", "taken", 1500, "USD")]

    await world.work()

    assert await world.state() is State.RELEASED
    assert world.gateway.charges_sent() == 0


async def test_a_forgotten_decline_is_taken_up(world: World) -> None:
    await forget(world)
    [key] = await _key(world)
    world.gateway.books[key] = [Booked("ch_1", "declined", 1500, "USD")]

    await world.work()

    assert await world.state() is State.CANCELLED
    assert world.gateway.charges_sent() == 0


async def test_conclusive_absence_lets_the_charge_go_on(world: World) -> None:
    await forget(world)

    await world.work()

    assert await world.state() is State.RELEASED
    assert [name for name, _ in world.gateway.calls] == ["lookup", "charge"]


async def test_a_gateway_without_lookup_cannot_tell_and_holds(make_world: MakeWorld) -> None:
    world = await make_world(NOTHING)
    await forget(world)

    await world.work()

    assert (await world.dossier()).workflow.held_reason is HeldReason.RESTORED
    assert world.gateway.charges_sent() == 0


async def test_a_person_who_looked_by_hand_can_let_it_go_on(make_world: MakeWorld) -> None:
    world = await make_world(NOTHING)
    await forget(world)
    await world.work()
    alice = Person("alice", "looked at the gateway: nothing there")

    await world.operations.retry(WorkflowId("wf"), alice)
    await world.work()
    assert (await world.dossier()).workflow.held_reason is HeldReason.RESTORED
    await world.operations.retry(WorkflowId("wf"), alice, accept_unknown=True)
    await world.work()

    assert await world.state() is State.RELEASED


async def test_an_old_notification_is_looked_up_before_its_first_send(
    make_world: MakeWorld,
) -> None:
    world = await make_world(replace(EVERY_ANSWER, window=timedelta(hours=6)))
    await world.receive()
    world.clock.advance(hours=4)

    await world.work()

    assert [name for name, _ in world.gateway.calls] == ["lookup", "charge"]


@pytest.mark.parametrize("schedule", [(), (timedelta(hours=1),)])
async def test_no_failed_by_a_forgotten_decline_when_a_later_attempt_took_the_money(
    make_world: MakeWorld, schedule: tuple[timedelta, ...]
) -> None:
    world = await make_world(soft_decline_schedule=schedule)
    await forget(world)
    first, second = (attempt_key(WorkflowId("wf"), number) for number in (1, 2))
    world.gateway.books[first] = [Booked("ch_1", "declined", 1500, "USD")]
    world.gateway.books[second] = [Booked("ch_2", "taken", 1500, "USD")]

    await world.work()

    assert (await world.dossier()).workflow.held_reason is HeldReason.RESTORED
    assert world.billing.releases == []


async def test_a_later_attempt_that_only_the_gateway_knows_is_held(
    make_world: MakeWorld,
) -> None:
    world = await make_world(soft_decline_schedule=(timedelta(hours=1),))
    await forget(world)
    second = attempt_key(WorkflowId("wf"), 2)
    world.gateway.books[second] = [Booked("ch_2", "taken", 1500, "USD")]

    await world.work()

    assert (await world.dossier()).workflow.held_reason is HeldReason.RESTORED
    assert world.gateway.charges_sent() == 0
    assert world.gateway.capabilities.lookup is Lookup.QUERY


async def test_no_charge_in_spite_of_a_signed_success_that_came_before_the_key_was_known_again(
    make_world: MakeWorld,
) -> None:
    world = await make_world(NOTHING)
    await forget(world)
    key = attempt_key(WorkflowId("wf"), 1)
    told, now = Succeeded("ch_1", Money(1500, "USD"), key), world.clock.now()
    notice = NewNotice("main", "evt-1", key, told, signed_and_final=True, received_at=now)
    [taken] = await world.store.record_notices([notice])
    assert taken.receipt is NoticeReceipt.UNMATCHED
    await world.work()
    assert (await world.dossier()).workflow.held_reason is HeldReason.RESTORED

    alice = Person("alice", "looked at the gateway: nothing there")
    await world.operations.retry(WorkflowId("wf"), alice, accept_unknown=True)
    await world.work()

    assert world.gateway.charges_sent() == 0
    assert await world.state() is State.RELEASED


@pytest.mark.parametrize("word", ["succeeded", "declined"])
async def test_a_proof_that_came_before_its_charge_was_taken_up_is_weighed(
    world: World, word: str
) -> None:
    await forget(world)
    key = attempt_key(WorkflowId("wf"), 1)
    world.gateway.books[key] = [Booked("ch_1", "pending", 1500, "USD")]
    taken = Succeeded("ch_1", Money(1500, "USD"), key)
    declined = Declined(DeclineKind.HARD, code="no", charge_id="ch_1")
    told, at = taken if word == "succeeded" else declined, world.clock.now()
    notice = NewNotice("main", "evt-1", key, told, signed_and_final=True, received_at=at)
    await world.store.record_notices([notice])

    await world.work()

    dossier = await world.dossier()
    assert told in [piece.answer for piece in dossier.attempts[0].evidence]
    assert world.gateway.charges_sent() == 0


async def send_and_forget(world: World, *, word: str = "declined_lost") -> None:
    """The first send is on the restored books as unknown; what followed it is not."""
    world.gateway.script.append(word)
    await world.receive()
    await world.work()
    assert await world.state() is State.UNRESOLVED
    world.clock.advance(seconds=30)
    await world.store.mark_restored(world.clock.now())
    world.clock.advance(minutes=5)


async def test_no_failed_by_a_known_decline_when_a_forgotten_attempt_took_the_money(
    world: World,
) -> None:
    await send_and_forget(world)
    second = attempt_key(WorkflowId("wf"), 2)
    world.gateway.books[second] = [Booked("ch_2", "taken", 1500, "USD")]

    await world.work_through(hours=1)

    held = (await world.dossier()).workflow
    assert held.held_reason is HeldReason.RESTORED
    assert "knows attempt 2 (succeeded)" in held.held_detail
    assert world.billing.releases == []


async def test_failed_by_a_known_decline_once_no_other_attempt_is_known_anywhere(
    world: World,
) -> None:
    await send_and_forget(world)

    await world.work_through(hours=1)

    assert await world.state() is State.CANCELLED
    assert world.gateway.charges_sent() == 1


async def test_failed_is_not_told_while_the_gateway_cannot_tell_of_later_attempts(
    world: World,
) -> None:
    await send_and_forget(world)
    known = Declined(code="card_lost")
    world.gateway.lookups.extend([known, *[Unknown("timeout")] * 50])

    await world.work_through(hours=1)

    assert (await world.dossier()).workflow.held_reason is HeldReason.RESTORED
    assert world.billing.releases == []


async def test_a_person_who_looked_by_hand_lets_failed_be_told(world: World) -> None:
    await send_and_forget(world)
    known = Declined(code="card_lost")
    world.gateway.lookups.extend([known, *[Unknown("timeout")] * 50])
    await world.work_through(hours=1)
    world.gateway.lookups.extend([Unknown("timeout")] * 50)

    alice = Person("alice", "looked at the gateway: nothing there")
    await world.operations.retry(WorkflowId("wf"), alice, accept_unknown=True)
    await world.work_through(hours=1)

    assert await world.state() is State.CANCELLED


async def test_restored_books_tell_no_paid_when_metronome_was_told_failed(world: World) -> None:
    """The lost life had given the money back, and said so; the gateway still calls it paid."""
    await send_and_forget(world, word="lost_after")
    world.billing.void("inv-wf")

    await world.work_through(hours=1)

    held = (await world.dossier()).workflow
    assert (held.held_reason, held.verdict) == (HeldReason.RELEASE_REFUSED, Verdict.PAID)
    assert world.billing.releases == []


async def test_restored_books_end_without_a_release_that_was_made_before(world: World) -> None:
    await send_and_forget(world, word="lost_after")
    world.billing.outcomes["wf"] = Verdict.PAID

    await world.work_through(hours=1)

    assert await world.state() is State.RELEASED
    assert world.billing.releases == []


async def test_restored_books_tell_nothing_while_metronome_cannot_be_read(world: World) -> None:
    await send_and_forget(world, word="lost_after")
    world.billing.down = 1
    world.clock.advance(hours=1)

    await world.work()
    assert await world.state() is State.PAID
    assert world.billing.releases == []
    await world.work_through(hours=1)

    assert await world.state() is State.RELEASED
    assert len(world.billing.releases) == 1


async def test_no_charge_of_an_invoice_that_a_forgotten_charge_may_have_paid(
    world: World,
) -> None:
    """Two workflows for one invoice; the lost life charged the other one, at another gateway."""
    await world.receive("wf")
    await world.receive("other", invoice_id="inv-wf")
    await world.store.mark_restored(world.clock.now())
    world.clock.advance(minutes=5)

    await world.work_through(hours=1)

    assert world.gateway.charges_sent() == 0
    reasons = {(await world.dossier(name)).workflow.held_reason for name in ("wf", "other")}
    assert reasons == {HeldReason.INVOICE_ALREADY_PAID}


async def adopted_and_open(make_world: MakeWorld) -> World:
    """Give a world whose only workflow took up a charge that our books had lost; it is open."""
    world = await make_world(replace(EVERY_ANSWER, window=timedelta(hours=6)))
    await world.receive()
    key = attempt_key(WorkflowId("wf"), 1)
    world.gateway.books[key] = [Booked("ch_1", "pending", 1500, "USD")]
    world.clock.advance(hours=4)
    await world.work()
    assert await world.state() is State.PENDING
    return world


async def test_an_invoice_is_not_charged_beside_a_charge_that_was_taken_up(
    make_world: MakeWorld,
) -> None:
    world = await adopted_and_open(make_world)
    invoice_id = (await world.dossier()).workflow.facts.invoice_id

    await world.receive("second", invoice_id=invoice_id)
    await world.work()

    held_reason = (await world.dossier("second")).workflow.held_reason
    assert held_reason is HeldReason.INVOICE_ALREADY_PAID
    assert world.gateway.charges_sent() == 0


async def test_a_charge_that_was_taken_up_counts_against_the_cap(make_world: MakeWorld) -> None:
    world = await adopted_and_open(make_world)
    engine = world.ruled(GuardRules(caps={"USD": Cap(Money(2000, "USD"), timedelta(days=1))}))

    await world.receive("second")
    await world.work(worker=world.worker(engine=engine))

    assert (await world.dossier("second")).workflow.held_reason is HeldReason.CAP
    assert world.gateway.charges_sent() == 0
