"""No workflow runs hot: whatever a gateway says, the engine waits between looks."""

from dataclasses import replace
from datetime import timedelta

import pytest

from external_gate.domain.charge import Cancel, Capabilities, Lookup
from external_gate.domain.outcome import Pending
from external_gate.domain.workflow import HeldReason, State
from tests.engine.conftest import MakeWorld
from tests.engine.world import EVERY_ANSWER, NO_KEY_BUT_LOOKUP, NOTHING, REPLAY, SUCCESS_ONLY

WORDS = ("ok", "soft", "hard", "pending", "customer", "lost_before", "lost_after", "not_sent",
         "declined_lost", "misconfigured", "raises", "wrong_amount")  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    "capabilities",
    [
        EVERY_ANSWER,
        REPLAY,
        SUCCESS_ONLY,
        NOTHING,
        NO_KEY_BUT_LOOKUP,
        replace(REPLAY, failed_is_final_after=timedelta(days=1)),
        replace(NOTHING, failed_is_final_after=timedelta(days=1)),
        replace(EVERY_ANSWER, cancel=Cancel.NONE),
    ],
    ids=["every", "replay", "success", "nothing", "lookup", "late", "late_blind", "no_cancel"],
)
async def test_every_word_of_every_gateway_comes_to_rest(
    make_world: MakeWorld, capabilities: Capabilities, word: str
) -> None:
    world = await make_world(capabilities)
    world.gateway.script.extend([word] * 3)
    await world.receive()

    await world.work_through(hours=100, step_minutes=90)

    assert world.heard.errors == []
    assert await world.state() not in {State.RECEIVED, State.READY, State.CHARGING}
    assert len(world.gateway.calls) < 400


async def test_a_gateway_that_wants_to_be_asked_at_once_is_asked_every_second_at_most(
    make_world: MakeWorld,
) -> None:
    world = await make_world()
    world.gateway.script.append("pending")
    world.gateway.lookups.extend([Pending(next_poll=timedelta(0))] * 20)
    await world.receive()

    await world.work()

    assert len(world.gateway.calls) == 1


async def test_a_decline_that_nobody_can_confirm_is_held_and_never_called_final(
    make_world: MakeWorld,
) -> None:
    blind = replace(EVERY_ANSWER, lookup=Lookup.NONE, failed_is_final_after=timedelta(days=1))
    world = await make_world(blind)
    world.gateway.script.append("hard")
    await world.receive()

    await world.work_through(hours=40, step_minutes=60)

    assert (await world.dossier()).workflow.held_reason is HeldReason.UNKNOWN_CHARGE
    assert world.billing.releases == []
