"""How every store keeps what is done after a failed payment: begun once, claimed by one, judged."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from external_gate.domain.aftermath import (
    Aftermath,
    AftermathChange,
    ContractStanding,
    FailureKind,
    Obstacle,
    Obstructed,
    Stage,
)
from external_gate.domain.errors import BadInput, Broken, LeaseLost
from external_gate.domain.host_notice import HostNotice, NoticeFilter, NoticeType
from external_gate.domain.identifiers import ContractId, CustomerId, WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind
from external_gate.domain.workflow import Actor, State, Verdict
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.shortfall import exactly, must, nothing, only, refused, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    NOW,
    SUCCESS,
    W1,
    W2,
    W3,
    begun,
    change,
    charging,
    claimed,
    facts,
    failed,
    key_of,
    later,
    paid,
)
from external_gate.testkit.store_checks.store_trial import StoreTrial

CUSTOMER = CustomerId("customer-1")
OTHERS = ContractId("contract-of-somebody-else")

AFTERMATHS = Area(
    "aftermaths",
    cure="Let the move to `cancelled` write a row of its own, claim it under a lock, and ask the "
    "judge in the transaction of the save while the failed workflow's row is locked.",
)
"""A threshold is switched on again by one process, once, and only while our books allow it."""


async def _released(store: Store, workflow_id: WorkflowId = W1) -> None:
    dossier = await paid(store, workflow_id)
    after = replace(dossier.workflow, state=State.RELEASED, verdict=Verdict.PAID)
    await store.save(change(dossier, State.RELEASED, after=after, give_back=True))


async def _claim(store: Store, seconds: float = 0) -> Sequence[Aftermath]:
    return await store.claim_aftermaths(now=later(seconds), lease=LEASE, limit=9)


def _waiting(found: Aftermath, **other: Any) -> Aftermath:
    return replace(found, stage=Stage.WAITING, due_at=later(600), **other)


async def _standing(store: Store) -> ContractStanding:
    """Have the judge tell what it was told about the first workflow's contract."""
    seen: list[ContractStanding] = []

    def judge(standing: ContractStanding) -> Obstacle:
        seen.append(standing)
        return Obstacle("only asked")

    found = only(await store.aftermaths([W1]))
    with refused(Obstructed, "only asked"):
        await store.save_aftermath(AftermathChange(found, judge=judge))
    return only(seen)


@AFTERMATHS.check()
async def failed_payment_begins_an_aftermath_and_a_released_one_none(store: Store) -> None:
    await failed(store)
    await _released(store, W2)

    found = only(await store.aftermaths([W1, W2]))
    same(found.facts, facts(W1))
    same((found.stage, found.began_at, found.due_at), (Stage.CONFIRMING, NOW, NOW))
    same((found.tries, found.failure, found.payer_changed_at), (0, None, None))


@AFTERMATHS.check()
async def late_evidence_begins_no_second_aftermath(store: Store) -> None:
    await failed(store)
    found = only(await _claim(store))
    ended = replace(found, stage=Stage.LEFT, due_at=None)
    await store.save_aftermath(AftermathChange(ended))

    await store.append_evidence(key_of(), [SUCCESS])
    dossier = await claimed(store, now=later(5))
    read = HistoryEntry(later(5), Actor.ENGINE, "evidence_read")
    await store.save(change(dossier, history=(read,), give_back=True))

    same(only(await store.aftermaths([W1])).stage, Stage.LEFT)


@AFTERMATHS.check()
async def claimed_aftermath_is_nobody_elses_until_its_lease_ends(store: Store) -> None:
    await failed(store)

    first = only(await _claim(store))
    nothing(await _claim(store, 59))
    second = only(await _claim(store, 60))

    same((first.lease_until, second.lease_until), (later(60), later(120)))
    with refused(LeaseLost):
        await store.save_aftermath(AftermathChange(_waiting(first)))
    await store.save_aftermath(AftermathChange(_waiting(second)))
    nothing(await _claim(store, 599))
    same(only(await _claim(store, 600)).stage, Stage.WAITING)


@AFTERMATHS.check()
async def what_was_saved_of_an_aftermath_is_read_again(store: Store) -> None:
    await failed(store)
    found = only(await _claim(store))
    more = {
        "failure": FailureKind.SOFT,
        "threshold": "spend",
        "tries": 1,
        "looks": 2,
        "payer_digest": "digest",
        "detail": "off",
        "updated_at": later(7),
    }

    saved = await store.save_aftermath(AftermathChange(_waiting(found, **more)))

    same(saved, replace(_waiting(found, **more), lease_until=None))
    same(only(await store.aftermaths([W1])), saved)


