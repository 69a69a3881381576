"""A refund and everything that may come between its call and its save: it still comes to an end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from external_gate.domain.charge import SentCharge
from external_gate.domain.errors import Refused
from external_gate.domain.evidence import Source
from external_gate.domain.identifiers import attempt_key
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.outcome import (
    Declined,
    Succeeded,
    TooLate,
    Undo,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.domain.workflow import HeldReason, State, Verdict
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
    try_to,
    workflow,
)
from tests.engine.world import BookkeepingGateway, Killed, World


async def refund_asked(world: World) -> None:
    """Charged, the release refused, and a person has asked for the refund."""
    world.billing.script.append("refused")
    await world.receive()
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.RELEASE_REFUSED
    await world.operations.refund(WF, ANN)


def sent(world: World) -> list[Verdict]:
    return [verdict for _, verdict, _ in world.billing.releases]


@dataclass
class TellingGateway(BookkeepingGateway):
    """Sends its notice of the refund before its answer to the refund, as real ones do."""

    world: World | None = None

    async def refund(self, sent: SentCharge) -> Undo:
        answer = await super().refund(sent)
        assert self.world is not None
        await tell(self.world, Declined(code="refunded", charge_id="ch_1"))
        return answer


async def test_a_notice_that_overtakes_the_refunds_answer_leaves_nothing_stuck(
    world: World,
) -> None:
    await refund_asked(world)
    told = TellingGateway(world.clock, books=world.gateway.books, world=world)
    world.engine.gateways["main"] = told  # type: ignore[index]  # a plain dictionary in this world

    await world.work()

    assert await world.state() is State.CANCELLED, (await workflow(world)).held_detail
    assert sent(world) == [Verdict.PAID, Verdict.FAILED]


async def test_a_confirmed_refund_whose_move_was_lost_ends_all_the_same(world: World) -> None:
    """The worker lost its lease after the call: its answer was kept, its move was not."""
    await refund_asked(world)

    await tell(world, Undone(), source=Source.REFUND)
    await world.work()

    assert await world.state() is State.CANCELLED, (await workflow(world)).held_detail
    assert "refund" not in {name for name, _ in world.gateway.calls}


async def test_a_worker_that_dies_in_mid_refund_gives_back_once(world: World) -> None:
    await refund_asked(world)
    real = world.gateway.refund

    async def die(sent: SentCharge) -> Undo:
        await real(sent)
        raise Killed

    world.gateway.refund = die  # type: ignore[method-assign]
    with pytest.raises(BaseExceptionGroup):
        await world.worker("dies").run_once()
    world.gateway.refund = real  # type: ignore[method-assign]
    world.gateway.undos.append(Undone())  # the same undo key gives the same answer
    world.clock.advance(seconds=61)
    await world.work()

    assert await world.state() is State.CANCELLED
    assert [b.status for entries in world.gateway.books.values() for b in entries] == ["refunded"]


async def test_a_late_decline_during_a_refund_is_an_incident_and_moves_nothing(
    world: World,
) -> None:
    """The payer's bank reverses the charge while we give it back."""
    await refund_asked(world)
    world.gateway.undos.append(UndoPending())
    await world.work()

    await tell(world, Declined(code="chargeback", charge_id="ch_1"))
    await world.work()

    assert await world.state() is State.REFUNDING
    assert [i.kind for i in world.heard.incidents] == [IncidentKind.REVERSED]
    await let_pass(world, hours=1)
    assert await world.state() is State.CANCELLED


async def test_a_refund_nobody_knows_of_is_not_settled_as_paid_by_accident(world: World) -> None:
    """It was asked for and never answered: the money may be back by now."""
    world.gateway.script.append("wrong_amount")
    await world.receive()
    await world.work()
    world.gateway.undos.extend([UndoUnknown("timeout")] * 500)
    await world.operations.refund(WF, ANN)
    await let_pass(world, hours=30)
    assert (await workflow(world)).held_reason is HeldReason.REFUND_REFUSED

    with pytest.raises(Refused, match="refund of attempt 1"):
        await world.operations.settle(WF, Verdict.PAID, ANN, evidence="seen")

    assert sent(world) == []


async def test_settling_paid_after_a_refund_that_came_too_late_needs_no_more_proof(
    world: World,
) -> None:
    world.gateway.script.append("wrong_amount")
    await world.receive()
    await world.work()
    world.gateway.undos.append(TooLate("settled"))
    await world.operations.refund(WF, ANN)
    await world.work()

    await world.operations.settle(WF, Verdict.PAID, ANN, evidence="the difference is waived")
    await world.work()

    assert await world.state() is State.RELEASED


