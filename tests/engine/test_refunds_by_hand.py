"""Money that a person gave back at the gateway's own pages: recorded, explained, then ended."""

from datetime import timedelta

import pytest

from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.identifiers import attempt_key
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.money import Money
from external_gate.domain.outcome import Succeeded, TooLate, Undone
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine.operations import Person
from external_gate.engine.undone import awaits_second_person
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import ANN, USD15, WF, late_success, tell, workflow
from tests.engine.world import NOTHING, World

BOB = Person("bob", "agrees")
SHOWN = "refund re_17 on the gateway's own pages"


async def release_refused(world: World) -> None:
    world.billing.script.append("refused")
    await world.receive()
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.RELEASE_REFUSED


def calls(world: World, operation: str) -> int:
    return sum(name == operation for name, _ in world.gateway.calls)


def sent(world: World) -> list[Verdict]:
    return [verdict for _, verdict, _ in world.billing.releases]


async def test_a_refund_by_hand_is_recorded_and_failed_is_told(make_world: MakeWorld) -> None:
    """The gateway cannot refund through us, and `paid` may be out: nobody could end it before."""
    world = await make_world(NOTHING)
    await release_refused(world)

    after = await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    await world.work()

    assert after.state is State.REFUNDING
    assert await world.state() is State.CANCELLED
    assert calls(world, "refund") == 0, "the gateway was asked to give it back once more"
    assert sent(world) == [Verdict.PAID, Verdict.FAILED]


async def test_a_refund_by_hand_of_a_void_invoice_ends_refunded(world: World) -> None:
    await release_refused(world)
    world.billing.void("inv-wf")

    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    await world.work()

    assert await world.state() is State.REFUNDED
    assert sent(world) == [Verdict.PAID]


async def test_a_refund_by_hand_although_metronome_committed_is_a_contradiction(
    world: World,
) -> None:
    await release_refused(world)
    world.billing.outcomes["wf"] = Verdict.PAID

    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    await world.work()

    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION
    assert IncidentKind.RELEASE_CONTRADICTED in {i.kind for i in world.heard.incidents}
    assert sent(world) == [Verdict.PAID]


async def test_a_refund_by_hand_waits_until_metronome_can_be_read(world: World) -> None:
    """Not readable is nothing proven: then `failed` is owed, and its own answers tell."""
    await release_refused(world)
    world.billing.down = 1

    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    await world.work()

    assert await world.state() is State.CANCELLED


async def test_a_refund_by_hand_is_explained_in_the_history(world: World) -> None:
    await release_refused(world)

    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)

    told = {e.event: e for e in await world.store.history(WF) if e.who == "ann"}
    assert told["refunded_by_hand"].reason == SHOWN
    assert told["refunded_by_hand"].facts["charge"] == "ch_1"
    assert (told["moved"].from_state, told["moved"].to_state) == (State.HELD, State.REFUNDING)


@pytest.mark.parametrize("evidence", ["", "  "])
async def test_a_refund_by_hand_without_evidence_is_bad_input(world: World, evidence: str) -> None:
    await release_refused(world)

    with pytest.raises(BadInput):
        await world.operations.refund_by_hand(WF, ANN, evidence=evidence)

    assert await world.state() is State.HELD


async def test_only_held_workflows_are_refunded_by_hand(world: World) -> None:
    world.billing.script.append("busy")
    await world.receive()
    await world.work()
    assert await world.state() is State.PAID

    with pytest.raises(Refused, match="hold it first"):
        await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)


async def test_without_money_taken_there_is_nothing_to_give_back_by_hand(
    make_world: MakeWorld,
) -> None:
    world = await make_world(NOTHING)
    world.gateway.script.append("lost_after")
    await world.receive()
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.UNKNOWN_CHARGE

    with pytest.raises(Refused, match="no charge"):
        await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)


async def test_proof_that_arrives_before_the_hand_is_read_first(world: World) -> None:
    """Another charge of the same attempt becomes known: it is told before anything is decided."""
    await release_refused(world)
    await tell(world, late_success(charge_id="ch_2"))

    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)

    assert IncidentKind.SECOND_CHARGE in {i.kind for i in world.heard.incidents}


async def test_a_charge_found_after_a_refund_by_hand_is_an_incident(world: World) -> None:
    await release_refused(world)
    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    await world.work()
    assert await world.state() is State.CANCELLED
    before = len(world.heard.incidents)

    await tell(world, late_success(charge_id="ch_2"))
    await world.work()

    assert [i.kind for i in world.heard.incidents[before:]] == [IncidentKind.SECOND_CHARGE]
    assert await world.state() is State.CANCELLED


