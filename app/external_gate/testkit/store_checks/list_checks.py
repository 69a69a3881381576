"""What every store lists, counts and marks."""

from dataclasses import replace

from external_gate.domain.charge import Payer
from external_gate.domain.clock import MILLISECOND
from external_gate.domain.identifiers import CustomerId, WorkflowId
from external_gate.domain.ledger import Incident, IncidentKind
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import WorkflowFilter
from external_gate.testkit.store_checks.shortfall import exactly, given, nothing, only, same, some
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
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


LISTS = Area(
    "lists",
    cure="Sort and cut in the database, newest first, and give back exactly what was written.",
)
"""What people and metrics see."""


@LISTS.check()
async def workflows_are_listed_newest_first_page_by_page(store: Store) -> None:
    arrivals = [("a", 1), ("b", 2), ("c", 2), ("d", 2), ("e", 3)]
    for name, seconds in arrivals:
        await begun(store, WorkflowId(name), at=later(seconds))

    pages = []
    wanted = WorkflowFilter(limit=2)
    for _ in range(3):
        page = await store.workflows(wanted)
        pages.append([workflow.workflow_id for workflow in page])
        wanted = replace(wanted, before=(page[-1].received_at, page[-1].workflow_id))

    same(pages, [["e", "d"], ["c", "b"], ["a"]])
    same(list(await store.workflows(wanted)), [])


@LISTS.check()
async def every_filter_narrows(store: Store) -> None:
    await begun(store, W1, at=later(1), customer_id=CustomerId("other"))
    await begun(store, W2, at=later(2))
    await _hold(store, W2, HeldReason.NO_PAYER)
    await store.save(change(await paid(store, W3), State.RELEASED))

    held = frozenset({HeldReason.NO_PAYER})
    same(await _listed(store, WorkflowFilter()), [W2, W1, W3])
    received_or_ended = frozenset({State.RECEIVED, State.RELEASED})
    same(await _listed(store, WorkflowFilter(states=received_or_ended)), [W1, W3])
    same(await _listed(store, WorkflowFilter(states=frozenset({State.HELD}))), [W2])
    same(await _listed(store, WorkflowFilter(held_reasons=held)), [W2])
    same(await _listed(store, WorkflowFilter(customer_id=CustomerId("other"))), [W1])
    same(await _listed(store, WorkflowFilter(since=later(1))), [W2, W1])
    both = WorkflowFilter(held_reasons=held, customer_id=CustomerId("other"))
    nothing(await _listed(store, both))


@LISTS.check()
async def workflows_with_incidents_are_listed_once(store: Store) -> None:
    await begun(store, W1)
    await begun(store, W2)
    incident = Incident(IncidentKind.REVERSED, NOW, "money went back")
    dossier = await claimed(store, W2)
    await store.save(change(dossier, incidents=(incident, incident)))

    same(await _listed(store, WorkflowFilter(with_incidents=True)), [W2])


@LISTS.check()
async def counts_are_of_unfinished_workflows_and_all_incidents(store: Store) -> None:
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

    same(counts.by_state, {State.RECEIVED: 2, State.HELD: 2})
    same(counts.oldest_by_state, {State.RECEIVED: later(5), State.HELD: later(8)})
    same(counts.held, {HeldReason.NO_PAYER: 1, HeldReason.GUARD: 1})
    same(counts.incidents, {IncidentKind.REVERSED: 1})


@LISTS.check()
async def notifications_are_listed_newest_first_page_by_page(store: Store) -> None:
    for name in "abc":
        flaw = "no id" if name == "b" else None
        await store.record(told(None, notification_id=name, flaw=flaw))

    newest, middle = exactly(2, await store.notifications(limit=2))
    oldest = only(await store.notifications(limit=2, before=middle.number))
    flawed = await store.notifications(limit=9, flawed=True)

    same([n.notification_id for n in (newest, middle, oldest)], ["c", "b", "a"])
    same(list(flawed), [middle])
    nothing(await store.notifications(limit=9, before=middle.number, flawed=True))


@LISTS.check()
async def what_is_unknown_is_none(store: Store) -> None:
    same(await store.dossier(W1), None)
    same(await store.facts(W1), None)
    same(await store.notification(1), None)
    same(await store.payer(CustomerId("nobody")), None)
    same(list(await store.history(W1)), [])
    same(list(await store.incidents(W1)), [])


@LISTS.check()
async def facts_are_those_of_the_first_notification(store: Store) -> None:
    await begun(store)
    await store.record(told(received(currency="EUR"), notification_id="n-2"))

    same(await store.facts(W1), facts())


@LISTS.check()
async def payers_are_set_listed_and_removed(store: Store) -> None:
    a, b, c = (CustomerId(name) for name in "abc")
    first = Payer("cus_1", "pm_1", "stripe")
    second = Payer("cus_2", "", None)
    await store.put_payers({c: first, a: first, b: first})

    await store.put_payers({b: second})

    same(await store.payer(b), second)
    same(list(await store.payers(limit=2)), [(a, first), (b, second)])
    same(list(await store.payers(limit=2, after=b)), [(c, first)])
    some(await store.remove_payer(c))
    nothing(await store.remove_payer(c))


MARKS = Area(
    "marks",
    cure="Raise the mark in one statement, and mark every unfinished workflow in one transaction.",
)
"""Time never runs backwards, and a restored database says so to every workflow."""


@MARKS.check()
async def high_water_mark_rises_with_every_beat(store: Store) -> None:
    marks = [await store.heartbeat(later(seconds)) for seconds in (5, 3, 6)]

    same(marks, [later(5), later(5) + MILLISECOND, later(6)])


@MARKS.check()
async def restored_database_marks_what_is_unfinished(store: Store) -> None:
    await charging(store, W1)
    await begun(store, W2)
    await store.save(change(await paid(store, W3), State.RELEASED))

    count = await store.mark_restored(later(99))

    same(count, 2)
    for workflow_id, mark in ((W1, later(99)), (W2, later(99)), (W3, None)):
        dossier = given(await store.dossier(workflow_id))
        same(dossier.workflow.restored_at, mark)
    same((await store.history(W1))[-1].event, "older_copy_found")


@MARKS.check()
async def notification_that_the_lost_life_may_have_seen_is_marked_as_well(store: Store) -> None:
    await store.mark_restored(later(50))

    await begun(store, W1, at=later(50))
    await begun(store, W2, at=later(50 + 77 * 3600))

    old, new = await store.dossier(W1), await store.dossier(W2)
    old = given(old)
    new = given(new)
    same((old.workflow.restored_at, new.workflow.restored_at), (later(50), None))
