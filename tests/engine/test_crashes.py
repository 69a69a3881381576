"""Workers that die, sleep and wake: the charge is found again, and late workers save nothing."""

import pytest

from external_gate.domain.errors import LeaseLost
from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.money import Money
from external_gate.domain.outcome import Succeeded
from external_gate.domain.workflow import State, Verdict
from external_gate.engine.case import Case
from external_gate.engine.concluding import conclude
from external_gate.engine.steps import advance
from tests.engine.world import LEASE, World


async def test_a_charge_cut_off_by_a_crash_is_found_and_released(world: World) -> None:
    await world.receive()
    await world.crash_in_mid_charge()
    assert await world.state() is State.CHARGING

    world.clock.advance(seconds=61)
    await world.work()

    assert await world.state() is State.RELEASED
    assert world.gateway.charges_sent() == 1
    assert len(world.gateway.taken()) == 1


async def test_nobody_claims_a_workflow_whose_lease_still_runs(world: World) -> None:
    await world.receive()
    await world.crash_in_mid_charge()

    world.clock.advance(seconds=30)

    assert await world.worker("w2").run_once() == 0


async def test_takeover_never_goes_straight_to_another_charge(world: World) -> None:
    await world.receive()
    await world.crash_in_mid_charge()

    world.clock.advance(seconds=61)
    await world.work()

    names = [name for name, _ in world.gateway.calls]
    assert names[:2] == ["charge", "lookup"]


async def test_a_late_worker_keeps_its_proof_but_moves_nothing(world: World) -> None:
    """A worker that was stopped past its lease wakes up with the answer of its charge."""
    await world.receive()
    claimed = await world.store.claim(owner="sleeper", now=world.clock.now(), lease=LEASE, limit=1)
    sleeper = Case(world.engine, claimed[0], world.clock.now() + LEASE)
    world.clock.advance(seconds=61)
    world.gateway.script.append("lost_after")
    await world.work(worker=world.worker("other"))
    assert await world.state() is State.UNRESOLVED
    attempt = (await world.dossier()).attempts[0]

    proof = Succeeded("ch_1", Money(1500, "USD"), str(attempt.charge.attempt_key))
    piece = Evidence(Source.CHARGE, proof, world.clock.now(), world.clock.now(), send=1)
    sleeper.dossier = await world.dossier()
    with pytest.raises(LeaseLost):
        await conclude(sleeper, attempt, piece)

    assert await world.state() is State.UNRESOLVED
    await world.work()
    assert await world.state() is State.RELEASED
    assert world.billing.outcomes == {"wf": Verdict.PAID}
    assert [name for name, _ in world.gateway.calls].count("charge") == 1


async def test_a_late_worker_cannot_send_a_charge(world: World) -> None:
    await world.receive()
    claimed = await world.store.claim(owner="sleeper", now=world.clock.now(), lease=LEASE, limit=1)
    sleeper = Case(world.engine, claimed[0], world.clock.now() + LEASE)
    world.clock.advance(seconds=61)
    await world.work(worker=world.worker("other"))

    await advance(sleeper)

    assert world.gateway.charges_sent() == 1
    assert world.heard.lost == ["wf"]


async def test_a_crash_between_paid_and_release_releases_with_the_same_key(world: World) -> None:
    world.billing.script.append("lost_after")
    await world.receive()
    await world.work()
    assert await world.state() is State.PAID

    world.clock.advance(seconds=20)
    await world.work()

    assert await world.state() is State.RELEASED
    assert {key for _, _, key in world.billing.releases} == {"r-wf-paid-1"}
