"""How every store keeps what the host application is to be told, and what became of telling it."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from external_gate.domain.errors import BadInput, LeaseLost
from external_gate.domain.host_notice import (
    GIVE_UP_AFTER,
    DeliveryState,
    DueNotice,
    HostNotice,
    KeptHostNotice,
    NoticeFilter,
    NoticeType,
    message_id_of,
)
from external_gate.domain.identifiers import ContractId, CustomerId, WorkflowId
from external_gate.domain.ledger import CUSTOMER_ASKED, HistoryEntry, Incident, IncidentKind
from external_gate.domain.outcome import Pending
from external_gate.domain.workflow import Actor, HeldReason, State
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.shortfall import (
    exactly,
    given,
    must,
    nothing,
    only,
    refused,
    same,
)
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    NOW,
    W1,
    W2,
    begun,
    change,
    charging,
    evidence,
    key_of,
    later,
    paid,
    received,
    told,
)
from external_gate.testkit.store_checks.store_trial import StoreTrial

EVERYTHING = dict.fromkeys(NoticeType, ("erp",))
TWICE = dict.fromkeys(NoticeType, ("erp", "pager"))
URL = "https://pay.example/3ds"

OUTBOX = Area(
    "outbox",
    cure="Write the notices that `host_notice_rules` gives in the transaction of the save itself, "
    "and let every delivery be a row of its own, claimed under a lock.",
)
"""A notice is kept exactly when its move is, and offered until it is taken or its time is over."""


async def _kept(store: Store, **wanted: Any) -> list[KeptHostNotice]:
    return list(reversed(await store.host_notices(NoticeFilter(**wanted))))


async def _released(store: Store, workflow_id: WorkflowId = W1) -> None:
    dossier = await paid(store, workflow_id)
    await store.save(change(dossier, State.RELEASED))


async def _claim(store: Store, seconds: float = 0, endpoint: str = "erp") -> Sequence[DueNotice]:
    return await store.claim_notices(endpoint, now=later(seconds), lease=LEASE, limit=9)


def _data(kept: KeptHostNotice) -> dict[str, Any]:  # Any: parsed JSON
    data: dict[str, Any] = json.loads(kept.body)["data"]
    return data


@OUTBOX.check()
async def nothing_is_told_without_a_subscription(store: Store) -> None:
    await _released(store)
    store.keep_notices({NoticeType.HELD: ("erp",)})
    await _released(store, W2)

    nothing(await _kept(store))
    nothing(await _claim(store))


@OUTBOX.check()
async def release_is_told_with_its_money(store: Store) -> None:
    store.keep_notices(EVERYTHING)
    await _released(store)

    kept = only(await _kept(store))
    same((kept.type, kept.workflow_id, kept.sequence), ("workflow.released", W1, 1))
    same(kept.message_id, message_id_of(kept.body))
    body = json.loads(kept.body)
    same((body["type"], body["timestamp"]), ("workflow.released", "2026-11-22T12:00:00.000Z"))
    same((_data(kept)["charge_id"], _data(kept)["state"]), ("ch_1", "released"))
    delivery = only(kept.deliveries)
    same((delivery.endpoint, delivery.state, delivery.tries), ("erp", DeliveryState.WAITING, 0))
    same(delivery.give_up_at, NOW + GIVE_UP_AFTER)


@OUTBOX.check()
async def save_that_fails_tells_nothing(store: Store) -> None:
    store.keep_notices(EVERYTHING)
    dossier = await paid(store)
    await store.acquire(W1, owner="worker-2", now=later(61), lease=LEASE)

    with refused(LeaseLost):
        await store.save(change(dossier, State.RELEASED))

    nothing(await _kept(store))


@OUTBOX.check()
async def hold_by_the_intake_is_told(store: Store) -> None:
    store.keep_notices(EVERYTHING)
    stale = replace(received(), state=State.HELD, held_reason=HeldReason.STALE, due_at=None)
    await store.record(told(stale))
    await store.record(told(stale))

    kept = only(await _kept(store))
    same((kept.type, _data(kept)["held_reason"]), ("workflow.held", "stale"))


@OUTBOX.check()
async def incidents_of_intake_and_engine_are_told_in_their_order(store: Store) -> None:
    store.keep_notices(EVERYTHING)
    dossier = await charging(store)
    other = received(customer_id=CustomerId("somebody-else"))
    await store.record(told(other, notification_id="n-2", at=later(5)))
    held = replace(dossier.workflow, state=State.HELD, held_reason=HeldReason.PROOF_MISMATCH)
    found = Incident(IncidentKind.PROOF_MISMATCH, later(6), "1400 was taken")
    await store.save(change(dossier, State.HELD, after=held, incidents=(found,)))

    conflict, hold, mismatch = exactly(3, await _kept(store, workflow_id=W1))
    same([conflict.sequence, hold.sequence, mismatch.sequence], [1, 2, 3])
    same(_data(conflict)["incident"], {"kind": "conflicting_notification"})
    same(_data(hold)["held_reason"], "proof_mismatch")
    same(_data(mismatch)["incident"], {"kind": "proof_mismatch"})


@OUTBOX.check()
async def customer_is_asked_at_the_address(store: Store) -> None:
    store.keep_notices(EVERYTHING)
    dossier = await charging(store)
    asks = Pending("ch_1", needs_customer=True, action_url=URL)
    moved = change(dossier, State.PENDING, evidence=((key_of(), evidence(asks)),))
    asked = HistoryEntry(NOW, Actor.ENGINE, CUSTOMER_ASKED)
    await store.save(replace(moved, history=(*moved.history, asked)))

    kept = only(await _kept(store))
    same((kept.type, _data(kept)["action_url"]), ("workflow.pending_action_required", URL))


@OUTBOX.check()
async def each_endpoint_has_a_delivery_of_its_own(store: Store) -> None:
    store.keep_notices(TWICE)
    await _released(store)

    due = only(await _claim(store))
    await store.settle_notice(due, state=DeliveryState.DELIVERED, outcome="204", at=later(1))

    ways = {way.endpoint: way for way in only(await _kept(store)).deliveries}
    same((ways["erp"].state, ways["erp"].outcome), (DeliveryState.DELIVERED, "204"))
    same((ways["erp"].ended_at, ways["erp"].due_at), (later(1), None))
    same((ways["pager"].state, ways["pager"].tries), (DeliveryState.WAITING, 0))
    same(only(await _kept(store, endpoint="pager", state=DeliveryState.WAITING)).sequence, 1)
    nothing(await _kept(store, endpoint="erp", state=DeliveryState.WAITING))


@OUTBOX.check()
async def claimed_notice_is_nobody_elses_until_its_lease_ends(store: Store) -> None:
    store.keep_notices(EVERYTHING)
    await _released(store)

    first = only(await _claim(store))
    nothing(await _claim(store, 59))
    second = only(await _claim(store, 60))

    same((first.tries, second.tries, second.rung), (1, 2, 2))
    same(first.body, second.body)
    late = store.settle_notice(
        first, state=DeliveryState.WAITING, outcome="late", at=later(61), due_at=later(62)
    )
    must(not await late, "a late try was believed")
    nothing(await _claim(store, 100))
    must(
        await store.settle_notice(first, state=DeliveryState.DELIVERED, outcome="", at=later(61)),
        "a late word that it was delivered was lost",
    )
    nothing(await _claim(store, 999))


@OUTBOX.check()
async def notice_that_was_not_taken_is_due_at_its_next_try(store: Store) -> None:
    store.keep_notices(EVERYTHING)
    await _released(store)
    due = only(await _claim(store))

    await store.settle_notice(
        due, state=DeliveryState.WAITING, outcome="503", at=later(1), due_at=later(300)
    )

    nothing(await _claim(store, 299))
    same(only(await _claim(store, 300)).tries, 2)


@OUTBOX.check()
async def dead_notice_is_sent_again_only_by_a_person_and_whole(store: Store) -> None:
    store.keep_notices(EVERYTHING)
    await _released(store)
    due = only(await _claim(store))
    await store.settle_notice(due, state=DeliveryState.DEAD, outcome="gone", at=later(1))
    nothing(await _claim(store, 99999))
    same((await store.counts()).notices_dead, {"erp": 1})

    must(await store.resend_notice(due.number, endpoints=["erp"], at=later(50)), "it is unknown")

    again = only(await _claim(store, 50))
    same((again.body, again.message_id), (due.body, due.message_id))
    same((again.tries, again.rung, again.give_up_at), (2, 1, later(50) + GIVE_UP_AFTER))
    late = store.settle_notice(due, state=DeliveryState.DELIVERED, outcome="", at=later(51))
    must(not await late, "a try from before it was sent again ended it")
    unknown = store.resend_notice(due.number + 1, endpoints=["erp"], at=later(50))
    must(not await unknown, "a notice that nobody wrote was sent again")


@OUTBOX.check()
async def notice_of_an_endpoint_that_is_gone_is_given_up_in_its_time(store: Store) -> None:
    store.keep_notices(TWICE)
    await _released(store)
    number = only(await _kept(store)).number
    over = NOW + GIVE_UP_AFTER

    nothing(await store.bury_notices(configured=["erp"], now=over - timedelta(seconds=1)))
    same(list(await store.bury_notices(configured=["erp"], now=over)), [(number, "pager")])

    counts = await store.counts()
    same((counts.notices_waiting, counts.notices_dead), ({"erp": 1}, {"pager": 1}))
    same(counts.notices_waiting_since, {"erp": NOW})


@OUTBOX.check()
async def notice_without_a_save_is_kept(store: Store) -> None:
    notice = HostNotice(
        NoticeType.THRESHOLD_DISABLED, NOW, CustomerId("customer-1"), ContractId("contract-1")
    )
    await store.put_notice(notice)
    nothing(await _kept(store))
    store.keep_notices(EVERYTHING)
    await begun(store)

    await store.put_notice(notice)
    await store.put_notice(replace(notice, workflow_id=W1))
    with refused(BadInput):
        await store.put_notice(replace(notice, workflow_id=W2))

    alone, linked = exactly(2, await _kept(store))
    same((alone.workflow_id, alone.sequence), (None, 0))
    same((linked.workflow_id, linked.sequence), (W1, 1))


@OUTBOX.check()
async def notices_are_listed_newest_first_and_page_by_page(store: Store) -> None:
    store.keep_notices(EVERYTHING)
    await _released(store)
    await _released(store, W2)

    newest = only(await store.host_notices(NoticeFilter(limit=1)))
    older = only(await store.host_notices(NoticeFilter(before=newest.number)))
    same((newest.workflow_id, older.workflow_id), (W2, W1))
    same(await store.host_notice(older.number), older)
    same(await store.host_notice(newest.number + 1), None)
    same(only(await _kept(store, workflow_id=W1)), older)


@OUTBOX.trial()
async def processes_never_claim_one_notice_at_the_same_moment(trial: StoreTrial) -> None:
    trial.store.keep_notices(EVERYTHING)
    ids = [WorkflowId(f"workflow-{number}") for number in range(6)]
    for workflow_id in ids:
        await _released(trial.store, workflow_id)
    other = await trial.another()

    claims = await asyncio.gather(
        *(
            store.claim_notices("erp", now=NOW, lease=LEASE, limit=3)
            for store in (trial.store, other, trial.store, other)
        )
    )

    numbers = [due.number for claim in claims for due in claim]
    same(len(numbers), len(set(numbers)))
    left = await _claim(trial.store)
    same(len(numbers) + len(left), len(ids))


@OUTBOX.trial()
async def notices_and_their_tries_are_there_after_a_start(trial: StoreTrial) -> None:
    trial.store.keep_notices(EVERYTHING)
    await _released(trial.store)
    only(await _claim(trial.store))
    before = await _kept(trial.store)

    again = await trial.reopened()

    same(await _kept(again), before)
    given(await again.host_notice(before[0].number))
