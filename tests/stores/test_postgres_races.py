"""Two replicas on one namespace: what both do at the same moment is neither lost nor doubled."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from external_gate.domain.identifiers import CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import Allow, Asked, GuardVerdict, Hold, Ledger
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.sql_dossiers import lock_row
from external_gate.stores.sql_transaction import Transaction
from external_gate.stores.store_records import (
    Dossier,
    GuardSpoke,
    NewNotice,
    NoticeReceipt,
    Receipt,
    UnreadEvidence,
)
from external_gate.stores.store_rules import RESTORED
from external_gate.testkit.store_checks.store_samples import (
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
    facts,
    initiate,
    key_of,
    later,
    received,
    told,
)
from tests.stores.conftest import opened_postgres
from tests.tallies import count

Replicas = tuple[PostgresStore, PostgresStore]


@pytest.fixture
async def replicas(address: PostgresAddress) -> AsyncIterator[Replicas]:
    """Give two stores that know nothing of each other."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(opened_postgres(address))
        yield one, await stack.enter_async_context(opened_postgres(address))


def _names(number: int) -> list[WorkflowId]:
    return [WorkflowId(f"w-{index:03}") for index in range(number)]


async def test_nobody_claims_what_another_has_claimed(replicas: Replicas) -> None:
    names = _names(300)
    await asyncio.gather(*[begun(replicas[0], name) for name in names])
    await caught_up(replicas[0], map(initiate, names))
    taken: list[WorkflowId] = []

    async def work(store: PostgresStore, owner: str) -> None:
        # What others lock is passed over, so only an empty answer from everybody means the end.
        while len(taken) < len(names):
            dossiers = await store.claim(owner=owner, now=NOW, lease=LEASE, limit=7)
            taken.extend(dossier.workflow.workflow_id for dossier in dossiers)

    async with asyncio.timeout(60):
        await asyncio.gather(*[work(replicas[n % 2], f"worker-{n}") for n in range(8)])

    assert sorted(taken) == names
    count("workflows claimed by two replicas at once", len(taken))


async def test_evidence_is_never_saved_over_unread(replicas: Replicas) -> None:
    names = _names(60)
    dossiers = [await charging(replicas[0], name) for name in names]
    saves = [change(dossier, State.PENDING, give_back=True) for dossier in dossiers]

    results = await asyncio.gather(
        *[replicas[0].save(save) for save in saves],
        *[replicas[1].append_evidence(key_of(name), [SUCCESS]) for name in names],
        return_exceptions=True,
    )

    assert results[len(names) :] == names
    unread = [isinstance(result, UnreadEvidence) for result in results[: len(names)]]
    for name, saved_nothing in zip(names, unread, strict=True):
        dossier = await replicas[0].dossier(name)
        assert dossier is not None
        assert dossier.newest_evidence > dossier.workflow.evidence_read
        assert dossier.workflow.state is (State.CHARGING if saved_nothing else State.PENDING)
    due = await replicas[1].claim(owner="w", now=later(61), lease=LEASE, limit=99)
    assert sorted(dossier.workflow.workflow_id for dossier in due) == names
    count("races of a save against evidence", len(names))


async def test_one_workflow_told_twice_at_once_begins_once(replicas: Replicas) -> None:
    for name in _names(40):
        first = told(received(name), notification_id=f"{name}-a", body=b"a")
        second = told(received(name), notification_id=f"{name}-b", body=b"b")

        results = await asyncio.gather(replicas[0].record(first), replicas[1].record(second))

        receipts = sorted(recorded.receipt for recorded in results)
        assert receipts == sorted([Receipt.RECORDED, Receipt.DUPLICATE])


async def test_one_delivery_made_twice_at_once_is_one_row(replicas: Replicas) -> None:
    for name in _names(40):
        note = told(received(name), notification_id=f"n-{name}")

        results = await asyncio.gather(*[store.record(note) for store in replicas])

        assert {recorded.number for recorded in results} == {results[0].number}
        assert sorted(r.receipt for r in results) == sorted([Receipt.RECORDED, Receipt.DUPLICATE])


async def test_other_facts_at_the_same_moment_are_a_conflict(replicas: Replicas) -> None:
    for name in _names(40):
        other = replace(received(name), facts=facts(name, invoice_id=InvoiceId("another")))
        notes = [
            told(workflow, notification_id=f"{name}-{number}")
            for number, workflow in enumerate((received(name), other))
        ]

        results = await asyncio.gather(
            *[store.record(note) for store, note in zip(replicas, notes, strict=True)]
        )

        assert sorted(recorded.conflict for recorded in results) == [False, True]
        dossier = await replicas[0].dossier(name)
        assert dossier is not None
        assert dossier.workflow.hold_wanted is HeldReason.CONFLICTING


