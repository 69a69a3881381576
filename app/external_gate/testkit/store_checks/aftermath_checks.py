"""How every store keeps what is done after a failed payment: begun once, claimed by one."""

import asyncio
from dataclasses import replace

from external_gate.domain.aftermath import (
    AftermathChange,
    FailureKind,
    Stage,
)
from external_gate.domain.errors import BadInput, Broken, LeaseLost
from external_gate.domain.host_notice import HostNotice, NoticeFilter, NoticeType
from external_gate.domain.identifiers import CustomerId, WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind
from external_gate.domain.workflow import Actor
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.aftermath_samples import (
    CURE,
    CUSTOMER,
    claim_due,
    released,
    waiting,
)
from external_gate.testkit.store_checks.shortfall import exactly, must, nothing, only, refused, same
from external_gate.testkit.store_checks.standing_checks import STANDINGS
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    NOW,
    SUCCESS,
    W1,
    W2,
    begun,
    change,
    claimed,
    facts,
    failed,
    key_of,
    later,
)
from external_gate.testkit.store_checks.store_trial import StoreTrial

AFTERMATHS = Area("aftermaths", cure=CURE, joined_by=STANDINGS)
"""A threshold is switched on again by one process, once, and only while our books allow it."""


@AFTERMATHS.check()
async def failed_payment_begins_an_aftermath_and_a_released_one_none(store: Store) -> None:
    await failed(store)
    await released(store, W2)

    found = only(await store.aftermaths([W1, W2]))
    same(found.facts, facts(W1))
    same((found.stage, found.began_at, found.due_at), (Stage.CONFIRMING, NOW, NOW))
    same((found.tries, found.failure, found.payer_changed_at), (0, None, None))


@AFTERMATHS.check()
async def late_evidence_begins_no_second_aftermath(store: Store) -> None:
    await failed(store)
    found = only(await claim_due(store))
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

    first = only(await claim_due(store))
    nothing(await claim_due(store, 59))
    second = only(await claim_due(store, 60))

    same((first.lease_until, second.lease_until), (later(60), later(120)))
    with refused(LeaseLost):
        await store.save_aftermath(AftermathChange(waiting(first)))
    await store.save_aftermath(AftermathChange(waiting(second)))
    nothing(await claim_due(store, 599))
    same(only(await claim_due(store, 600)).stage, Stage.WAITING)


@AFTERMATHS.check()
async def what_was_saved_of_an_aftermath_is_read_again(store: Store) -> None:
    await failed(store)
    found = only(await claim_due(store))
    more = {
        "failure": FailureKind.SOFT,
        "threshold": "spend",
        "tries": 1,
        "looks": 2,
        "payer_digest": "digest",
        "detail": "off",
        "updated_at": later(7),
    }

    saved = await store.save_aftermath(AftermathChange(waiting(found, **more)))

    same(saved, replace(waiting(found, **more), lease_until=None))
    same(only(await store.aftermaths([W1])), saved)


@AFTERMATHS.check()
async def lease_of_an_aftermath_that_is_not_given_back_goes_on(store: Store) -> None:
    await failed(store)
    found = only(await claim_due(store))
    intended = replace(found, stage=Stage.ENABLING, tries=1)

    saved = await store.save_aftermath(AftermathChange(intended, give_back=False))

    same(saved.lease_until, later(60))
    nothing(await claim_due(store, 59))
    same(only(await claim_due(store, 60)).tries, 1)


@AFTERMATHS.check()
async def history_incident_and_notice_come_with_an_aftermath(store: Store) -> None:
    store.keep_notices(dict.fromkeys(NoticeType, ("erp",)))
    await failed(store)
    found = only(await claim_due(store))
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
    nothing(await claim_due(store, 99999))


@AFTERMATHS.check()
async def payer_change_is_noted_for_known_customers_and_wakes(store: Store) -> None:
    await failed(store)
    found = only(await claim_due(store))
    await store.save_aftermath(AftermathChange(waiting(found)))
    nothing(await claim_due(store, 9))

    must(await store.note_payer_change(CUSTOMER, at=later(9), told_by="shop"), "it is unknown")
    stranger = store.note_payer_change(CustomerId("nobody"), at=later(9), told_by="shop")
    must(not await stranger, "a customer without a workflow is known")

    woken = only(await claim_due(store, 9))
    same((woken.payer_changed_at, woken.payer_change_told_by), (later(9), "shop"))


@AFTERMATHS.check()
async def payer_change_during_a_lease_is_looked_at_after_it(store: Store) -> None:
    await failed(store)
    found = only(await claim_due(store))
    await store.note_payer_change(CUSTOMER, at=later(3), told_by="shop")
    nothing(await claim_due(store, 4))

    await store.save_aftermath(AftermathChange(waiting(found, updated_at=later(4))))

    same(only(await claim_due(store, 4)).payer_changed_at, later(3))


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
    found = only(await claim_due(store))
    ended = await store.save_aftermath(
        AftermathChange(replace(found, stage=Stage.LEFT, due_at=None, tries=1))
    )

    await store.note_payer_change(CUSTOMER, at=later(9), told_by="shop")

    nothing(await claim_due(store, 99))
    with refused(Broken):
        await store.save_aftermath(AftermathChange(waiting(ended)))


@AFTERMATHS.check()
async def try_that_was_intended_is_never_forgotten(store: Store) -> None:
    await failed(store)
    found = only(await claim_due(store))
    await store.save_aftermath(AftermathChange(waiting(found, tries=1)))

    with refused(Broken):
        await store.save_aftermath(AftermathChange(waiting(found, tries=0)))

    same(only(await store.aftermaths([W1])).tries, 1)


@AFTERMATHS.check()
async def workflow_that_did_not_fail_has_no_aftermath_to_save(store: Store) -> None:
    await failed(store)
    await begun(store, W2, at=later(2))
    found = only(await claim_due(store))

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
    same(sorted([*found, *(each.workflow_id for each in await claim_due(trial.store))]), ids)


@AFTERMATHS.trial()
async def aftermaths_are_there_after_a_start(trial: StoreTrial) -> None:
    await failed(trial.store)
    await failed(trial.store, W2)
    first, _ = exactly(2, await claim_due(trial.store))
    await trial.store.save_aftermath(AftermathChange(waiting(first, tries=1)))
    await trial.store.note_payer_change(CUSTOMER, at=later(1), told_by="shop")
    before = await trial.store.aftermaths([W1, W2])

    again = await trial.reopened()

    same(await again.aftermaths([W1, W2]), before)
