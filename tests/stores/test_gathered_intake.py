"""Notifications that gathered are written together, and each is judged as if it came alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import HeldReason
from external_gate.stores.sql_store import SqlStore
from external_gate.stores.store_records import NewNotification, Receipt, Recorded
from external_gate.testkit.store_checks.store_samples import W1, received, told
from tests.databases import Database
from tests.stores.conftest import Tapped, locked, opened


def numbered(number: int) -> NewNotification:
    return told(received(WorkflowId(f"w-{number}")), notification_id=f"n-{number}")


@asynccontextmanager
async def on(database: Database) -> AsyncIterator[SqlStore]:
    """Give an open store that no rush makes put anything off."""
    store = database.store()
    store.rush_at = 1000
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def recorded_together(
    store: SqlStore, lock: AbstractContextManager[None], *notifications: NewNotification
) -> list[Recorded | BaseException]:
    """Record them in one commit, in this order."""
    with lock:
        tasks = [asyncio.create_task(store.record(each)) for each in notifications]
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_each_gets_its_own_answer(database: Database) -> None:
    async with on(database) as store:
        answers = await recorded_together(store, database.locked(), *map(numbered, range(50)))

        for number, answer in enumerate(answers):
            assert isinstance(answer, Recorded)
            assert (answer.receipt, answer.workflow_id) == (Receipt.RECORDED, f"w-{number}")
            kept = await store.notification(answer.number)
            assert kept is not None
            assert kept.notification_id == f"n-{number}"
            assert len(await store.history(WorkflowId(f"w-{number}"))) == 1


async def test_many_cost_fewer_savepoints_than_each_alone(path: Path) -> None:
    tap = Tapped()
    async with opened(path, connect=tap) as store:
        store.rush_at = 1000
        tap.statements.clear()
        await recorded_together(store, locked(path), *map(numbered, range(50)))

    # The first was taken out of the queue before the others came; they were run together.
    assert sum(statement.startswith("SAVEPOINT") for statement in tap.statements) <= 2


async def test_a_repetition_among_them_is_a_duplicate(database: Database) -> None:
    one = told(received(W1), notification_id="of-one")
    async with on(database) as store:
        answers = await recorded_together(
            store, database.locked(), numbered(0), one, one, numbered(1)
        )

    receipts = [answer.receipt for answer in answers if isinstance(answer, Recorded)]
    assert receipts == [
        Receipt.RECORDED, Receipt.RECORDED, Receipt.DUPLICATE, Receipt.RECORDED,
    ]  # fmt: skip


async def test_two_of_one_workflow_with_other_facts_are_a_conflict(database: Database) -> None:
    one = told(received(W1), notification_id="of-one")
    other = told(received(W1, total=Decimal(9)), notification_id="of-another")
    async with on(database) as store:
        _, first, second = await recorded_together(
            store, database.locked(), numbered(0), one, other
        )
        dossier = await store.dossier(W1)

    assert isinstance(first, Recorded)
    assert isinstance(second, Recorded)
    assert (first.conflict, second.conflict) == (False, True)
    assert dossier is not None
    assert dossier.workflow.facts.total == Decimal(1500)
    assert dossier.workflow.hold_wanted is HeldReason.CONFLICTING


async def test_one_that_cannot_be_written_spoils_no_other(database: Database) -> None:
    unwritable = replace(numbered(7), type="\ud800")
    async with on(database) as store:
        answers = await recorded_together(
            store, database.locked(), numbered(0), unwritable, numbered(1)
        )
        kept = {each.notification_id for each in await store.notifications(limit=9)}

    assert [isinstance(answer, Recorded) for answer in answers] == [True, False, True]
    assert kept == {"n-0", "n-1"}