@AFTERMATHS.check()
async def lease_of_an_aftermath_that_is_not_given_back_goes_on(store: Store) -> None:
    await failed(store)
    found = only(await _claim(store))
    intended = replace(found, stage=Stage.ENABLING, tries=1)

    saved = await store.save_aftermath(AftermathChange(intended, give_back=False))

    same(saved.lease_until, later(60))
    nothing(await _claim(store, 59))
    same(only(await _claim(store, 60)).tries, 1)


@AFTERMATHS.check()
async def history_incident_and_notice_come_with_an_aftermath(store: Store) -> None:
    store.keep_notices(dict.fromkeys(NoticeType, ("erp",)))
    await failed(store)
    found = only(await _claim(store))
    lost = replace(found, stage=Stage.GIVEN_UP, due_at=None)
    entry = HistoryEntry(later(1), Actor.ENGINE, "re_enable_given_up", "it stays off")
    incident = Incident(IncidentKind.THRESHOLD_NOT_ENABLED, later(1), "it stays off")
    notice = HostNotice(
        NoticeType.THRESHOLD_DISABLED, later(1), CUSTOMER, facts().contract_id, workflow_id=W1
    )

    await store.save_aftermath(AftermathChange(lost, (entry,), (incident,), (notice,)))

    same((await store.history(W1))[-1].event, "re_enable_given_up")
    same(only(await store.incidents(W1)).kind, IncidentKind.THRESHOLD_NOT_ENABLED)
    told = [kept.type for kept in reversed(await store.host_notices(NoticeFilter()))]
    same(told, ["workflow.cancelled", "threshold.disabled", "incident.raised"])
    nothing(await _claim(store, 99999))


@AFTERMATHS.check()
async def judge_that_objects_leaves_everything_as_it_was(store: Store) -> None:
    store.keep_notices(dict.fromkeys(NoticeType, ("erp",)))
    await failed(store)
    found = only(await _claim(store))
    before = (await store.history(W1), await store.host_notices(NoticeFilter()))
    entry = HistoryEntry(NOW, Actor.ENGINE, "re_enable_intended")
    notice = HostNotice(NoticeType.THRESHOLD_ENABLED, NOW, CUSTOMER, facts().contract_id)
    intended = replace(found, stage=Stage.ENABLING, tries=1)

    with refused(Obstructed, "not now") as told:
        await store.save_aftermath(
            AftermathChange(
                intended, (entry,), notices=(notice,), judge=lambda _: Obstacle("not now")
            )
        )

    same(told.error.obstacle, Obstacle("not now"))
    same((await store.history(W1), await store.host_notices(NoticeFilter())), before)
    same(only(await store.aftermaths([W1])), found)


@AFTERMATHS.check()
async def judge_hears_of_other_workflows_of_the_contract_alone(store: Store) -> None:
    await failed(store)
    await begun(store, W3, at=later(1), contract_id=OTHERS)
    same(await _standing(store), ContractStanding())

    await begun(store, W2, at=later(2))

    same(await _standing(store), ContractStanding(open_workflow=W2, follower=W2))


@AFTERMATHS.check()
async def workflow_of_another_type_is_no_follower(store: Store) -> None:
    await failed(store)
    await begun(store, W2, at=later(2), workflow_type="prepaid")

    same(await _standing(store), ContractStanding(open_workflow=W2))


@AFTERMATHS.check()
async def judge_hears_of_incidents_until_a_later_workflow_was_released(store: Store) -> None:
    await failed(store)
    found = only(await _claim(store))
    incident = Incident(IncidentKind.LATE_SUCCESS, later(5), "money was taken")
    await store.save_aftermath(AftermathChange(_waiting(found), incidents=(incident,)))
    same((await _standing(store)).incident, (W1, IncidentKind.LATE_SUCCESS))

    dossier = await charging(store, W2, now=later(9), at=later(9))
    after = replace(dossier.workflow, state=State.RELEASED, verdict=Verdict.PAID)
    answered = ((key_of(W2), SUCCESS),)
    await store.save(change(dossier, State.PAID, State.RELEASED, after=after, evidence=answered))

    same((await _standing(store)).incident, None)


@AFTERMATHS.check()
async def judge_hears_of_evidence_that_nobody_has_read(store: Store) -> None:
    await failed(store)

    await store.append_evidence(key_of(), [SUCCESS])

    must((await _standing(store)).has_unread_evidence, "it tells of no unread evidence")


