"""No second charge: late proof, approvals, restores and resends never take money again."""

from dataclasses import replace
from datetime import timedelta

from external_gate.domain.charge import KeyStores
from external_gate.domain.identifiers import attempt_key
from external_gate.domain.money import Money
from external_gate.domain.outcome import NotFound
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.guards.rules import GuardRules
from external_gate.stores.store_records import Change, Dossier
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import (
    ANN,
    WF,
    answer_lookups,
    late_success,
    let_pass,
    saving_by,
    tell,
    try_to,
    workflow,
)
from tests.engine.world import NOTHING, REPLAY, SUCCESS_ONLY, Booked, World

DAY = timedelta(days=1)


async def declined_softly(make_world: MakeWorld) -> World:
    """Attempt 1 is declined, attempt 2 is due tomorrow."""
    world = await make_world(soft_decline_schedule=(DAY,))
    world.gateway.script.append("soft")
    await world.receive()
    await world.work()
    return world


async def test_retry_of_a_contradiction_sends_no_second_charge(make_world: MakeWorld) -> None:
    world = await declined_softly(make_world)
    await tell(world, late_success())
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.CONTRADICTION

    await try_to(world.operations.retry(WF, ANN))
    await world.work()

    assert world.gateway.charges_sent() == 1, "a charge was sent for money already taken"


async def test_approval_sends_no_charge_once_an_earlier_attempt_took_money(
    make_world: MakeWorld,
) -> None:
    world = await declined_softly(make_world)
    world.clock.advance(days=2)
    strict = world.ruled(GuardRules(approval_above={"USD": Money(1, "USD")}))
    await world.worker(engine=strict).run_once()
    assert (await workflow(world)).held_reason is HeldReason.APPROVAL
    await tell(world, late_success())
    await world.worker(engine=strict).run_once()

    await try_to(world.operations.approve(WF, ANN))
    await world.worker(engine=strict).run_once()

    assert world.gateway.charges_sent() == 1


async def test_a_persons_save_leaves_unread_proof_unread(make_world: MakeWorld) -> None:
    """Else an approval in between hides the proof, and the next attempt takes money again."""
    world = await declined_softly(make_world)
    await tell(world, late_success())

    await try_to(world.operations.approve(WF, ANN))
    world.clock.advance(days=2)
    await world.work()

    assert world.gateway.charges_sent() == 1
    assert world.heard.incidents


async def test_accepting_one_restore_says_nothing_about_the_next(make_world: MakeWorld) -> None:
    """Attempt 2 may have been charged in the life that the second restore has lost."""
    world = await make_world(REPLAY, soft_decline_schedule=(DAY,))
    world.gateway.script.append("soft")
    await world.receive()
    await world.store.mark_restored(world.clock.now())
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.RESTORED
    await world.operations.retry(WF, ANN, accept_unknown=True)
    await world.work()

    await world.store.mark_restored(world.clock.now() + timedelta(hours=30))
    world.clock.advance(days=2)
    await world.work()

    assert world.gateway.charges_sent() == 1
    assert (await workflow(world)).held_reason is HeldReason.RESTORED


async def test_no_charge_leaves_after_its_send_deadline(make_world: MakeWorld) -> None:
    """A process that is stopped after its save wakes when others may have taken over."""
    world = await make_world(NOTHING)
    await world.receive()
    real = world.store.save

    async def stopped_after(change: Change) -> Dossier:
        saved = await real(change)
        if change.after.state is State.CHARGING:
            world.clock.advance(minutes=10)
        return saved

    with saving_by(world, stopped_after):
        await world.worker().run_once()

    assert world.gateway.charges_sent() == 0


async def test_an_invoice_settled_as_paid_is_not_charged_by_another_workflow(
    make_world: MakeWorld,
) -> None:
    world = await make_world()
    world.payers.exceptions["cust"] = None
    await world.receive("wf", invoice_id="inv-wf")
    await world.work()
    await world.operations.settle(WF, Verdict.PAID, ANN, evidence="bank transfer 17")
    world.billing.script.append("refused")
    await world.work()
    assert (await workflow(world)).state is State.HELD

    world.payers.exceptions.clear()
    await world.receive("wf2", invoice_id="inv-wf")
    await world.work()

    assert world.gateway.charges_sent() == 0


async def test_a_resend_that_is_declined_is_not_sent_again_and_again(
    make_world: MakeWorld,
) -> None:
    """Where a decline is not stored under the key, each resend is another try at the card."""
    world = await make_world(SUCCESS_ONLY)
    world.gateway.script.extend(["lost_before"] + ["hard"] * 20)
    answer_lookups(world, NotFound(conclusive=True), times=200)
    await world.receive()

    await let_pass(world, hours=11, step_minutes=11)

    assert world.gateway.charges_sent() <= 2


async def test_a_decline_that_may_turn_is_not_asked_about_by_charging_again(
    make_world: MakeWorld,
) -> None:
    """Where only successes are stored under the key, a replay is a new charge."""
    capabilities = replace(
        REPLAY, key_stores=KeyStores.SUCCESS_ONLY, failed_is_final_after=timedelta(hours=3)
    )
    world = await make_world(capabilities)
    world.gateway.script.extend(["hard"] * 20)
    await world.receive()

    await let_pass(world, hours=9, step_minutes=10)

    assert world.gateway.charges_sent() == 1


async def test_a_charge_found_after_a_restore_stays_known_when_people_retry(
    make_world: MakeWorld,
) -> None:
    world = await make_world(soft_decline_schedule=(DAY,))
    world.gateway.script.append("soft")
    await world.receive()
    world.gateway.books[attempt_key(WF, 2)] = [Booked("ch_forgotten", "taken", 1500, "USD")]
    await world.store.mark_restored(world.clock.now())
    world.clock.advance(minutes=1)
    await world.work()
    assert (await workflow(world)).held_reason is HeldReason.RESTORED

    await try_to(world.operations.retry(WF, ANN, accept_unknown=True))
    await world.work()

    assert world.gateway.charges_sent() == 0, "attempt 2 is known to have taken money"
