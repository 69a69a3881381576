"""What people may do, and what is refused to them."""

from datetime import timedelta

import pytest

from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.money import Money
from external_gate.domain.outcome import Succeeded, UndoPending
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine.operations import Operations, Person
from external_gate.guards.rules import GuardRules
from tests.engine.conftest import MakeWorld
from tests.engine.world import LEASE, NOTHING, World

ALICE = Person("alice", "looked at it")
BOB = Person("bob", "agrees")
WF = WorkflowId("wf")


async def held_unknown(make_world: MakeWorld, **policy: object) -> World:
    world = await make_world(NOTHING, **policy)
    world.gateway.script.append("lost_after")
    await world.receive()
    await world.work()
    assert (await world.dossier()).workflow.held_reason is HeldReason.UNKNOWN_CHARGE
    return world


def test_nobody_acts_without_name_and_reason() -> None:
    with pytest.raises(BadInput):
        Person("", "because")
    with pytest.raises(BadInput):
        Person("alice", " ")


async def test_an_unknown_workflow_is_bad_input(world: World) -> None:
    with pytest.raises(BadInput):
        await world.operations.retry(WorkflowId("nobody"), ALICE)


async def test_only_held_workflows_are_retried(world: World) -> None:
    await world.receive()

    with pytest.raises(Refused, match="hold it first"):
        await world.operations.retry(WF, ALICE)

    await world.work()
    assert world.gateway.charges_sent() == 1


async def test_retry_of_an_unknown_charge_keeps_the_key_and_looks_first(
    make_world: MakeWorld,
) -> None:
    world = await held_unknown(make_world)

    workflow = await world.operations.retry(WF, ALICE)
    await world.work()

    assert workflow.state is State.UNRESOLVED
    assert await world.state() is State.HELD
    assert world.gateway.charges_sent() == 1


async def test_retry_after_a_mended_configuration_sends_the_same_key(world: World) -> None:
    world.gateway.script.extend(["misconfigured", "ok"])
    await world.receive()
    await world.work()

    await world.operations.retry(WF, ALICE)
    await world.work()

    assert await world.state() is State.RELEASED
    assert len({key for _, key in world.gateway.calls}) == 1


async def test_settling_needs_every_attempt_known(make_world: MakeWorld) -> None:
    world = await held_unknown(make_world)

    with pytest.raises(Refused, match="--accept-unknown"):
        await world.operations.settle(WF, Verdict.FAILED, ALICE, evidence="I think so")

    assert await world.state() is State.HELD


async def test_settling_in_spite_of_the_unknown_raises_an_incident(
    make_world: MakeWorld,
) -> None:
    world = await held_unknown(make_world)

    await world.operations.settle(
        WF, Verdict.PAID, ALICE, evidence="statement of 22 Nov", accept_unknown=True
    )
    await world.work()

    assert await world.state() is State.RELEASED
    assert "unknown_accepted" in [i.kind for i in world.heard.incidents]


async def test_a_second_person_is_needed_where_configured(make_world: MakeWorld) -> None:
    world = await held_unknown(make_world, second_person=True)
    settle = world.operations.settle

    await settle(WF, Verdict.PAID, ALICE, evidence="statement", accept_unknown=True)
    await settle(WF, Verdict.PAID, ALICE, evidence="statement", accept_unknown=True)
    assert await world.state() is State.HELD
    await settle(WF, Verdict.PAID, BOB, evidence="statement", accept_unknown=True)
    await world.work()

    assert await world.state() is State.RELEASED


async def test_nobody_settles_failed_while_money_is_taken(world: World) -> None:
    world.gateway.script.append("wrong_amount")
    await world.receive()
    await world.work()

    with pytest.raises(Refused, match="refund"):
        await world.operations.settle(WF, Verdict.FAILED, ALICE, evidence="no")

    assert world.billing.releases == []


async def test_the_opposite_outcome_is_not_offered_once_a_release_may_be_out(
    world: World,
) -> None:
    world.gateway.script.append("hard")
    world.billing.script.append("refused")
    await world.receive()
    await world.work()
    assert (await world.dossier()).workflow.held_reason is HeldReason.RELEASE_REFUSED

    with pytest.raises(Refused, match="decided"):
        await world.operations.settle(WF, Verdict.PAID, ALICE, evidence="bank transfer")


async def test_retry_of_a_refused_release_uses_the_next_key(world: World) -> None:
    world.billing.script.append("refused")
    await world.receive()
    await world.work()

    await world.operations.retry(WF, ALICE)
    await world.work()

    assert await world.state() is State.RELEASED
    assert [key for _, _, key in world.billing.releases] == ["r-wf-paid-1", "r-wf-paid-2"]


