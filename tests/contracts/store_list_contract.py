"""What every store lists, counts and marks."""

from dataclasses import replace

from external_gate.domain.charge import Payer
from external_gate.domain.clock import MILLISECOND
from external_gate.domain.identifiers import CustomerId, WorkflowId
from external_gate.domain.ledger import Incident, IncidentKind
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import WorkflowFilter
from tests.contracts.store_samples import (
    NOW,
    W1,
    W2,
    W3,
    begun,
    change,
    charging,
    claimed,
    facts,
    later,
    paid,
    received,
    told,
)


async def _listed(store: Store, wanted: WorkflowFilter) -> list[WorkflowId]:
    return [workflow.workflow_id for workflow in await store.workflows(wanted)]


async def _hold(store: Store, workflow_id: WorkflowId, reason: HeldReason) -> None:
    dossier = await claimed(store, workflow_id)
    held = replace(dossier.workflow, state=State.HELD, held_reason=reason)
    await store.save(change(dossier, State.HELD, after=held))


class ListContract:
    """What people and metrics see."""

    async def test_workflows_are_listed_newest_first_page_by_page(self, store: Store) -> None:
        arrivals = [("a", 1), ("b", 2), ("c", 2), ("d", 2), ("e", 3)]
        for name, seconds in arrivals:
            await begun(store, WorkflowId(name), at=later(seconds))

        pages = []
        wanted = WorkflowFilter(limit=2)
        for _ in range(3):
            page = await store.workflows(wanted)
            pages.append([workflow.workflow_id for workflow in page])
            wanted = replace(wanted, before=(page[-1].received_at, page[-1].workflow_id))

        assert pages == [["e", "d"], ["c", "b"], ["a"]]
        assert list(await store.workflows(wanted)) == []

    async def test_every_filter_narrows(self, store: Store) -> None:
        await begun(store, W1, at=later(1), customer_id=CustomerId("other"))
        await begun(store, W2, at=later(2))
        await _hold(store, W2, HeldReason.NO_PAYER)
        await store.save(change(await paid(store, W3), State.RELEASED))

        held = frozenset({HeldReason.NO_PAYER})
        assert await _listed(store, WorkflowFilter()) == [W2, W1, W3]
        received_or_ended = frozenset({State.RECEIVED, State.RELEASED})
        assert await _listed(store, WorkflowFilter(states=received_or_ended)) == [W1, W3]
        assert await _listed(store, WorkflowFilter(states=frozenset({State.HELD}))) == [W2]
        assert await _listed(store, WorkflowFilter(held_reasons=held)) == [W2]
        assert await _listed(store, WorkflowFilter(customer_id=CustomerId("other"))) == [W1]
        assert await _listed(store, WorkflowFilter(since=later(1))) == [W2, W1]
        both = WorkflowFilter(held_reasons=held, customer_id=CustomerId("other"))
        assert await _listed(store, both) == []

    async def test_workflows_with_incidents_are_listed_once(self, store: Store) -> None:
        await begun(store, W1)
        await begun(store, W2)
        incident = Incident(IncidentKind.REVERSED, NOW, "money went back")
        dossier = await claimed(store, W2)
        await store.save(change(dossier, incidents=(incident, incident)))

        assert await _listed(store, WorkflowFilter(with_incidents=True)) == [W2]

    async def test_counts_are_of_unfinished_workflows_and_all_incidents(self, store: Store) -> None:
        await begun(store, W1, at=later(5))
        await begun(store, W2, at=later(7))
        await begun(store, WorkflowId("w-4"), at=later(9))
        await begun(store, WorkflowId("w-5"), at=later(8))
        await _hold(store, WorkflowId("w-4"), HeldReason.NO_PAYER)
        await _hold(store, WorkflowId("w-5"), HeldReason.GUARD)
        incident = Incident(IncidentKind.REVERSED, NOW, "")
        ended = change(await paid(store, W3), State.RELEASED, incidents=(incident,))
        await store.save(ended)

        counts = await store.counts()

        assert counts.by_state == {State.RECEIVED: 2, State.HELD: 2}
        assert counts.oldest_by_state == {State.RECEIVED: later(5), State.HELD: later(8)}
        assert counts.held == {HeldReason.NO_PAYER: 1, HeldReason.GUARD: 1}
        assert counts.incidents == {IncidentKind.REVERSED: 1}

    async def test_notifications_are_listed_newest_first_page_by_page(self, store: Store) -> None:
        for name in "abc":
            flaw = "no id" if name == "b" else None
            await store.record(told(None, notification_id=name, flaw=flaw))

        newest, middle = await store.notifications(limit=2)
        (oldest,) = await store.notifications(limit=2, before=middle.number)
        flawed = await store.notifications(limit=9, flawed=True)

        assert [n.notification_id for n in (newest, middle, oldest)] == ["c", "b", "a"]
        assert list(flawed) == [middle]
        assert await store.notifications(limit=9, before=middle.number, flawed=True) == []

    async def test_what_is_unknown_is_none(self, store: Store) -> None:
        assert await store.dossier(W1) is None
        assert await store.facts(W1) is None
        assert await store.notification(1) is None
        assert await store.payer(CustomerId("nobody")) is None
        assert list(await store.history(W1)) == []
        assert list(await store.incidents(W1)) == []

    async def test_facts_are_those_of_the_first_notification(self, store: Store) -> None:
        await begun(store)
        await store.record(told(received(currency="EUR"), notification_id="n-2"))

        assert await store.facts(W1) == facts()

    async def test_payers_are_set_listed_and_removed(self, store: Store) -> None:
        a, b, c = (CustomerId(name) for name in "abc")
        first = Payer("cus_1", "pm_1", "stripe")
        second = Payer("cus_2", "", None)
        await store.put_payers({c: first, a: first, b: first})

        await store.put_payers({b: second})

        assert await store.payer(b) == second
        assert list(await store.payers(limit=2)) == [(a, first), (b, second)]
        assert list(await store.payers(limit=2, after=b)) == [(c, first)]
        assert await store.remove_payer(c)
        assert not await store.remove_payer(c)


class MarkContract:
    """Time never runs backwards, and a restored database says so to every workflow."""

    async def test_high_water_mark_rises_with_every_beat(self, store: Store) -> None:
        marks = [await store.heartbeat(later(seconds)) for seconds in (5, 3, 6)]

        assert marks == [later(5), later(5) + MILLISECOND, later(6)]

    async def test_restored_database_marks_what_is_unfinished(self, store: Store) -> None:
        await charging(store, W1)
        await begun(store, W2)
        await store.save(change(await paid(store, W3), State.RELEASED))

        count = await store.mark_restored(later(99))

        assert count == 2
        for workflow_id, mark in ((W1, later(99)), (W2, later(99)), (W3, None)):
            dossier = await store.dossier(workflow_id)
            assert dossier is not None
            assert dossier.workflow.restored_at == mark
        assert (await store.history(W1))[-1].event == "older_copy_found"

    async def test_notification_that_the_lost_life_may_have_seen_is_marked_as_well(
        self, store: Store
    ) -> None:
        await store.mark_restored(later(50))

        await begun(store, W1, at=later(50))
        await begun(store, W2, at=later(50 + 77 * 3600))

        old, new = await store.dossier(W1), await store.dossier(W2)
        assert old is not None
        assert new is not None
        assert (old.workflow.restored_at, new.workflow.restored_at) == (later(50), None)