@AFTERMATHS.check()
async def judge_counts_what_was_switched_on_since_the_latest_release(store: Store) -> None:
    await failed(store, W2, at=later(-9))
    other = only(await _claim(store))
    await store.save_aftermath(AftermathChange(_waiting(other, tries=1)))
    await failed(store, W1)
    same((await _standing(store)).enabled_before, 1)

    await _released(store, W3)

    same((await _standing(store)).enabled_before, 0)


@AFTERMATHS.check()
async def payer_change_is_noted_for_known_customers_and_wakes(store: Store) -> None:
    await failed(store)
    found = only(await _claim(store))
    await store.save_aftermath(AftermathChange(_waiting(found)))
    nothing(await _claim(store, 9))

    must(await store.note_payer_change(CUSTOMER, at=later(9), told_by="shop"), "it is unknown")
    stranger = store.note_payer_change(CustomerId("nobody"), at=later(9), told_by="shop")
    must(not await stranger, "a customer without a workflow is known")

    woken = only(await _claim(store, 9))
    same((woken.payer_changed_at, woken.payer_change_told_by), (later(9), "shop"))


@AFTERMATHS.check()
async def payer_change_during_a_lease_is_looked_at_after_it(store: Store) -> None:
    await failed(store)
    found = only(await _claim(store))
    await store.note_payer_change(CUSTOMER, at=later(3), told_by="shop")
    nothing(await _claim(store, 4))

    await store.save_aftermath(AftermathChange(_waiting(found, updated_at=later(4))))

    same(only(await _claim(store, 4)).payer_changed_at, later(3))


@AFTERMATHS.check()
async def older_word_of_a_payer_change_does_not_replace_a_newer_one(store: Store) -> None:
    await failed(store)
    await store.note_payer_change(CUSTOMER, at=later(9), told_by="shop")
    await store.note_payer_change(CUSTOMER, at=later(5), told_by="desk")

    found = only(await store.aftermaths([W1]))
    same((found.payer_changed_at, found.payer_change_told_by), (later(9), "shop"))


@AFTERMATHS.check()
async def ended_aftermath_neither_wakes_nor_begins_again(store: Store) -> None:
    await failed(store)
    found = only(await _claim(store))
    ended = await store.save_aftermath(
        AftermathChange(replace(found, stage=Stage.LEFT, due_at=None, tries=1))
    )

    await store.note_payer_change(CUSTOMER, at=later(9), told_by="shop")

    nothing(await _claim(store, 99))
    with refused(Broken):
        await store.save_aftermath(AftermathChange(_waiting(ended)))


@AFTERMATHS.check()
async def try_that_was_intended_is_never_forgotten(store: Store) -> None:
    await failed(store)
    found = only(await _claim(store))
    await store.save_aftermath(AftermathChange(_waiting(found, tries=1)))

    with refused(Broken):
        await store.save_aftermath(AftermathChange(_waiting(found, tries=0)))

    same(only(await store.aftermaths([W1])).tries, 1)


@AFTERMATHS.check()
async def workflow_that_did_not_fail_has_no_aftermath_to_save(store: Store) -> None:
    await failed(store)
    await begun(store, W2, at=later(2))
    found = only(await _claim(store))

    with refused(BadInput):
        await store.save_aftermath(AftermathChange(replace(found, facts=facts(W2))))


@AFTERMATHS.trial()
async def processes_never_claim_one_aftermath_at_the_same_moment(trial: StoreTrial) -> None:
    ids = [WorkflowId(f"workflow-{number}") for number in range(4)]
    for workflow_id in ids:
        await failed(trial.store, workflow_id)
    other = await trial.another()

    claims = await asyncio.gather(
        *(
            store.claim_aftermaths(now=NOW, lease=LEASE, limit=2)
            for store in (trial.store, other, trial.store, other)
        )
    )

    found = [each.workflow_id for claim in claims for each in claim]
    same(len(found), len(set(found)))
    same(sorted([*found, *(each.workflow_id for each in await _claim(trial.store))]), ids)


@AFTERMATHS.trial()
async def aftermaths_are_there_after_a_start(trial: StoreTrial) -> None:
    await failed(trial.store)
    await failed(trial.store, W2)
    first, _ = exactly(2, await _claim(trial.store))
    await trial.store.save_aftermath(AftermathChange(_waiting(first, tries=1)))
    await trial.store.note_payer_change(CUSTOMER, at=later(1), told_by="shop")
    before = await trial.store.aftermaths([W1, W2])

    again = await trial.reopened()

    same(await again.aftermaths([W1, W2]), before)