async def test_one_notice_at_the_same_moment_is_evidence_once(replicas: Replicas) -> None:
    for name in _names(30):
        await charging(replicas[0], name)
        notice = NewNotice("main", f"evt-{name}", key_of(name), SUCCESS.answer, True, NOW)  # type: ignore[arg-type]

        results = await asyncio.gather(*[store.record_notices([notice]) for store in replicas])

        receipts = sorted(taken.receipt for (taken,) in results)
        assert receipts == sorted([NoticeReceipt.RECORDED, NoticeReceipt.DUPLICATE])
        dossier = await replicas[1].dossier(name)
        assert dossier is not None
        assert len(dossier.attempts[0].evidence) == 1


async def test_one_invoice_is_charged_once_across_replicas(replicas: Replicas) -> None:
    def judge(ledger: Ledger) -> GuardVerdict:
        taken = ledger.invoice_taken_by
        return Hold(HeldReason.INVOICE_ALREADY_PAID, str(taken)) if taken else Allow()

    for number in range(30):
        pair = [WorkflowId(f"{number}-a"), WorkflowId(f"{number}-b")]
        sends = []
        for name in pair:
            await begun(replicas[0], name, invoice_id=InvoiceId(f"invoice-{number}"))
            dossier = await claimed(replicas[0], name)
            states = (State.READY, State.CHARGING)
            sends.append(change(dossier, *states, attempts=(attempt(name),), judge=judge))

        results = await asyncio.gather(
            *[store.save(save) for store, save in zip(replicas, sends, strict=True)],
            return_exceptions=True,
        )

        assert sorted(isinstance(result, GuardSpoke) for result in results) == [False, True]
    count("races of two workflows for one invoice", 30)


async def test_one_customer_is_never_charged_above_a_cap_across_replicas(
    replicas: Replicas,
) -> None:
    """Six saves at once, two replicas, room for two charges: two are made, whoever is first."""
    asked = Asked(spent_since=NOW, currency="USD", charges_since=NOW, charges=9)

    def judge(ledger: Ledger) -> GuardVerdict:
        above = ledger.spent_minor + PRICE.minor > 2 * PRICE.minor or len(ledger.charges) > 1
        return Hold(HeldReason.CAP, "") if above else Allow()

    for number in range(15):
        customer = CustomerId(f"customer-{number}")
        sends = []
        for name in [WorkflowId(f"{number}-{letter}") for letter in "abcdef"]:
            await begun(replicas[0], name, customer_id=customer)
            sent = attempt(name)
            sent = replace(sent, charge=replace(sent.charge, customer_id=customer))
            dossier, states = await claimed(replicas[0], name), (State.READY, State.CHARGING)
            sends.append(change(dossier, *states, attempts=(sent,), judge=judge, asked=asked))

        results = await asyncio.gather(
            *[replicas[at % 2].save(save) for at, save in enumerate(sends)],
            return_exceptions=True,
        )

        assert sum(isinstance(result, GuardSpoke) for result in results) == 4
        assert sum(isinstance(result, Dossier) for result in results) == 2
    count("races of six charges for room for two", 15)


async def test_deadlock_is_survived_by_both(replicas: Replicas) -> None:
    for name in (W1, W2):
        await begun(replicas[0], name)
    both_have_one = threading.Barrier(2, timeout=10)
    tries: list[WorkflowId] = []

    def lock_both(transaction: Transaction, first: WorkflowId, second: WorkflowId) -> bool:
        tries.append(first)
        lock_row(transaction, first)
        if tries.count(first) == 1:
            both_have_one.wait()
        return lock_row(transaction, second) is not None

    results = await asyncio.gather(
        replicas[0]._write(partial(lock_both, first=W1, second=W2)),
        replicas[1]._write(partial(lock_both, first=W2, second=W1)),
    )

    assert all(results)
    assert len(tries) > 2  # one of them, or each, was run again


