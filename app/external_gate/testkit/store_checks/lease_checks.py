"""How every store leases workflows."""

from dataclasses import replace
from datetime import timedelta

import anyio

from external_gate.domain.errors import BadInput, LeaseLost
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.outcome import Unknown
from external_gate.domain.workflow import State
from external_gate.stores.store import Store
from external_gate.stores.store_records import Dossier
from external_gate.testkit.store_checks.shortfall import given, nothing, only, refused, same, some
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
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


LEASES = Area(
    "leases",
    cure="Give a new fence with every claim, in the statement that picks; keep when a "
    "workflow can be claimed (`claimable_at`) apart from `due_at`; see "
    "`Store.claim`, `renew`, `give_back`.",
)
"""One holder at a time, a new fence for each, and nothing sleeps for ever."""


@LEASES.check()
async def claim_takes_what_is_due_oldest_first(store: Store) -> None:
    await begun(store, W1, at=later(2))
    await begun(store, W2, at=later(1))
    await begun(store, W3, at=later(99))

    same(_ids(await _claim(store, 2)), [W2, W1])


@LEASES.check()
async def claim_takes_no_more_than_the_limit(store: Store) -> None:
    await begun(store, W1, at=later(1))
    await begun(store, W2, at=later(2))

    same(_ids(await _claim(store, 5, limit=1)), [W1])
    same(_ids(await _claim(store, 5, limit=9)), [W2])


@LEASES.check()
async def claimed_workflow_is_nobody_elses_until_its_lease_ends(store: Store) -> None:
    await begun(store)
    first = only(await _claim(store, 0))

    nothing(await _claim(store, 59.999))
    second = only(await _claim(store, 60))

    same((first.workflow.fence, second.workflow.fence), (1, 2))


@LEASES.check()
async def due_at_stays_what_was_saved(store: Store) -> None:
    await begun(store)

    dossier = only(await _claim(store, 30))

    same(dossier.workflow.due_at, NOW)
    read = await store.dossier(W1)
    same(read, dossier)


@LEASES.check()
async def claims_at_the_same_moment_share_nothing(store: Store) -> None:
    for number in range(30):
        await begun(store, WorkflowId(f"w-{number:02}"))
    taken: list[WorkflowId] = []

    async def take() -> None:
        taken.extend(_ids(await _claim(store, 1, limit=4)))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(take)

    same(len(set(taken)), 30)
    same(len(taken), 30)


@LEASES.check()
async def claim_brings_everything_that_belongs_to_each_workflow(store: Store) -> None:
    for workflow_id in (W1, W2):
        dossier = await charging(store, workflow_id)
        await store.append_evidence(key_of(workflow_id), [evidence(Unknown("timeout"))])
        given(dossier.attempt)
    await begun(store, W3)

    dossiers = {d.workflow.workflow_id: d for d in await _claim(store, 61)}

    for workflow_id in (W1, W2):
        attempt = only(dossiers[workflow_id].attempts)
        same(attempt.charge.workflow_id, workflow_id)
        same([piece.answer for piece in attempt.evidence], [Unknown("timeout")])
        same(dossiers[workflow_id].newest_evidence, attempt.evidence[-1].number)
    same(dossiers[W3].attempts, ())


@LEASES.check()
async def person_can_lease_what_is_not_due(store: Store) -> None:
    await begun(store, at=later(9999))

    dossier = await claimed(store)

    same(dossier.workflow.fence, 1)
    same(dossier.workflow.due_at, later(9999))


@LEASES.check()
async def person_cannot_take_a_workflow_from_its_worker(store: Store) -> None:
    await begun(store)
    await _claim(store, 0)

    with refused(LeaseLost, naming="workflow-1"):
        await claimed(store, now=later(59))

    same((await claimed(store, now=later(60))).workflow.fence, 2)


@LEASES.check()
async def unknown_workflow_cannot_be_leased(store: Store) -> None:
    with refused(BadInput, naming="workflow-1"):
        await claimed(store)


@LEASES.check()
async def renewed_lease_lasts_longer(store: Store) -> None:
    await begun(store)
    dossier = only(await _claim(store, 0))

    lost = await store.renew([(W1, dossier.workflow.fence)], until=later(100))

    same(lost, frozenset())
    nothing(await _claim(store, 99))
    some(await _claim(store, 100))


@LEASES.check()
async def renewal_never_shortens_a_lease(store: Store) -> None:
    await begun(store)
    await _claim(store, 0)

    await store.renew([(W1, 1)], until=later(10))

    nothing(await _claim(store, 59))


@LEASES.check()
async def renewal_names_what_was_lost_meanwhile(store: Store) -> None:
    await begun(store, W1)
    await begun(store, W2)
    await _claim(store, 0)
    await claimed(store, W1, now=later(60))

    lost = await store.renew([(W1, 1), (W2, 1), (W3, 1)], until=later(120))

    same(lost, {W1, W3})
    nothing(await _claim(store, 119))  # also the second holder of W1 keeps what it has


@LEASES.check()
async def renewal_does_not_lease_again_what_was_given_back(store: Store) -> None:
    await begun(store)
    await _claim(store, 0)
    await store.give_back([(W1, 1)], due_at=later(1))

    lost = await store.renew([(W1, 1)], until=later(100))

    same(lost, frozenset())
    some(await _claim(store, 1))


@LEASES.check()
async def given_back_early_it_can_be_claimed_when_due(store: Store) -> None:
    await begun(store)
    await _claim(store, 0)

    await store.give_back([(W1, 1)], due_at=later(5))

    nothing(await _claim(store, 4))
    dossier = only(await _claim(store, 5))
    same(dossier.workflow.fence, 2)


@LEASES.check()
async def given_back_without_a_time_it_waits_for_a_person(store: Store) -> None:
    await begun(store)
    await _claim(store, 0)

    await store.give_back([(W1, 1)], due_at=None)

    nothing(await _claim(store, 99999))


@LEASES.check()
async def late_holder_gives_nothing_back(store: Store) -> None:
    await begun(store)
    await _claim(store, 0)
    await _claim(store, 60)

    await store.give_back([(W1, 1)], due_at=later(61))

    nothing(await _claim(store, 119))


@LEASES.check(cases=[None, timedelta(days=1)])
async def unread_evidence_does_not_sleep_after_a_give_back(
    store: Store, due_in: timedelta | None
) -> None:
    dossier = await charging(store)
    await store.append_evidence(key_of(), [evidence(Unknown("timeout"))])

    due_at = None if due_in is None else NOW + due_in
    await store.give_back([(W1, dossier.workflow.fence)], due_at=due_at)

    some(await _claim(store, 60))


@LEASES.check()
async def nothing_is_lost_when_a_lease_ran_out_unnoticed(store: Store) -> None:
    await begun(store)
    dossier = await claimed(store)

    after = replace(dossier.workflow, state=State.READY, updated_at=later(70))
    saved = await store.save(change(dossier, State.READY, after=after))

    same(saved.workflow.state, State.READY)
    same(_ids(await _claim(store, 60)), [W1])
