"""What every store makes of notifications."""

from dataclasses import replace
from decimal import Decimal

import anyio

from external_gate.domain.identifiers import InvoiceId, WorkflowId
from external_gate.domain.ledger import HistoryEntry, IncidentKind
from external_gate.domain.workflow import Actor, HeldReason, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import Receipt
from external_gate.testkit.store_checks.shortfall import given, must, nothing, only, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    NOW,
    W1,
    begun,
    caught_up,
    change,
    charging,
    claimed,
    facts,
    initiate,
    later,
    received,
    told,
)

INTAKE = Area(
    "intake",
    cure="Look the notification up by id, type and digest and the workflow by its id, "
    "compare the facts by `store_rules.differences`, and write all of it in one "
    "transaction; see `Store.record`.",
)
"""P1: what was answered is kept; design §11: what is a duplicate, what a conflict."""


@INTAKE.check()
async def first_notification_begins_its_workflow(store: Store) -> None:
    recorded = await store.record(told(received()))

    same((recorded.receipt, recorded.workflow_id), (Receipt.RECORDED, W1))
    must(not recorded.conflict, "it was told as a conflict")
    dossier = given(await store.dossier(W1))
    same(dossier.workflow, received())
    first = only(await store.history(W1))
    same(
        (first.actor, first.event, first.to_state),
        (
            Actor.INTAKE,
            "recorded",
            State.RECEIVED,
        ),
    )


@INTAKE.check()
async def notification_is_kept_as_it_arrived(store: Store) -> None:
    arrived = told(received(), body=b'{"raw": "\xff\x00"}', at=later(5))

    recorded = await store.record(arrived)

    kept = given(await store.notification(recorded.number))
    same(
        (kept.notification_id, kept.type, kept.digest, kept.body),
        (
            arrived.notification_id,
            arrived.type,
            arrived.digest,
            arrived.body,
        ),
    )
    same((kept.signed_at, kept.received_at), (later(5), later(5)))
    same((kept.deliveries, kept.flaw, kept.workflow_id), (1, None, W1))


@INTAKE.check()
async def total_keeps_every_digit(store: Store) -> None:
    exact = Decimal("1234567890123456789.123456789012345678900")

    await begun(store, total=exact)

    read = given(await store.facts(W1))
    same(read, facts(total=exact))
    same(str(read.total), str(exact))


@INTAKE.check()
async def repeated_delivery_is_counted_and_begins_nothing(store: Store) -> None:
    first = await store.record(told(received()))

    again = await store.record(told(received(), at=later(60)))

    same(
        (again.receipt, again.number, again.workflow_id),
        (
            Receipt.DUPLICATE,
            first.number,
            W1,
        ),
    )
    kept = given(await store.notification(first.number))
    same((kept.deliveries, kept.received_at), (2, NOW))
    same(len(await store.history(W1)), 1)


@INTAKE.check()
async def equal_facts_under_another_id_are_a_duplicate_and_kept(store: Store) -> None:
    first = await store.record(told(received()))
    spelled_otherwise = received(total=Decimal("1500.00"), currency="USD (cents)")

    again = await store.record(told(spelled_otherwise, notification_id="n-2"))

    same(again.receipt, Receipt.DUPLICATE)
    must(again.number != first.number, "the second delivery was not kept under its own number")
    kept = given(await store.notification(again.number))
    same(kept.workflow_id, W1)


@INTAKE.check()
async def same_id_with_another_body_is_a_new_record(store: Store) -> None:
    await store.record(told(received(), body=b"1"))
    other = received(WorkflowId("another"))

    recorded = await store.record(told(other, body=b"2"))

    same(recorded.receipt, Receipt.RECORDED)
    given(await store.dossier(WorkflowId("another")))


@INTAKE.check()
async def other_facts_hold_a_workflow_that_was_never_sent(store: Store) -> None:
    await begun(store, at=later(100))
    other = received(total=Decimal(2500), at=later(200))

    recorded = await store.record(told(other, notification_id="n-2", at=later(50)))

    same((recorded.receipt, recorded.conflict), (Receipt.RECORDED, True))
    dossier = given(await store.dossier(W1))
    same(dossier.workflow.hold_wanted, HeldReason.CONFLICTING)
    detail = dossier.workflow.hold_wanted_detail
    must("2500" in detail, f"{detail!r} does not tell the other total")
    same(dossier.workflow.facts.total, Decimal(1500))
    nothing(await store.incidents(W1))
    due = await store.claim(owner="w", now=later(50), lease=LEASE, limit=9)
    same([d.workflow.workflow_id for d in due], [W1])