async def test_a_charge_told_again_after_a_refund_by_hand_is_no_news(world: World) -> None:
    await release_refused(world)
    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    await world.work()

    await tell(world, late_success(charge_id="ch_1"))
    await world.work()

    assert world.heard.incidents == []


async def test_a_second_person_agrees_to_a_refund_by_hand_where_configured(
    make_world: MakeWorld,
) -> None:
    world = await make_world(second_person=True)
    await release_refused(world)

    for _ in range(2):
        await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
        await world.work()
        assert await world.state() is State.HELD, "one person decided alone"
    await world.operations.refund_by_hand(WF, BOB, evidence=SHOWN)
    await world.work()

    assert await world.state() is State.CANCELLED


async def test_each_charge_given_back_by_hand_awaits_a_second_person_of_its_own(
    make_world: MakeWorld,
) -> None:
    """Told that it is recorded, the first of two people would not look for the second."""
    world = await make_world(soft_decline_schedule=(timedelta(minutes=1),), second_person=True)
    world.gateway.script.extend(["soft", "ok"])
    world.billing.script.append("refused")
    await world.receive()
    await world.work_through(hours=1)
    await tell(world, Succeeded("ch_1", USD15, attempt_key(WF, 1)))
    await world.work()

    waited = []
    for person in (ANN, BOB, ANN):
        after = await world.operations.refund_by_hand(WF, person, evidence=SHOWN)
        waited.append(awaits_second_person(after))
        assert after.state is State.HELD

    assert waited == [True, False, True]


async def test_after_a_refund_that_came_too_late_the_hand_ends_it(world: World) -> None:
    await release_refused(world)
    world.gateway.undos.append(TooLate("settled"))
    await world.operations.refund(WF, ANN)
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.REFUND_REFUSED

    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    await world.work()

    assert await world.state() is State.CANCELLED


async def test_two_charges_under_one_key_are_ended_by_hand(world: World) -> None:
    """The gateway gave one of them back; nobody could record the other."""
    await release_refused(world)
    await tell(world, late_success(charge_id="ch_2"))
    world.gateway.undos.append(Undone())
    await world.operations.refund(WF, ANN)
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.REFUND_REFUSED
    assert sent(world) == [Verdict.PAID]

    await world.operations.refund_by_hand(WF, ANN, evidence="both are back")
    await world.work()

    assert await world.state() is State.CANCELLED


async def test_a_hand_speaks_of_one_attempt_and_the_other_keeps_it_held(
    make_world: MakeWorld,
) -> None:
    """Attempt 1 was declined and captured after all; attempt 2 took the money as well."""

    world = await make_world(soft_decline_schedule=(timedelta(minutes=1),))
    world.gateway.script.extend(["soft", "ok"])
    world.billing.script.append("refused")
    await world.receive()
    await world.work_through(hours=1)
    assert (await workflow(world)).held_reason is HeldReason.RELEASE_REFUSED
    await tell(world, Succeeded("ch_1", USD15, attempt_key(WF, 1)))
    await world.work()

    first = await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    assert first.state is State.HELD, "the money of attempt 1 is still taken"
    await world.work()
    assert sent(world) == [Verdict.PAID]
    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    await world.work()

    assert await world.state() is State.CANCELLED
    assert calls(world, "refund") == 0


async def test_another_amount_that_was_given_back_by_hand_ends_as_failed(world: World) -> None:
    world.gateway.script.append("wrong_amount")
    await world.receive()
    await world.work()
    assert (await workflow(world)).amount == Money(1500, "USD")

    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    await world.work()

    assert await world.state() is State.CANCELLED
    assert sent(world) == [Verdict.FAILED]


async def test_no_failed_for_a_charge_that_came_to_light_after_a_refund_by_hand(
    world: World,
) -> None:
    """The word was about the first charge: another under the same key is still taken."""
    await release_refused(world)
    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    await tell(world, late_success(charge_id="ch_2"))

    await world.work()

    assert (await workflow(world)).held_reason is HeldReason.REFUND_REFUSED
    assert sent(world) == [Verdict.PAID]
    assert calls(world, "refund") == 0, "the gateway would give back what went back by hand"
    await world.operations.refund_by_hand(WF, ANN, evidence="both are back")
    await world.work()
    assert await world.state() is State.CANCELLED


async def test_a_retry_sends_no_failed_while_a_charge_is_kept_that_no_hand_spoke_of(
    world: World,
) -> None:
    await release_refused(world)
    await world.operations.refund_by_hand(WF, ANN, evidence=SHOWN)
    world.billing.script.append("busy")
    await world.work()
    assert await world.state() is State.DECLINED
    await tell(world, late_success(charge_id="ch_2"))
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION

    with pytest.raises(Refused, match="money was taken"):
        await world.operations.retry(WF, ANN)

    assert sent(world) == [Verdict.PAID, Verdict.FAILED]
