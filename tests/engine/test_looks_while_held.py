"""Held is not forgotten: what is unknown or open is looked up every hour, whatever the reason."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from external_gate.domain.identifiers import attempt_key
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    NotFound,
    Pending,
    Succeeded,
    Unknown,
)
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.guards.rules import GuardRules
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import (
    ANN,
    USD15,
    WF,
    answer_lookups,
    claim_once,
    late_success,
    let_pass,
    tell,
    workflow,
)
from tests.engine.world import EVERY_ANSWER, World

R = HeldReason
ABSENT = NotFound(conclusive=True)
DOWN = Unknown("the search is down")


async def send_lost(world: World) -> None:
    """The first send is lost, and its re-send is owed after a conclusive absence."""
    world.gateway.script.append("lost_before")
    answer_lookups(world, ABSENT)
    await world.receive()
    for _ in range(20):
        if await world.state() is State.READY:
            return
        await claim_once(world)
        world.clock.advance(seconds=10)
    pytest.fail(f"never ready: {await world.state()}")


async def held_by_a_guard(world: World) -> None:
    world.engine = world.ruled(GuardRules(currencies=frozenset({"EUR"})))


async def held_for_other_bytes(world: World) -> None:
    world.gateway.build = lambda charge: b"other settings"  # type: ignore[method-assign]


async def held_for_a_void_invoice(world: World) -> None:
    world.billing.void("inv-wf")


async def held_for_an_invoice_that_is_gone(world: World) -> None:
    world.billing.invoices.clear()


async def held_because_restored(world: World) -> None:
    await world.store.mark_restored(world.clock.now())
    answer_lookups(world, DOWN)


WAYS: dict[HeldReason, Callable[[World], Awaitable[None]]] = {
    R.GUARD: held_by_a_guard,
    R.REQUEST_CHANGED: held_for_other_bytes,
    R.INVOICE_VOID: held_for_a_void_invoice,
    R.INVOICE_MISSING: held_for_an_invoice_that_is_gone,
    R.RESTORED: held_because_restored,
}


async def held_with_an_unknown_send(world: World, reason: HeldReason) -> None:
    await send_lost(world)
    await WAYS[reason](world)
    await let_pass(world, hours=3, step_minutes=5)
    assert (await workflow(world)).held_reason is reason


def lookups(world: World) -> int:
    return sum(name == "lookup" for name, _ in world.gateway.calls)


@pytest.mark.parametrize("reason", WAYS)
async def test_money_found_while_held_is_told_whatever_the_reason(
    world: World, reason: HeldReason
) -> None:
    """The lost send took money after all; nobody looked any more, and the customer waited."""
    await held_with_an_unknown_send(world, reason)
    answer_lookups(world, late_success())

    await let_pass(world, hours=3)

    assert world.gateway.charges_sent() == 1
    assert (await workflow(world)).verdict is Verdict.PAID


@pytest.mark.parametrize("reason", set(WAYS) - {R.RESTORED})
async def test_a_decline_found_while_held_is_told_whatever_the_reason(
    world: World, reason: HeldReason
) -> None:
    await held_with_an_unknown_send(world, reason)
    answer_lookups(world, Declined(code="card_lost"))

    await let_pass(world, hours=3)

    assert (await workflow(world)).verdict is Verdict.FAILED


async def test_a_decline_found_of_restored_books_is_told_once_a_person_has_the_rest_asked_for(
    world: World,
) -> None:
    await held_with_an_unknown_send(world, R.RESTORED)
    answer_lookups(world, Declined(code="card_lost"))
    await let_pass(world, hours=3)
    held = await workflow(world)
    assert held.verdict is None
    assert "card_lost" in held.held_detail

    await world.operations.retry(WF, ANN)
    world.gateway.lookups.clear()
    world.gateway.books.clear()
    await let_pass(world, hours=1)

    assert (await workflow(world)).verdict is Verdict.FAILED


@pytest.mark.parametrize("reason", WAYS)
async def test_looks_while_held_come_once_an_hour(world: World, reason: HeldReason) -> None:
    await held_with_an_unknown_send(world, reason)
    answer_lookups(world, DOWN)
    before = lookups(world)

    await let_pass(world, hours=10, step_minutes=5)

    assert 8 <= lookups(world) - before <= 11
    assert await world.state() is State.HELD


async def operator_holds(world: World, word: str) -> None:
    world.gateway.script.append(word)
    answer_lookups(world, Pending("ch_1") if word == "pending" else DOWN)
    await world.receive()
    await claim_once(world)
    await world.operations.hold(WF, ANN)
    assert (await workflow(world)).held_reason is R.OPERATOR


@pytest.mark.parametrize("word", ["pending", "lost_after"])
@pytest.mark.parametrize("found", [late_success(), Declined(code="card_lost")])
async def test_what_a_person_holds_is_looked_up_but_moved_by_no_proof(
    world: World, word: str, found: Succeeded | Declined
) -> None:
    """Telling Metronome cannot be taken back, and a person has asked to wait."""
    await operator_holds(world, word)
    answer_lookups(world, found)

    await let_pass(world, hours=5)

    held = await workflow(world)
    assert (held.state, held.held_reason) == (State.HELD, R.OPERATOR)
    assert world.billing.releases == []
    assert "found since" in held.held_detail
    assert held.due_at is None, "what is known is not looked up again and again"


@pytest.mark.parametrize("found", [late_success(), Declined(code="card_lost")])
async def test_a_notice_moves_nothing_that_a_person_holds(
    world: World, found: Succeeded | Declined
) -> None:
    await operator_holds(world, "pending")

    await tell(world, found)
    await let_pass(world, hours=1)

    assert (await workflow(world)).held_reason is R.OPERATOR
    assert world.billing.releases == []


async def test_what_was_found_under_a_persons_hold_is_settled_without_more_ado(
    world: World,
) -> None:
    await operator_holds(world, "pending")
    answer_lookups(world, late_success())
    await let_pass(world, hours=2)

    await world.operations.settle(WF, Verdict.PAID, ANN, evidence="ch_late")
    await world.work()

    assert await world.state() is State.RELEASED
    assert world.heard.incidents == []


async def test_a_retry_after_a_persons_hold_goes_by_the_decline_that_was_found(
    world: World,
) -> None:
    await operator_holds(world, "pending")
    answer_lookups(world, Declined(code="card_lost"))
    await let_pass(world, hours=2)

    await world.operations.retry(WF, ANN)
    await let_pass(world, hours=1)

    assert await world.state() is State.CANCELLED
    assert world.gateway.charges_sent() == 1


async def test_a_soft_decline_found_while_held_is_not_failed_while_the_schedule_has_a_try(
    make_world: MakeWorld,
) -> None:
    """`failed` switches the recharge off; and a lost life may have charged the next attempt."""
    world = await make_world(soft_decline_schedule=(timedelta(hours=1),))
    world.gateway.script.append("lost_before")
    answer_lookups(world, DOWN)
    await world.receive()
    await let_pass(world, hours=30)
    assert (await workflow(world)).held_reason is R.UNKNOWN_CHARGE

    answer_lookups(world, Declined(DeclineKind.SOFT, "insufficient_funds"))
    await let_pass(world, hours=3)
    assert await world.state() is State.HELD
    assert world.billing.releases == []
    await world.operations.retry(WF, ANN)
    await let_pass(world, hours=3)

    assert await world.state() is State.RELEASED
    assert [k for n, k in world.gateway.calls if n == "charge"] == [
        attempt_key(WF, 1),
        attempt_key(WF, 2),
    ]


async def test_a_contradiction_is_left_to_people_though_the_last_word_agrees(
    make_world: MakeWorld,
) -> None:
    """Declined, captured, taken back: a repeated notice of the capture is no reason to go on."""
    world = await make_world(replace(EVERY_ANSWER, failed_is_final_after=timedelta(days=3)))
    world.gateway.script.append("hard")
    await world.receive()
    await claim_once(world)
    await tell(world, late_success())
    await tell(world, Declined(code="reversed"))
    await claim_once(world)
    assert (await workflow(world)).held_reason is R.CONTRADICTION

    await tell(world, late_success())
    await let_pass(world, hours=2)

    assert (await workflow(world)).held_reason is R.CONTRADICTION
    assert world.billing.releases == []


async def test_the_next_attempt_is_looked_up_while_a_dead_one_that_took_money_holds_all(
    make_world: MakeWorld,
) -> None:
    """Attempt 2 is unknown: a second charge of the customer must come to light."""
    world = await make_world(soft_decline_schedule=(timedelta(minutes=1),))
    world.gateway.script.extend(["soft", "lost_before"])
    await world.receive()
    await claim_once(world)
    answer_lookups(world, DOWN)
    world.clock.advance(minutes=2)
    await claim_once(world)
    await tell(world, late_success(charge_id="ch_1"))
    await claim_once(world)
    assert (await workflow(world)).held_reason is R.CONTRADICTION

    answer_lookups(world, Succeeded("ch_2", USD15, attempt_key(WF, 2)))
    await let_pass(world, hours=2)

    assert IncidentKind.SECOND_CHARGE in {i.kind for i in world.heard.incidents}
    assert (await workflow(world)).held_reason is R.CONTRADICTION


async def test_looks_go_on_when_a_gateway_is_back_in_the_configuration(world: World) -> None:
    await held_with_an_unknown_send(world, R.GUARD)
    configured = world.engine
    world.engine = replace(configured, gateways={})
    await let_pass(world, hours=3)

    world.engine = configured
    answer_lookups(world, late_success())
    await let_pass(world, hours=3)

    assert (await workflow(world)).verdict is Verdict.PAID
