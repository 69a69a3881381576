"""What the judge of an aftermath is told of its contract, and that its objection stops the save."""

from dataclasses import replace

from external_gate.domain.aftermath import (
    AftermathChange,
    ContractStanding,
    Obstacle,
    Obstructed,
    Stage,
)
from external_gate.domain.host_notice import HostNotice, NoticeFilter, NoticeType
from external_gate.domain.identifiers import ContractId
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind
from external_gate.domain.workflow import Actor, State, Verdict
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.aftermath_samples import (
    CURE,
    CUSTOMER,
    claim_due,
    released,
    standing_told,
    waiting,
)
from external_gate.testkit.store_checks.shortfall import must, only, refused, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    NOW,
    SUCCESS,
    W1,
    W2,
    W3,
    begun,
    change,
    charging,
    facts,
    failed,
    key_of,
    later,
)

OTHERS = ContractId("contract-of-somebody-else")

STANDINGS = Area("aftermaths", cure=CURE)
"""The part of the area `aftermaths` that is about our books."""


@STANDINGS.check()
async def judge_that_objects_leaves_everything_as_it_was(store: Store) -> None:
    store.keep_notices(dict.fromkeys(NoticeType, ("erp",)))
    await failed(store)
    found = only(await claim_due(store))
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


@STANDINGS.check()
async def judge_hears_of_other_workflows_of_the_contract_alone(store: Store) -> None:
    await failed(store)
    await begun(store, W3, at=later(1), contract_id=OTHERS)
    same(await standing_told(store), ContractStanding())

    await begun(store, W2, at=later(2))

    same(await standing_told(store), ContractStanding(open_workflow=W2, follower=W2))


@STANDINGS.check()
async def workflow_of_another_type_is_no_follower(store: Store) -> None:
    await failed(store)
    await begun(store, W2, at=later(2), workflow_type="prepaid")

    same(await standing_told(store), ContractStanding(open_workflow=W2))


@STANDINGS.check()
async def judge_hears_of_incidents_until_a_later_workflow_was_released(store: Store) -> None:
    await failed(store)
    found = only(await claim_due(store))
    incident = Incident(IncidentKind.LATE_SUCCESS, later(5), "money was taken")
    await store.save_aftermath(AftermathChange(waiting(found), incidents=(incident,)))
    same((await standing_told(store)).incident, (W1, IncidentKind.LATE_SUCCESS))

    dossier = await charging(store, W2, now=later(9), at=later(9))
    after = replace(dossier.workflow, state=State.RELEASED, verdict=Verdict.PAID)
    answered = ((key_of(W2), SUCCESS),)
    await store.save(change(dossier, State.PAID, State.RELEASED, after=after, evidence=answered))

    same((await standing_told(store)).incident, None)


@STANDINGS.check()
async def judge_hears_of_evidence_that_nobody_has_read(store: Store) -> None:
    await failed(store)

    await store.append_evidence(key_of(), [SUCCESS])

    must((await standing_told(store)).has_unread_evidence, "it tells of no unread evidence")


@STANDINGS.check()
async def judge_counts_what_was_switched_on_since_the_latest_release(store: Store) -> None:
    await failed(store, W2, at=later(-9))
    other = only(await claim_due(store))
    await store.save_aftermath(AftermathChange(waiting(other, tries=1)))
    await failed(store, W1)
    same((await standing_told(store)).enabled_before, 1)

    await released(store, W3)

    same((await standing_told(store)).enabled_before, 0)
