"""What people are told comes true: a sentence for everything, and every act offered is allowed."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.money import Money
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine.advice import offered, what_next
from external_gate.engine.operations import Operations, Person
from external_gate.guards.rules import GuardRules
from external_gate.testkit.store_checks.store_samples import received
from tests.engine.conftest import MakeWorld
from tests.engine.hostile_hands import late_success, tell
from tests.engine.world import World

WF = WorkflowId("wf")
ADA = Person("ada", "as agreed")

Story = Callable[[World], Awaitable[None]]


@pytest.mark.parametrize("state", set(State) - {State.HELD})
def test_every_state_says_what_comes_next(state: State) -> None:
    assert what_next(replace(received(), state=state))


@pytest.mark.parametrize("reason", HeldReason)
def test_every_reason_says_what_to_do(reason: HeldReason) -> None:
    assert what_next(replace(received(), state=State.HELD, held_reason=reason))


def test_a_hold_that_is_wanted_is_told() -> None:
    charging = replace(received(), state=State.CHARGING, hold_wanted=HeldReason.OPERATOR)

    assert what_next(charging).endswith("then it is held, as was asked for")


async def without_payer(world: World) -> None:
    world.payers.exceptions["cust"] = None
    await world.receive()
    await world.work()


async def above_the_limit(world: World) -> None:
    await world.receive()
    rules = GuardRules(approval_above={"USD": Money(100, "USD")})
    await world.work(worker=world.worker(engine=world.ruled(rules)))


async def wrong_amount(world: World) -> None:
    world.gateway.script.append("wrong_amount")
    await world.receive()
    await world.work()


async def refused_by_the_gateway(world: World) -> None:
    world.gateway.script.append("misconfigured")
    await world.receive()
    await world.work()


async def release_refused(world: World) -> None:
    world.billing.script.append("refused")
    await world.receive()
    await world.work()


async def held_by_a_person(world: World) -> None:
    await world.receive()
    await world.operations.hold(WF, ADA)


STORIES: dict[HeldReason, tuple[Story, tuple[str, ...]]] = {
    HeldReason.NO_PAYER: (without_payer, ("retry", "settle paid", "settle failed")),
    HeldReason.APPROVAL: (above_the_limit, ("approve", "settle paid", "settle failed")),
    HeldReason.PROOF_MISMATCH: (wrong_amount, ("settle paid", "refund", "refund --by-hand")),
    HeldReason.MISCONFIGURED: (refused_by_the_gateway, ("retry", "settle paid", "settle failed")),
    HeldReason.RELEASE_REFUSED: (release_refused, ("retry", "refund", "refund --by-hand")),
    HeldReason.OPERATOR: (held_by_a_person, ("retry", "settle paid", "settle failed")),
}


@pytest.mark.parametrize("reason", STORIES)
async def test_acts_that_make_sense_are_offered(world: World, reason: HeldReason) -> None:
    story, acts = STORIES[reason]
    await story(world)

    dossier = await world.dossier()

    assert dossier.workflow.held_reason is reason
    assert tuple(offered(dossier)) == acts


@pytest.mark.parametrize(
    ("reason", "act"), [(reason, act) for reason, (_, acts) in STORIES.items() for act in acts]
)
async def test_every_act_that_is_offered_is_allowed(
    make_world: MakeWorld, reason: HeldReason, act: str
) -> None:
    world = await make_world()
    await STORIES[reason][0](world)

    after = await _acting(world.operations, act)

    assert after is not State.HELD


async def _acting(operations: Operations, act: str) -> State:
    verb, _, verdict = act.partition(" ")
    if verb == "settle":
        done = await operations.settle(WF, Verdict(verdict), ADA, evidence="a statement")
    elif verdict == "--by-hand":
        done = await operations.refund_by_hand(WF, ADA, evidence="a statement")
    else:
        done = await getattr(operations, verb)(WF, ADA)
    return done.state


async def test_retry_is_not_offered_where_failed_would_be_wrong(world: World) -> None:
    world.gateway.script.append("hard")
    world.billing.script.append("refused")
    await world.receive()
    await world.work()
    await tell(world, late_success())
    await world.work()

    assert tuple(offered(await world.dossier())) == ("refund", "refund --by-hand")


async def test_nothing_is_offered_at_the_end_and_only_a_hold_on_the_way(world: World) -> None:
    await world.receive()
    assert tuple(offered(await world.dossier())) == ("hold",)
    await world.work()

    assert (await world.dossier()).workflow.state is State.RELEASED
    assert tuple(offered(await world.dossier())) == ()