@INTAKE.check()
async def other_facts_do_not_take_a_workflow_from_its_worker(store: Store) -> None:
    await begun(store)
    holder = await claimed(store)

    await store.record(told(received(total=Decimal(1)), notification_id="n-2", at=later(1)))

    nothing(await store.claim(owner="thief", now=later(59), lease=LEASE, limit=9))
    again = only(await store.claim(owner="next", now=later(60), lease=LEASE, limit=9))
    same(again.workflow.fence, holder.workflow.fence + 1)
    same(again.workflow.hold_wanted, HeldReason.CONFLICTING)


@INTAKE.check()
async def other_facts_after_a_send_are_an_incident(store: Store) -> None:
    await charging(store)
    other = received(invoice_id=InvoiceId("another-invoice"))

    recorded = await store.record(told(other, notification_id="n-2", at=later(9)))

    same((recorded.receipt, recorded.conflict), (Receipt.RECORDED, True))
    incident = only(await store.incidents(W1))
    same((incident.kind, incident.at), (IncidentKind.CONFLICTING_NOTIFICATION, later(9)))
    told_of = "another-invoice" in incident.detail
    must(told_of, f"{incident.detail!r} does not tell the other invoice")
    dossier = given(await store.dossier(W1))
    same(dossier.workflow.hold_wanted, None)
    last = (await store.history(W1))[-1]
    same(
        (last.event, last.facts["notification"]),
        (
            "conflicting_notification",
            str(recorded.number),
        ),
    )


@INTAKE.check()
async def other_facts_after_a_send_that_failed_are_an_incident(store: Store) -> None:
    dossier = await charging(store)
    await store.save(change(dossier, State.READY, give_back=True))  # a re-send is owed

    await store.record(told(received(total=Decimal(1)), notification_id="n-2"))

    same(len(await store.incidents(W1)), 1)


@INTAKE.check()
async def conflict_that_is_delivered_again_is_one_incident(store: Store) -> None:
    await charging(store)
    other = told(received(total=Decimal(1)), notification_id="n-2")
    await store.record(other)

    again = await store.record(other)

    same((again.receipt, again.conflict), (Receipt.DUPLICATE, False))
    same(len(await store.incidents(W1)), 1)


@INTAKE.check()
async def conflict_leaves_a_hold_that_was_asked_for_before(store: Store) -> None:
    await begun(store)
    entry = HistoryEntry(NOW, Actor.PERSON, "hold_asked_for")
    await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="wait", entry=entry)

    await store.record(told(received(total=Decimal(1)), notification_id="n-2"))

    dossier = given(await store.dossier(W1))
    same(dossier.workflow.hold_wanted, HeldReason.OPERATOR)
    same(dossier.workflow.hold_wanted_detail, "wait")


@INTAKE.check()
async def other_facts_for_a_held_workflow_are_an_incident(store: Store) -> None:
    held = replace(
        received(total=None), state=State.HELD, held_reason=HeldReason.MISSHAPEN, due_at=None
    )
    await store.record(told(held, flaw="no total"))

    recorded = await store.record(told(received(), notification_id="n-2"))

    must(recorded.conflict, "it was not told as a conflict")
    same(len(await store.incidents(W1)), 1)
    same((await store.history(W1))[0].reason, "misshapen_notification")


@INTAKE.check()
async def what_does_not_concern_us_is_kept_and_ignored_every_time(store: Store) -> None:
    test = told(None, type="webhooks.test", concerns_us=False)

    receipts = [(await store.record(test)).receipt for _ in range(2)]

    same(receipts, [Receipt.IGNORED, Receipt.IGNORED])
    kept = only(await store.notifications(limit=9))
    same((kept.type, kept.deliveries, kept.workflow_id), ("webhooks.test", 2, None))


@INTAKE.check()
async def misunderstood_notification_is_kept_with_its_flaw(store: Store) -> None:
    recorded = await store.record(told(None, flaw="not JSON"))

    same((recorded.receipt, recorded.workflow_id), (Receipt.RECORDED, None))
    kept = given(await store.notification(recorded.number))
    same(kept.flaw, "not JSON")


@INTAKE.check()
async def all_of_many_at_once_are_recorded(store: Store) -> None:
    ids = [WorkflowId(f"w-{number}") for number in range(50)]

    async with anyio.create_task_group() as tasks:
        for workflow_id in ids * 2:  # each of them twice, at the same moment
            tasks.start_soon(begun, store, workflow_id)
    same(list(await caught_up(store, map(initiate, ids))), [])

    kept = await store.notifications(limit=200)
    same(sorted(n.workflow_id or "" for n in kept), sorted(ids))
    same([n.deliveries for n in kept], [2] * 50)
