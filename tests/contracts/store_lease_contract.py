"""How every store leases workflows."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from external_gate.domain.errors import BadInput, LeaseLost
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.outcome import Unknown
from external_gate.domain.workflow import State
from external_gate.stores.store import Store
from external_gate.stores.store_records import Dossier
from tests.contracts.store_samples import (
    LEASE,
    NOW,
    W1,
    W2,
    W3,
    begun,
    change,
    charging,
    claimed,
    evidence,
    key_of,
    later,
)


async def _claim(store: Store, seconds: float, *, limit: int = 10) -> list[Dossier]:
    return list(await store.claim(owner="w", now=later(seconds), lease=LEASE, limit=limit))


def _ids(dossiers: list[Dossier]) -> list[WorkflowId]:
    return [dossier.workflow.workflow_id for dossier in dossiers]


class LeaseContract:
    """One holder at a time, a new fence for each, and nothing sleeps for ever."""

    async def test_claim_takes_what_is_due_oldest_first(self, store: Store) -> None:
        await begun(store, W1, at=later(2))
        await begun(store, W2, at=later(1))
        await begun(store, W3, at=later(99))

        assert _ids(await _claim(store, 2)) == [W2, W1]

    async def test_claim_takes_no_more_than_the_limit(self, store: Store) -> None:
        await begun(store, W1, at=later(1))
        await begun(store, W2, at=later(2))

        assert _ids(await _claim(store, 5, limit=1)) == [W1]
        assert _ids(await _claim(store, 5, limit=9)) == [W2]

    async def test_claimed_workflow_is_nobody_elses_until_its_lease_ends(
        self, store: Store
    ) -> None:
        await begun(store)
        (first,) = await _claim(store, 0)

        assert not await _claim(store, 59.999)
        (second,) = await _claim(store, 60)

        assert (first.workflow.fence, second.workflow.fence) == (1, 2)

    async def test_due_at_stays_what_was_saved(self, store: Store) -> None:
        await begun(store)

        (dossier,) = await _claim(store, 30)

        assert dossier.workflow.due_at == NOW
        read = await store.dossier(W1)
        assert read == dossier

    async def test_claims_at_the_same_moment_share_nothing(self, store: Store) -> None:
        for number in range(30):
            await begun(store, WorkflowId(f"w-{number:02}"))
        taken: list[WorkflowId] = []

        async def take() -> None:
            taken.extend(_ids(await _claim(store, 1, limit=4)))

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(take)

        assert len(taken) == len(set(taken)) == 30

    async def test_claim_brings_everything_that_belongs_to_each_workflow(
        self, store: Store
    ) -> None:
        for workflow_id in (W1, W2):
            dossier = await charging(store, workflow_id)
            await store.append_evidence(key_of(workflow_id), [evidence(Unknown("timeout"))])
            assert dossier.attempt is not None
        await begun(store, W3)

        dossiers = {d.workflow.workflow_id: d for d in await _claim(store, 61)}

        for workflow_id in (W1, W2):
            (attempt,) = dossiers[workflow_id].attempts
            assert attempt.charge.workflow_id == workflow_id
            assert [piece.answer for piece in attempt.evidence] == [Unknown("timeout")]
            assert dossiers[workflow_id].newest_evidence == attempt.evidence[-1].number
        assert dossiers[W3].attempts == ()

    async def test_person_can_lease_what_is_not_due(self, store: Store) -> None:
        await begun(store, at=later(9999))

        dossier = await claimed(store)

        assert dossier.workflow.fence == 1
        assert dossier.workflow.due_at == later(9999)

    async def test_person_cannot_take_a_workflow_from_its_worker(self, store: Store) -> None:
        await begun(store)
        await _claim(store, 0)

        with pytest.raises(LeaseLost, match="workflow-1"):
            await claimed(store, now=later(59))

        assert (await claimed(store, now=later(60))).workflow.fence == 2

    async def test_unknown_workflow_cannot_be_leased(self, store: Store) -> None:
        with pytest.raises(BadInput, match="workflow-1"):
            await claimed(store)

    async def test_renewed_lease_lasts_longer(self, store: Store) -> None:
        await begun(store)
        (dossier,) = await _claim(store, 0)

        lost = await store.renew([(W1, dossier.workflow.fence)], until=later(100))

        assert lost == frozenset()
        assert not await _claim(store, 99)
        assert await _claim(store, 100)

    async def test_renewal_never_shortens_a_lease(self, store: Store) -> None:
        await begun(store)
        await _claim(store, 0)

        await store.renew([(W1, 1)], until=later(10))

        assert not await _claim(store, 59)

    async def test_renewal_names_what_was_lost_meanwhile(self, store: Store) -> None:
        await begun(store, W1)
        await begun(store, W2)
        await _claim(store, 0)
        await claimed(store, W1, now=later(60))

        lost = await store.renew([(W1, 1), (W2, 1), (W3, 1)], until=later(120))

        assert lost == {W1, W3}
        assert not await _claim(store, 119)  # also the second holder of W1 keeps what it has

    async def test_renewal_does_not_lease_again_what_was_given_back(self, store: Store) -> None:
        await begun(store)
        await _claim(store, 0)
        await store.give_back([(W1, 1)], due_at=later(1))

        lost = await store.renew([(W1, 1)], until=later(100))

        assert lost == frozenset()
        assert await _claim(store, 1)

    async def test_given_back_early_it_can_be_claimed_when_due(self, store: Store) -> None:
        await begun(store)
        await _claim(store, 0)

        await store.give_back([(W1, 1)], due_at=later(5))

        assert not await _claim(store, 4)
        (dossier,) = await _claim(store, 5)
        assert dossier.workflow.fence == 2

    async def test_given_back_without_a_time_it_waits_for_a_person(self, store: Store) -> None:
        await begun(store)
        await _claim(store, 0)

        await store.give_back([(W1, 1)], due_at=None)

        assert not await _claim(store, 99999)

    async def test_late_holder_gives_nothing_back(self, store: Store) -> None:
        await begun(store)
        await _claim(store, 0)
        await _claim(store, 60)

        await store.give_back([(W1, 1)], due_at=later(61))

        assert not await _claim(store, 119)

    @pytest.mark.parametrize("due_in", [None, timedelta(days=1)])
    async def test_unread_evidence_does_not_sleep_after_a_give_back(
        self, store: Store, due_in: timedelta | None
    ) -> None:
        dossier = await charging(store)
        await store.append_evidence(key_of(), [evidence(Unknown("timeout"))])

        due_at = None if due_in is None else NOW + due_in
        await store.give_back([(W1, dossier.workflow.fence)], due_at=due_at)

        assert await _claim(store, 60)

    async def test_nothing_is_lost_when_a_lease_ran_out_unnoticed(self, store: Store) -> None:
        await begun(store)
        dossier = await claimed(store)

        after = replace(dossier.workflow, state=State.READY, updated_at=later(70))
        saved = await store.save(change(dossier, State.READY, after=after))

        assert saved.workflow.state is State.READY
        assert _ids(await _claim(store, 60)) == [W1]
