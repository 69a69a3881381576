"""No `paid` while the money may be on its way back: a refund was asked for and not confirmed."""

import pytest

from external_gate.domain.identifiers import attempt_key
from external_gate.domain.outcome import Pending, TooLate, Undo, UndoUnknown
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores.store_records import NewNotice
from tests.engine.hostile_hands import (
    ANN,
    WF,
    answer_lookups,
    claim_once,
    late_success,
    let_pass,
    tell,
    workflow,
)
from tests.engine.world import World

TAKEN = late_success(charge_id="ch_1")


async def refund_not_confirmed(world: World, undo: Undo) -> None:
    """A person holds a pending charge, it takes money, and they want the money to go back."""
    world.gateway.script.append("pending")
    answer_lookups(world, Pending("ch_1"))
    await world.receive()
    await claim_once(world)
    await world.operations.hold(WF, ANN)
    answer_lookups(world, TAKEN)
    await let_pass(world, hours=2)
    world.gateway.undos.extend([undo] * 500)
    await world.operations.refund(WF, ANN)
    await let_pass(world, hours=30)
    assert (await workflow(world)).held_reason is HeldReason.REFUND_REFUSED


@pytest.mark.parametrize("undo", [UndoUnknown("timeout"), TooLate("settled")])
async def test_a_look_after_an_unconfirmed_refund_tells_no_paid(world: World, undo: Undo) -> None:
    """Gateways call a charge succeeded all the same when it was refunded since."""
    await refund_not_confirmed(world, undo)
    now = world.clock.now()
    hint = NewNotice("main", "refunded", attempt_key(WF, 1), None, False, now)

    await world.store.record_notices([hint])
    await let_pass(world, hours=1)

    assert world.gateway.calls[-1][0] == "lookup", "the hint was not followed"
    assert world.billing.releases == []
    assert await world.state() is State.HELD


async def test_a_repeated_notice_after_an_unconfirmed_refund_tells_no_paid(world: World) -> None:
    await refund_not_confirmed(world, UndoUnknown("timeout"))

    await tell(world, TAKEN)
    await let_pass(world, hours=1)

    assert world.billing.releases == []
    assert (await workflow(world)).held_reason is HeldReason.REFUND_REFUSED