async def test_a_refund_gives_the_money_back_and_then_tells_failed(world: World) -> None:
    world.gateway.script.append("wrong_amount")
    await world.receive()
    await world.work()

    await world.operations.refund(WF, ALICE)
    await world.work()

    assert await world.state() is State.CANCELLED
    assert not world.gateway.taken()
    assert world.billing.outcomes == {"wf": Verdict.FAILED}


async def test_a_refund_without_a_charge_is_refused(make_world: MakeWorld) -> None:
    world = await held_unknown(make_world)

    with pytest.raises(Refused, match="no charge"):
        await world.operations.refund(WF, ALICE)


async def test_hold_with_a_call_on_the_wire_takes_effect_when_it_has_ended(
    world: World,
) -> None:
    world.gateway.script.append("pending")
    await world.receive()

    async def hold_meanwhile(_request: object) -> None:
        world.gateway.during_charge = None
        workflow = await world.operations.hold(WF, ALICE)
        assert workflow.state is State.CHARGING

    world.gateway.during_charge = hold_meanwhile
    await world.work()

    workflow = (await world.dossier()).workflow
    assert (workflow.state, workflow.held_reason) == (State.HELD, HeldReason.OPERATOR)
    assert world.gateway.charges_sent() == 1


async def test_hold_before_the_charge_prevents_it(world: World) -> None:
    await world.receive()

    await world.operations.hold(WF, ALICE)
    await world.work()

    assert await world.state() is State.HELD
    assert world.gateway.charges_sent() == 0


async def test_hold_wanted_while_a_worker_prepares_prevents_the_charge(world: World) -> None:
    await world.receive()
    await world.store.claim(owner="busy", now=world.clock.now(), lease=LEASE, limit=1)

    await world.operations.hold(WF, ALICE)
    world.clock.advance(seconds=61)
    await world.work()

    assert await world.state() is State.HELD
    assert world.gateway.charges_sent() == 0


async def test_approval_is_a_fact_that_the_guard_reads(world: World) -> None:
    rules = GuardRules(approval_above={"USD": Money(1000, "USD")})
    engine = world.ruled(rules)
    await world.receive()
    await world.work(worker=world.worker(engine=engine))
    assert (await world.dossier()).workflow.held_reason is HeldReason.APPROVAL

    await Operations(engine).approve(WF, ALICE)
    await world.work(worker=world.worker(engine=engine))

    assert await world.state() is State.RELEASED


async def test_shadow_mode_charges_only_after_an_explicit_retry(world: World) -> None:
    engine = world.ruled(GuardRules(shadow=True))
    await world.receive()
    await world.work(worker=world.worker(engine=engine))
    assert (await world.dossier()).workflow.held_reason is HeldReason.SHADOW
    assert world.gateway.charges_sent() == 0

    await Operations(engine).retry(WF, ALICE)
    await world.work(worker=world.worker(engine=engine))

    assert await world.state() is State.RELEASED


async def test_every_act_is_explained_in_the_history(world: World) -> None:
    await world.receive()
    await world.operations.hold(WF, ALICE)
    await world.operations.retry(WF, BOB)

    history = await world.store.history(WF)

    told = [(entry.who, entry.event) for entry in history if entry.who]
    assert ("alice", "held") in told
    assert ("bob", "retried") in told


async def test_nobody_retries_a_workflow_whose_dead_attempt_took_money(
    make_world: MakeWorld,
) -> None:
    """The first attempt was declined and captured after all; a retry would charge again."""
    world = await make_world(soft_decline_schedule=(timedelta(hours=1),))
    world.gateway.script.append("soft")
    await world.receive()
    await world.work()
    attempt = (await world.dossier()).attempts[0]
    now = world.clock.now()
    late = Succeeded("ch_9", Money(1500, "USD"), str(attempt.charge.attempt_key))
    await world.store.append_evidence(
        attempt.charge.attempt_key, [Evidence(Source.NOTICE, late, now, now)]
    )
    await world.work()
    assert (await world.dossier()).workflow.held_reason is HeldReason.CONTRADICTION

    with pytest.raises(Refused, match="money was taken"):
        await world.operations.retry(WF, ALICE)
    await world.work_through(hours=3)

    assert world.gateway.charges_sent() == 1


async def test_a_refund_under_way_is_not_held_back(make_world: MakeWorld) -> None:
    world = await make_world(refund_when_unreleasable=True)
    world.gateway.undos.extend([UndoPending()] * 50)
    await world.receive()
    world.billing.outcomes["wf"] = Verdict.FAILED
    world.gateway.during_charge = lambda _request: _void(world)
    await world.work()
    world.clock.advance(minutes=6)
    await world.work()
    assert await world.state() is State.REFUNDING

    with pytest.raises(Refused, match="on its way"):
        await world.operations.hold(WF, ALICE)


async def _void(world: World) -> None:
    world.billing.void("inv-wf")