async def test_deadlock_after_evidence_keeps_it_once(replicas: Replicas) -> None:
    """A save is two stages: a deadlock in the second undoes the first too, and both run again."""
    dossier = await charging(replicas[0], W1)
    await begun(replicas[0], W2)
    both_have_one = threading.Barrier(2, timeout=10)
    runs: list[str] = []

    def judge(_: Ledger) -> GuardVerdict:
        return Allow()

    def keep(transaction: Transaction) -> None:
        runs.append("keep")
        lock_row(transaction, W1)
        add = "INSERT INTO incidents (workflow_id, kind, at, detail) VALUES (?, 'reversed', 0, '')"
        transaction.execute(add, (W1,))

    def move(transaction: Transaction) -> None:
        if runs.count("keep") == 1:
            both_have_one.wait()
        lock_row(transaction, W2)

    def other_way(transaction: Transaction) -> None:
        lock_row(transaction, W2)
        if "other" not in runs:
            runs.append("other")
            both_have_one.wait()
        lock_row(transaction, W1)

    await asyncio.gather(
        replicas[0]._write(move, first=keep), replicas[1]._write(other_way), return_exceptions=False
    )

    assert len(await replicas[0].incidents(W1)) == 1
    again = await replicas[0].save(change(dossier, evidence=((key_of(), SUCCESS),), judge=judge))
    assert len(again.attempts[0].evidence) == 1


async def test_acknowledging_does_not_wait_for_the_engine(replicas: Replicas) -> None:
    store, other = replicas
    await begun(store, W1)
    is_held, let_go = threading.Event(), threading.Event()

    def hold(transaction: Transaction) -> None:
        lock_row(transaction, W1)
        is_held.set()
        let_go.wait(10)

    holding = asyncio.create_task(other._write(hold))
    await asyncio.to_thread(is_held.wait, 10)
    waiting = asyncio.create_task(store.renew([(W1, 0)], until=later(60)))
    async with asyncio.timeout(3):
        await begun(store, W2)
    let_go.set()

    assert not waiting.done() or waiting.result() is not None
    await asyncio.gather(holding, waiting)


async def test_another_process_is_woken_by_what_was_taken_in(replicas: Replicas) -> None:
    woken = asyncio.Event()
    replicas[1].when_due(woken.set)
    async with asyncio.timeout(10):
        await woken.wait()  # it listens now
    woken.clear()

    await begun(replicas[0], W1)

    async with asyncio.timeout(10):
        await woken.wait()


async def _lose(store: PostgresStore, seconds: float) -> None:
    """Let the database forget what it had: its mark is now as it was at `NOW` and some seconds."""

    def forget(transaction: Transaction) -> None:
        value = int(later(seconds).timestamp() * 1000)
        transaction.execute("UPDATE meta SET value = ? WHERE name = 'high_water'", (value,))

    await store._write(forget)


async def test_standby_that_lost_commits_is_found_out_before_anything_is_claimed(
    replicas: Replicas,
) -> None:
    store, other = replicas
    await begun(store, W1)
    await store.heartbeat(later(10))
    await _lose(other, seconds=5)

    (dossier,) = await store.claim(owner="w", now=later(11), lease=LEASE, limit=9)

    assert store.restored == 1
    assert dossier.workflow.restored_at == later(10)
    assert await other.heartbeat(later(11)) > later(10)
    assert other.restored is None  # the mark is known again


async def test_standby_that_lost_commits_is_found_out_before_one_workflow_is_fetched(
    replicas: Replicas,
) -> None:
    store, other = replicas
    await begun(store, W1)
    await store.heartbeat(later(10))
    await _lose(other, seconds=5)

    dossier = await store.acquire(W1, owner="w", now=later(11), lease=LEASE)

    assert store.restored == 1
    assert dossier.workflow.restored_at == later(10)


async def test_standby_that_lost_commits_is_found_out_by_the_heartbeat_once(
    replicas: Replicas,
) -> None:
    for store in replicas:
        await store.heartbeat(later(10))
    await begun(replicas[0], W1)
    await _lose(replicas[0], seconds=5)

    marks: list[Any] = await asyncio.gather(*[s.heartbeat(later(10.5)) for s in replicas])

    found_out = [store for store in replicas if store.restored is not None]
    assert len(found_out) == 1
    assert all(mark > later(10) for mark in marks)
    history = await replicas[0].history(W1)
    assert [entry.event for entry in history].count(RESTORED) == 1


async def test_ordinary_beats_of_many_processes_are_no_older_copy(replicas: Replicas) -> None:
    for beat in range(20):
        at = NOW + timedelta(milliseconds=beat // 3)
        await asyncio.gather(*[store.heartbeat(at) for store in replicas])
        await asyncio.gather(
            *[store.claim(owner="w", now=at, lease=LEASE, limit=1) for store in replicas]
        )

    assert [store.restored for store in replicas] == [None, None]
