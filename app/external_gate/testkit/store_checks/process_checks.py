"""Two processes on one database: neither takes, repeats or overwrites what is the other's."""

import asyncio
from collections.abc import Awaitable

from external_gate.domain.errors import LeaseLost, Unavailable
from external_gate.domain.identifiers import InvoiceId, WorkflowId
from external_gate.domain.ledger import Allow, Asked, Defer, GuardVerdict, HistoryEntry, Ledger
from external_gate.domain.workflow import Actor, HeldReason, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import GuardSpoke, HoldWanted, UnreadEvidence
from external_gate.testkit.store_checks.notice_checks import TAKEN, notice, pending
from external_gate.testkit.store_checks.shortfall import given, must, only, refused, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    DECLINE,
    LEASE,
    NOW,
    PRICE,
    SUCCESS,
    W1,
    W2,
    attempt,
    begun,
    caught_up,
    change,
    charging,
    claimed,
    initiate,
    key_of,
    later,
    received,
    told,
)
from external_gate.testkit.store_checks.store_trial import StoreTrial

PROCESSES = Area(
    "processes",
    cure="Decide in the database, in one transaction that locks what it reads: another process "
    "works on the same rows at the same moment.",
)

SHARED = InvoiceId("one-invoice")
MANY = 20


@PROCESSES.trial(
    cure="Pick, skip what others have locked, and write fence, owner and lease in one statement "
    "(FOR UPDATE SKIP LOCKED), or let one process at a time write at all."
)
async def two_processes_never_claim_the_same_workflow(trial: StoreTrial) -> None:
    for number in range(MANY):
        await begun(trial.store, WorkflowId(f"w-{number:02}"))
    other = await trial.another()
    taken: list[WorkflowId] = []

    async def take(store: Store) -> None:
        for _ in range(MANY // 2):
            found = await store.claim(owner="w", now=later(1), lease=LEASE, limit=3)
            taken.extend(dossier.workflow.workflow_id for dossier in found)

    await asyncio.gather(take(trial.store), take(other))

    twice = sorted({one for one in taken if taken.count(one) > 1})
    must(not twice, f"{len(twice)} workflows were leased by two processes: {', '.join(twice[:3])}")
    same(len(taken), MANY)


@PROCESSES.trial(
    cure="Take an entry out of the inbox in the transaction that records it, and record it only if "
    "it was still there."
)
async def what_a_rush_leaves_is_recorded_once_by_two_processes(trial: StoreTrial) -> None:
    brought = [initiate(WorkflowId(f"w-{number:02}")) for number in range(MANY)]
    other = await trial.another()
    await asyncio.gather(*map(trial.store.record, brought))

    await asyncio.gather(caught_up(trial.store, brought), caught_up(other, brought))

    # Not what either saw at its own end: the other may have been about to commit the last entry.
    same([list(await store.inbox(after=0, limit=MANY)) for store in (trial.store, other)], [[], []])
    kept = await other.notifications(limit=2 * MANY)
    same([one.deliveries for one in kept], [1] * MANY)


@PROCESSES.trial()
async def lease_of_one_process_is_a_lease_to_the_other(trial: StoreTrial) -> None:
    other = await trial.another()
    await begun(trial.store)
    await claimed(trial.store)

    same(list(await other.claim(owner="w", now=later(59), lease=LEASE, limit=9)), [])
    with refused(LeaseLost, W1):
        await claimed(other, now=later(59))
    same((await claimed(other, now=later(60))).workflow.fence, 2)


@PROCESSES.trial(
    cure="Compare the fence in the transaction that saves, not before it and not in memory."
)
async def process_that_lost_its_lease_saves_nothing_but_evidence(trial: StoreTrial) -> None:
    other = await trial.another()
    late = await charging(trial.store)
    await claimed(other, now=later(60))

    with refused(LeaseLost):
        await trial.store.save(change(late, State.PAID, evidence=((key_of(), SUCCESS),)))

    read = given(await other.dossier(W1))
    same(read.workflow.state, State.CHARGING)
    same([piece.answer for piece in read.attempts[0].evidence], [SUCCESS.answer])


@PROCESSES.trial(
    cure="Look for newer evidence in the transaction that saves; what another process wrote since "
    "the decision was read must refuse it."
)
async def evidence_of_another_process_is_read_before_anything_is_decided(trial: StoreTrial) -> None:
    other = await trial.another()
    dossier = await charging(trial.store)
    await other.append_evidence(key_of(), [SUCCESS])
    declined = ((key_of(), DECLINE),)

    with refused(UnreadEvidence):
        await trial.store.save(change(dossier, State.DECLINED, evidence=declined))

    read = given(await other.dossier(W1))
    same(read.workflow.state, State.CHARGING)
    same(len(read.attempts[0].evidence), 2)


@PROCESSES.trial()
async def hold_that_another_process_asks_for_stops_the_charge(trial: StoreTrial) -> None:
    other = await trial.another()
    await begun(trial.store)
    dossier = await claimed(trial.store)
    entry = HistoryEntry(later(1), Actor.PERSON, "hold_asked_for")
    await other.want_hold(W1, reason=HeldReason.OPERATOR, detail="", entry=entry)

    with refused(HoldWanted):
        await trial.store.save(change(dossier, State.READY, State.CHARGING, attempts=(attempt(),)))


@PROCESSES.trial(
    cure="Ask the guards in the transaction that saves, with the invoice locked until it commits: "
    "two that both read 'free' would both charge."
)
async def one_invoice_is_never_charged_for_two_workflows_at_once(trial: StoreTrial) -> None:
    other = await trial.another()

    async def charge(store: Store, workflow_id: WorkflowId) -> None:
        await begun(store, workflow_id, invoice_id=SHARED)
        dossier = await claimed(store, workflow_id)
        sent = (attempt(workflow_id),)
        await store.save(change(dossier, State.READY, State.CHARGING, attempts=sent, judge=_once))

    ends = await asyncio.gather(charge(trial.store, W1), charge(other, W2), return_exceptions=True)

    states = [given(await trial.store.dossier(one)).workflow.state for one in (W1, W2)]
    must(states.count(State.CHARGING) < 2, "both workflows of one invoice are being charged")
    must(State.CHARGING in states, f"neither could be charged: {ends}")
    failed = [end for end in ends if isinstance(end, BaseException)]
    fair = all(isinstance(end, GuardSpoke | Unavailable) for end in failed)
    must(fair, f"the second was refused by {failed}; wanted was GuardSpoke")


@PROCESSES.trial(
    cure="Ask the guards in the transaction that saves, with the customer locked until it commits: "
    "two that both read the same sum would both be within the cap."
)
async def one_customer_is_never_charged_above_a_cap_at_once(trial: StoreTrial) -> None:
    other = await trial.another()
    asked = Asked(spent_since=NOW, currency=PRICE.currency)

    async def charge(store: Store, workflow_id: WorkflowId) -> None:
        await begun(store, workflow_id)
        dossier = await claimed(store, workflow_id)
        sent = (attempt(workflow_id),)
        states = (State.READY, State.CHARGING)
        await store.save(
            change(dossier, *states, attempts=sent, judge=_below_two_prices, asked=asked)
        )

    names = [WorkflowId(f"w-{number}") for number in range(4)]
    stores = (trial.store, other, trial.store, other)
    ends = await asyncio.gather(*map(charge, stores, names), return_exceptions=True)

    states = [given(await trial.store.dossier(name)).workflow.state for name in names]
    must(states.count(State.CHARGING) == 1, f"{states.count(State.CHARGING)} are being charged")
    failed = [end for end in ends if isinstance(end, BaseException)]
    fair = all(isinstance(end, GuardSpoke | Unavailable) for end in failed)
    must(fair, f"the others were refused by {failed}; wanted was GuardSpoke")


def _below_two_prices(ledger: Ledger) -> GuardVerdict:
    within = ledger.spent_minor + PRICE.minor < 2 * PRICE.minor
    return Allow() if within else Defer("above the cap")


def _once(ledger: Ledger) -> GuardVerdict:
    return Allow() if ledger.invoice_taken_by is None else Defer("another is charged")


@PROCESSES.trial(
    cure="Let a unique index on notification id, type and digest decide, and read the row that "
    "was there first when it does."
)
async def one_delivery_at_two_processes_begins_one_workflow(trial: StoreTrial) -> None:
    other = await trial.another()

    await _both(trial.store.record(told(received())), other.record(told(received())))

    kept = only(await trial.store.notifications(limit=9))
    same(kept.deliveries, 2)
    same(len(await trial.store.history(W1)), 1)


@PROCESSES.trial(
    cure="Insert the notice under a unique index on gateway and event id in the very transaction "
    "that appends the evidence; looking for it before is too early."
)
async def one_notice_at_two_processes_is_evidence_once(trial: StoreTrial) -> None:
    other = await trial.another()
    await pending(trial.store)
    final = notice(outcome=TAKEN, final=True)

    await _both(trial.store.record_notices([final]), other.record_notices([final]))

    same(only(await trial.store.notices(limit=9)).deliveries, 2)
    same(len(given(await trial.store.dossier(W1)).attempts[0].evidence), 1)


@PROCESSES.trial()
async def high_water_mark_is_shared(trial: StoreTrial) -> None:
    other = await trial.another()
    await trial.store.heartbeat(later(5))

    must(await other.heartbeat(NOW) > later(5), "the mark of another process was not raised")


@PROCESSES.trial(
    cure="Take a lock around the migrations, or make each of them safe to be made twice at once."
)
async def two_processes_can_open_an_empty_database_at_once(trial: StoreTrial) -> None:
    handles = [trial.unopened() for _ in range(3)]

    await asyncio.gather(*(store.open() for store in handles))

    for number, store in enumerate(handles):
        await begun(store, WorkflowId(f"w-{number}"))
    same(len(await trial.store.notifications(limit=9)), 3)


async def _both(*works: Awaitable[object]) -> None:
    for end in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(end, BaseException):
            raise end
