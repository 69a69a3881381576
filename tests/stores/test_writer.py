"""One thread writes; what has gathered is committed together, and nobody harms his neighbours."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from external_gate.domain.errors import LeaseLost, Unavailable
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import State
from external_gate.stores.sql_transaction import Transaction
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.sqlite_session import SqliteSession
from external_gate.stores.store_records import Recorded
from external_gate.stores.writer import MOST_JOBS, Writer
from external_gate.testkit.store_checks.store_samples import (
    SUCCESS,
    W1,
    W2,
    begun,
    change,
    charging,
    claimed,
    key_of,
    later,
    received,
    told,
)
from tests.stores.conftest import Tapped, by_hand, locked, opened


def _numbered(number: int) -> Any:
    workflow = received(WorkflowId(f"w-{number}"))
    return told(workflow, notification_id=f"n-{number}")


async def _started(*tasks: "asyncio.Task[Any]") -> None:
    """Let every task run until it waits for its job."""
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def _stored(store: SqliteStore) -> int:
    return len(await store.notifications(limit=9999))


def _record(store: SqliteStore, count: int) -> "list[asyncio.Task[Recorded]]":
    store.rush_at = 2 * MOST_JOBS  # whatever gathers here is recorded at once
    return [asyncio.create_task(store.record(_numbered(number))) for number in range(count)]


async def test_jobs_that_gathered_share_one_commit(path: Path) -> None:
    tap = Tapped()
    async with opened(path, connect=tap) as store:
        tap.statements.clear()
        with locked(path):
            tasks = _record(store, 100)
            await _started(*tasks)

        await asyncio.gather(*tasks)

        assert tap.statements.count("COMMIT") == 1
        assert await _stored(store) == 100


async def test_batch_does_not_grow_without_end(path: Path) -> None:
    tap = Tapped()
    async with opened(path, connect=tap) as store:
        tap.statements.clear()
        with locked(path):
            tasks = _record(store, MOST_JOBS + 1)
            await _started(*tasks)

        await asyncio.gather(*tasks)

        assert tap.statements.count("COMMIT") == 2


async def test_batch_is_handed_back_in_one_call(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    calls: list[object] = []
    call = loop.call_soon_threadsafe

    def counted(*arguments: Any, **options: Any) -> asyncio.Handle:
        calls.append(arguments)
        return call(*arguments, **options)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    async with opened(path) as store:
        with locked(path):
            tasks = _record(store, 20)
            await _started(*tasks)

        await asyncio.gather(*tasks)

    assert len(calls) == 1


async def test_failing_job_harms_nobody_in_its_batch(path: Path) -> None:
    async with opened(path) as store:
        late = await charging(store, W1)
        await claimed(store, W1, now=later(60))
        save = change(late, State.PAID, evidence=((key_of(), SUCCESS),))
        with locked(path):
            before = asyncio.create_task(begun(store, W2))
            failing = asyncio.create_task(store.save(save))
            after = asyncio.create_task(store.record(_numbered(1)))
            await _started(before, failing, after)

        results = await asyncio.gather(before, failing, after, return_exceptions=True)

        assert [type(result) for result in results] == [type(None), LeaseLost, Recorded]
        dossier = await store.dossier(W1)
        assert dossier is not None
        assert [piece.answer for piece in dossier.attempts[0].evidence] == [SUCCESS.answer]
        assert await store.dossier(W2) is not None
        assert await store.dossier(WorkflowId("w-1")) is not None


async def test_cancelled_caller_changes_nothing_about_its_job(path: Path) -> None:
    async with opened(path) as store:
        with locked(path):
            first, cancelled, last = _record(store, 3)
            await _started(first, cancelled, last)
            cancelled.cancel()
            await asyncio.sleep(0)

        results = await asyncio.gather(first, cancelled, last, return_exceptions=True)

        assert isinstance(results[1], asyncio.CancelledError)
        assert await _stored(store) == 3


async def test_closing_finishes_what_was_submitted(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    tasks = _record(store, 10)
    await asyncio.sleep(0)

    await store.close()
    await store.close()

    assert len(await asyncio.gather(*tasks)) == 10
    with pytest.raises(Unavailable, match="not open"):
        await store.record(_numbered(99))
    with pytest.raises(Unavailable, match="not open"):
        await store.counts()
    async with opened(path) as again:
        assert await _stored(again) == 10


async def test_decision_waits_for_what_another_process_is_writing(path: Path) -> None:
    tap = Tapped()
    async with opened(path, connect=tap) as store:
        dossier = await charging(store)
        with by_hand(path) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO payers VALUES ('c', 'cus', 'pm', NULL)")
            tap.asked.clear()
            save = asyncio.create_task(store.save(change(dossier, State.PENDING)))
            await asyncio.to_thread(tap.asked.wait, 5)  # until the writer stands before the lock
            other.execute("COMMIT")

        assert (await save).workflow.state is State.PENDING


class _Breaking(sqlite3.Connection):
    """A connection whose commits fail while `broken`."""

    broken = False

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if self.broken and sql == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, parameters)


def _breaking(path: Path, busy_timeout: timedelta) -> _Breaking:
    return sqlite3.connect(
        path,
        timeout=busy_timeout.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
        factory=_Breaking,
    )


async def test_commit_that_fails_writes_nothing_and_tells_everybody(path: Path) -> None:
    tap = Tapped(_breaking)
    async with opened(path, connect=tap) as store:
        writer = tap.writer
        assert isinstance(writer, _Breaking)
        with locked(path):
            tasks = _record(store, 5)
            await _started(*tasks)
            writer.broken = True

        results = await asyncio.gather(*tasks, return_exceptions=True)
        writer.broken = False

        assert [type(result) for result in results] == [Unavailable] * 5
        assert len({id(result) for result in results}) == 5  # nobody shares a traceback
        assert await _stored(store) == 0
        await store.record(_numbered(7))
        assert await _stored(store) == 1


async def test_transaction_that_sqlite_undid_fails_for_everybody(path: Path) -> None:
    def good(connection: Transaction) -> None:
        connection.execute("INSERT INTO t VALUES (1)")

    def lost(connection: Transaction) -> None:
        connection.execute("ROLLBACK")  # as SQLite does by itself on some errors
        raise sqlite3.OperationalError("database or disk is full")

    with by_hand(path) as setup:
        setup.execute("PRAGMA journal_mode = WAL")
        setup.execute("CREATE TABLE t (a)")
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    session = SqliteSession(connection, translate=lambda error: Unavailable(str(error)))
    writer = Writer(session)
    with locked(path):
        tasks = [asyncio.create_task(writer.run(stage)) for stage in (good, lost, good)]
        await _started(*tasks)

    results = await asyncio.gather(*tasks, return_exceptions=True)
    await writer.run(good)
    writer.stop()

    assert [type(result) for result in results] == [Unavailable] * 3
    assert all("disk is full" in str(result) for result in results)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)
    connection.close()


async def test_stopped_writer_takes_nothing_more(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writer = Writer(SqliteSession(connection, translate=lambda error: error))
    writer.stop()
    writer.stop()

    with pytest.raises(Unavailable, match="closed"):
        await writer.run(lambda _: None)
    connection.close()