async def test_failed_is_not_settled_while_one_of_two_charges_stands(world: World) -> None:
    """Two charges under one key: the gateway's refund gives one of them back."""
    world.gateway.script.append("wrong_amount")
    await world.receive()
    await world.work()
    await tell(world, late_success(charge_id="ch_2"))
    world.gateway.undos.append(Undone())
    await world.operations.refund(WF, ANN)
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.REFUND_REFUSED

    await try_to(world.operations.settle(WF, Verdict.FAILED, ANN, evidence="one is back"))
    await world.work()

    assert sent(world) == []


async def test_after_a_refund_that_metronome_contradicts_retry_reads_back_again(
    world: World,
) -> None:
    """It was stuck for ever: nothing is left to refund, and nothing was offered."""
    await refund_asked(world)
    world.billing.outcomes["wf"] = Verdict.PAID
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION
    world.billing.outcomes.clear()
    world.billing.void("inv-wf")

    await world.operations.retry(WF, ANN)
    await world.work()

    assert await world.state() is State.REFUNDED


async def test_settling_paid_releases_although_the_invoice_was_seen_void_before(
    make_world: MakeWorld,
) -> None:
    """A person held it between the two looks, and cleared it up with Metronome."""
    world = await make_world(refund_when_unreleasable=True)
    world.billing.script.append("refused")
    await world.receive()

    async def void(_request: object) -> None:
        world.billing.void("inv-wf")

    world.gateway.during_charge = void
    await world.work()
    assert (await workflow(world)).void_seen_at is not None
    await world.operations.hold(WF, ANN)
    world.clock.advance(minutes=6)

    await world.operations.settle(WF, Verdict.PAID, ANN, evidence="Metronome support, ticket 5")
    await world.work()

    assert await world.state() is State.RELEASED
    assert world.gateway.taken()


async def dead_attempt_took_money_and_the_next_is_unknown(make_world: MakeWorld) -> World:
    world = await make_world(soft_decline_schedule=(timedelta(minutes=1),))
    world.gateway.script.extend(["soft", "lost_before"])
    await world.receive()
    await claim_once(world)
    answer_lookups(world, Unknown("the search is down"))
    world.clock.advance(minutes=2)
    await claim_once(world)
    world.gateway.books[attempt_key(WF, 1)][0].status = "taken"
    await tell(world, late_success(charge_id="ch_1"))
    await claim_once(world)
    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION
    return world


async def give_back_by_hand(world: World) -> None:
    await world.operations.refund_by_hand(WF, ANN, evidence="refund re_1")


async def give_back_by_the_gateway(world: World) -> None:
    await world.operations.refund(WF, ANN)


@pytest.mark.parametrize("give_back", [give_back_by_hand, give_back_by_the_gateway])
@pytest.mark.parametrize("void", [False, True], ids=["open", "void"])
async def test_a_refund_of_one_attempt_is_no_end_while_the_next_is_unknown(
    make_world: MakeWorld, give_back: Callable[[World], Awaitable[None]], *, void: bool
) -> None:
    """`failed` was told although attempt 2 could still take the money."""
    world = await dead_attempt_took_money_and_the_next_is_unknown(make_world)
    if void:
        world.billing.void("inv-wf")

    await give_back(world)
    await let_pass(world, hours=5)

    assert (await workflow(world)).held_reason is HeldReason.UNKNOWN_CHARGE
    assert sent(world) == []


@pytest.mark.parametrize("give_back", [give_back_by_hand, give_back_by_the_gateway])
async def test_after_a_refund_the_next_attempts_decline_is_told(
    make_world: MakeWorld, give_back: Callable[[World], Awaitable[None]]
) -> None:
    world = await dead_attempt_took_money_and_the_next_is_unknown(make_world)
    await give_back(world)
    await let_pass(world, hours=1)

    answer_lookups(world, Declined(code="card_lost"))
    await let_pass(world, hours=3)

    assert await world.state() is State.CANCELLED


@pytest.mark.parametrize("give_back", [give_back_by_hand, give_back_by_the_gateway])
async def test_after_a_refund_the_next_attempts_money_is_told(
    make_world: MakeWorld, give_back: Callable[[World], Awaitable[None]]
) -> None:
    world = await dead_attempt_took_money_and_the_next_is_unknown(make_world)
    await give_back(world)
    await let_pass(world, hours=1)

    answer_lookups(world, Succeeded("ch_2", USD15, attempt_key(WF, 2)))
    await let_pass(world, hours=3)

    assert await world.state() is State.RELEASED
