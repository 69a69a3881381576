"""Migrations: each once, whole or not at all, never edited, and never backwards."""

import sqlite3
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlite_utils import Database

from external_gate.domain.errors import Broken
from external_gate.stores.schema import Migration, migrate, shipped
from external_gate.stores.sqlite import SqliteStore
from external_gate.testkit.store_checks.store_samples import W1, begun
from tests.stores.conftest import another_process, by_hand, line_of, opened, tell

FIRST = Migration(1, "0001_first", "CREATE TABLE a (x); INSERT INTO a VALUES (1);")
SECOND = Migration(2, "0002_second", "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES (2, 2);")

OPEN_AND_RECORD = """
import asyncio, sys
from pathlib import Path
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores.sqlite import SqliteStore
from external_gate.testkit.store_checks.store_samples import begun

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    await store.open()
    await begun(store, WorkflowId(sys.argv[2]))
    await store.close()
    print("done", flush=True)

asyncio.run(main())
"""


def _database(path: Path) -> Database:
    connection = sqlite3.connect(path, isolation_level=None)
    return Database(connection, execute_plugins=False)


def test_shipped_migrations_are_numbered_without_a_gap() -> None:
    numbers = [migration.number for migration in shipped("sqlite")]

    assert numbers
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_migration_is_applied_once_and_recorded(path: Path) -> None:
    with _database(path) as database:
        counts = [migrate(database, known) for known in ([FIRST], [FIRST, SECOND], [FIRST, SECOND])]

        assert counts == [1, 1, 0]
        assert database.execute("SELECT x, y FROM a").fetchall() == [(1, None), (2, 2)]
        recorded = database.execute("SELECT number, name, sha256 FROM migrations").fetchall()
        assert recorded == [(m.number, m.name, m.sha256) for m in (FIRST, SECOND)]


def test_migration_that_fails_leaves_nothing_behind(path: Path) -> None:
    half = Migration(2, "0002_half", "CREATE TABLE b (x); INSERT INTO missing VALUES (1);")
    with _database(path) as database:
        migrate(database, [FIRST])

        with pytest.raises(sqlite3.OperationalError, match="missing"):
            migrate(database, [FIRST, half])

        assert database.table_names() == ["migrations", "a"]
        assert migrate(database, [FIRST, SECOND]) == 1


async def test_edited_migration_is_refused(path: Path) -> None:
    async with opened(path):
        pass
    with by_hand(path) as connection:
        connection.execute("UPDATE migrations SET sha256 = 'another' WHERE number = 1")

    with pytest.raises(Broken, match="0001_begin was edited"):
        await SqliteStore(path).open()


async def test_newer_database_is_refused_and_left_alone(path: Path) -> None:
    async with opened(path) as store:
        await begun(store)
    with by_hand(path) as connection:
        connection.execute("INSERT INTO migrations VALUES (999, '0999_future', 'x', 0)")

    with pytest.raises(Broken, match=r"newer than this version.*0999_future"):
        await SqliteStore(path).open()

    with by_hand(path) as connection:
        connection.execute("DELETE FROM migrations WHERE number = 999")
    async with opened(path) as store:
        assert await store.dossier(W1) is not None


async def test_processes_that_start_at_once_do_not_collide(path: Path) -> None:
    names = [f"w-{number}" for number in range(4)]
    with ExitStack() as running:
        starters = [
            running.enter_context(another_process(OPEN_AND_RECORD, path, name)) for name in names
        ]
        assert [line_of(process) for process in starters] == ["ready"] * 4
        for process in starters:
            tell(process, "go")
        assert [line_of(process) for process in starters] == ["done"] * 4

    async with opened(path) as store:
        assert sorted(n.workflow_id or "" for n in await store.notifications(limit=9)) == names
    with by_hand(path) as connection:
        (count,) = connection.execute("SELECT count(*) FROM migrations").fetchone()
        assert count == len(shipped("sqlite"))


OF_VERSION_1 = """
INSERT INTO workflows (
    workflow_id, workflow_type, customer_id, contract_id, invoice_id, invoice_currency, state,
    received_at, updated_at, due_at, claimable_at
) VALUES ('wf', 'spend', 'c', 'c', 'i', 'USD', 'unresolved', 1, 1, 1, 1);
INSERT INTO attempts (
    workflow_id, number, attempt_key, gateway, amount_minor, currency, charge, body, created_at,
    sends, closed
) VALUES ('wf', 1, 'key', 'main', 1, 'USD', '{}', x'', 1, 1, 0);
"""


def test_database_of_version_1_keeps_its_rows_and_wants_no_look(path: Path) -> None:
    known = shipped("sqlite")
    with _database(path) as database:
        migrate(database, known[:1])
        database.executescript(OF_VERSION_1)

        assert migrate(database, known) == len(known) - 1
        asked = "SELECT state, look_at, look_asked, look_made FROM workflows JOIN attempts USING"
        assert database.execute(f"{asked} (workflow_id)").fetchall() == [("unresolved", None, 0, 0)]
