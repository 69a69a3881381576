"""What every store makes of notifications."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from external_gate.domain.errors import BadInput
from external_gate.domain.identifiers import InvoiceId, WorkflowId
from external_gate.domain.ledger import HistoryEntry, IncidentKind
from external_gate.domain.workflow import Actor, HeldReason, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import Receipt
from tests.contracts.store_samples import (
    LEASE,
    NOW,
    W1,
    begun,
    change,
    charging,
    claimed,
    facts,
    later,
    received,
    told,
)


class IntakeContract:
    """P1: what was answered is kept; design §11: what is a duplicate, what a conflict."""

    async def test_first_notification_begins_its_workflow(self, store: Store) -> None:
        recorded = await store.record(told(received()))

        assert (recorded.receipt, recorded.workflow_id) == (Receipt.RECORDED, W1)
        assert not recorded.conflict
        dossier = await store.dossier(W1)
        assert dossier is not None
        assert dossier.workflow == received()
        (first,) = await store.history(W1)
        assert (first.actor, first.event, first.to_state) == (
            Actor.INTAKE,
            "recorded",
            State.RECEIVED,
        )

    async def test_notification_is_kept_as_it_arrived(self, store: Store) -> None:
        arrived = told(received(), body=b'{"raw": "\xff\x00"}', at=later(5))

        recorded = await store.record(arrived)

        kept = await store.notification(recorded.number)
        assert kept is not None
        assert (kept.notification_id, kept.type, kept.digest, kept.body) == (
            arrived.notification_id,
            arrived.type,
            arrived.digest,
            arrived.body,
        )
        assert (kept.signed_at, kept.received_at) == (later(5), later(5))
        assert (kept.deliveries, kept.flaw, kept.workflow_id) == (1, None, W1)

    async def test_total_keeps_every_digit(self, store: Store) -> None:
        exact = Decimal("1234567890123456789.123456789012345678900")

        await begun(store, total=exact)

        read = await store.facts(W1)
        assert read == facts(total=exact)
        assert str(read.total) == str(exact)

    async def test_repeated_delivery_is_counted_and_begins_nothing(self, store: Store) -> None:
        first = await store.record(told(received()))

        again = await store.record(told(received(), at=later(60)))

        assert (again.receipt, again.number, again.workflow_id) == (
            Receipt.DUPLICATE,
            first.number,
            W1,
        )
        kept = await store.notification(first.number)
        assert kept is not None
        assert (kept.deliveries, kept.received_at) == (2, NOW)
        assert len(await store.history(W1)) == 1

    async def test_equal_facts_under_another_id_are_a_duplicate_and_kept(
        self, store: Store
    ) -> None:
        first = await store.record(told(received()))
        spelled_otherwise = received(total=Decimal("1500.00"), currency="USD (cents)")

        again = await store.record(told(spelled_otherwise, notification_id="n-2"))

        assert again.receipt is Receipt.DUPLICATE
        assert again.number != first.number
        kept = await store.notification(again.number)
        assert kept is not None
        assert kept.workflow_id == W1

    async def test_same_id_with_another_body_is_a_new_record(self, store: Store) -> None:
        await store.record(told(received(), body=b"1"))
        other = received(WorkflowId("another"))

        recorded = await store.record(told(other, body=b"2"))

        assert recorded.receipt is Receipt.RECORDED
        assert await store.dossier(WorkflowId("another")) is not None

    async def test_other_facts_hold_a_workflow_that_was_never_sent(self, store: Store) -> None:
        await begun(store, at=later(100))
        other = received(total=Decimal(2500), at=later(200))

        recorded = await store.record(told(other, notification_id="n-2", at=later(50)))

        assert (recorded.receipt, recorded.conflict) == (Receipt.RECORDED, True)
        dossier = await store.dossier(W1)
        assert dossier is not None
        assert dossier.workflow.hold_wanted is HeldReason.CONFLICTING
        assert "2500" in dossier.workflow.hold_wanted_detail
        assert dossier.workflow.facts.total == Decimal(1500)
        assert await store.incidents(W1) == []
        due = await store.claim(owner="w", now=later(50), lease=LEASE, limit=9)
        assert [d.workflow.workflow_id for d in due] == [W1]

    async def test_other_facts_do_not_take_a_workflow_from_its_worker(self, store: Store) -> None:
        await begun(store)
        holder = await claimed(store)

        await store.record(told(received(total=Decimal(1)), notification_id="n-2", at=later(1)))

        assert not await store.claim(owner="thief", now=later(59), lease=LEASE, limit=9)
        (again,) = await store.claim(owner="next", now=later(60), lease=LEASE, limit=9)
        assert again.workflow.fence == holder.workflow.fence + 1
        assert again.workflow.hold_wanted is HeldReason.CONFLICTING

    async def test_other_facts_after_a_send_are_an_incident(self, store: Store) -> None:
        await charging(store)
        other = received(invoice_id=InvoiceId("another-invoice"))

        recorded = await store.record(told(other, notification_id="n-2", at=later(9)))

        assert (recorded.receipt, recorded.conflict) == (Receipt.RECORDED, True)
        (incident,) = await store.incidents(W1)
        assert (incident.kind, incident.at) == (IncidentKind.CONFLICTING_NOTIFICATION, later(9))
        assert "another-invoice" in incident.detail
        dossier = await store.dossier(W1)
        assert dossier is not None
        assert dossier.workflow.hold_wanted is None
        last = (await store.history(W1))[-1]
        assert (last.event, last.facts["notification"]) == (
            "conflicting_notification",
            str(recorded.number),
        )

    async def test_other_facts_after_a_send_that_failed_are_an_incident(self, store: Store) -> None:
        dossier = await charging(store)
        await store.save(change(dossier, State.READY, give_back=True))  # a re-send is owed

        await store.record(told(received(total=Decimal(1)), notification_id="n-2"))

        assert len(await store.incidents(W1)) == 1

    async def test_conflict_that_is_delivered_again_is_one_incident(self, store: Store) -> None:
        await charging(store)
        other = told(received(total=Decimal(1)), notification_id="n-2")
        await store.record(other)

        again = await store.record(other)

        assert (again.receipt, again.conflict) == (Receipt.DUPLICATE, False)
        assert len(await store.incidents(W1)) == 1

    async def test_conflict_leaves_a_hold_that_was_asked_for_before(self, store: Store) -> None:
        await begun(store)
        entry = HistoryEntry(NOW, Actor.PERSON, "hold_asked_for")
        await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="wait", entry=entry)

        await store.record(told(received(total=Decimal(1)), notification_id="n-2"))

        dossier = await store.dossier(W1)
        assert dossier is not None
        assert dossier.workflow.hold_wanted is HeldReason.OPERATOR
        assert dossier.workflow.hold_wanted_detail == "wait"

    async def test_other_facts_for_a_held_workflow_are_an_incident(self, store: Store) -> None:
        held = replace(
            received(total=None), state=State.HELD, held_reason=HeldReason.MISSHAPEN, due_at=None
        )
        await store.record(told(held, flaw="no total"))

        recorded = await store.record(told(received(), notification_id="n-2"))

        assert recorded.conflict
        assert len(await store.incidents(W1)) == 1
        assert (await store.history(W1))[0].reason == "misshapen_notification"

    async def test_what_does_not_concern_us_is_kept_and_ignored_every_time(
        self, store: Store
    ) -> None:
        test = told(None, type="webhooks.test", concerns_us=False)

        receipts = [(await store.record(test)).receipt for _ in range(2)]

        assert receipts == [Receipt.IGNORED, Receipt.IGNORED]
        (kept,) = await store.notifications(limit=9)
        assert (kept.type, kept.deliveries, kept.workflow_id) == ("webhooks.test", 2, None)

    async def test_misunderstood_notification_is_kept_with_its_flaw(self, store: Store) -> None:
        recorded = await store.record(told(None, flaw="not JSON"))

        assert (recorded.receipt, recorded.workflow_id) == (Receipt.RECORDED, None)
        kept = await store.notification(recorded.number)
        assert kept is not None
        assert kept.flaw == "not JSON"

    async def test_replay_begins_a_workflow_from_a_kept_notification(self, store: Store) -> None:
        kept = await store.record(told(None, flaw="a field of a newer version"))

        recorded = await store.begin(kept.number, received(at=later(60)))

        assert (recorded.receipt, recorded.number, recorded.workflow_id) == (
            Receipt.RECORDED,
            kept.number,
            W1,
        )
        named = await store.notification(kept.number)
        assert named is not None
        assert named.workflow_id == W1

    async def test_replay_of_a_known_workflow_follows_the_same_rules(self, store: Store) -> None:
        kept = await store.record(told(received()))

        same = await store.begin(kept.number, received())
        other = await store.begin(kept.number, received(total=Decimal(1)))

        assert (same.receipt, same.conflict) == (Receipt.DUPLICATE, False)
        assert (other.receipt, other.conflict) == (Receipt.RECORDED, True)

    async def test_replay_of_an_unknown_notification_is_refused(self, store: Store) -> None:
        with pytest.raises(BadInput, match="notification 77"):
            await store.begin(77, received())

        assert await store.dossier(W1) is None

    async def test_all_of_many_at_once_are_recorded(self, store: Store) -> None:
        ids = [WorkflowId(f"w-{number}") for number in range(50)]

        async with anyio.create_task_group() as tasks:
            for workflow_id in ids * 2:  # each of them twice, at the same moment
                tasks.start_soon(begun, store, workflow_id)

        kept = await store.notifications(limit=200)
        assert sorted(n.workflow_id or "" for n in kept) == sorted(ids)
        assert [n.deliveries for n in kept] == [2] * 50
