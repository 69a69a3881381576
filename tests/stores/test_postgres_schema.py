"""Migrations on PostgreSQL: each once, under a lock, and the version before goes on working."""

import sqlite3
from contextlib import ExitStack

import pytest
from sqlite_utils import Database

from external_gate.domain.errors import Broken
from external_gate.domain.workflow import ENDED, State
from external_gate.stores import schema
from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import PostgresAddress, address_of
from external_gate.stores.postgres_schema import migrate
from external_gate.stores.schema import Migration, shipped
from external_gate.testkit.store_checks.store_samples import W1, W2, begun, change, claimed, paid
from tests.stores.conftest import another_process, line_of, opened_postgres, tell
from tests.throwaway_postgres import Cluster

KNOWN = shipped("postgres")

NEXT = Migration(
    len(KNOWN) + 1,
    "next_version",
    "ALTER TABLE workflows ADD COLUMN colour text; CREATE TABLE colours (name text);"
    "ALTER TABLE notifications ADD COLUMN colour text NOT NULL DEFAULT 'red';"
    "ALTER TABLE attempts ADD COLUMN colour text; ALTER TABLE history ADD COLUMN colour text;",
)
AFTER_NEXT = Migration(len(KNOWN) + 2, "after_next", "DROP TABLE colours;")

OPEN_AND_RECORD = """
import asyncio, sys
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores import schema
from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import address_of
from external_gate.testkit.store_checks.store_samples import begun

async def main():
    store = PostgresStore(address_of(sys.argv[1], namespace=sys.argv[2]))
    print("ready", flush=True)
    sys.stdin.readline()
    await store.open()
    await begun(store, WorkflowId(sys.argv[3]))
    await store.close()
    print("done", flush=True)

asyncio.run(main())
"""


def test_both_databases_have_the_same_migrations() -> None:
    assert [migration.name for migration in KNOWN] == [m.name for m in shipped("sqlite")]


def test_every_migration_is_applied_once_and_recorded(address: PostgresAddress) -> None:
    assert [migrate(address, KNOWN[:1]), migrate(address, KNOWN), migrate(address, KNOWN)] == [
        1,
        len(KNOWN) - 1,
        0,
    ]


def test_migration_that_fails_leaves_nothing_behind(
    address: PostgresAddress, postgres: Cluster
) -> None:
    migrate(address, KNOWN)
    half = Migration(NEXT.number, "half", "CREATE TABLE half (x int); SELECT * FROM missing;")

    with pytest.raises(Broken, match="missing"):
        migrate(address, [*KNOWN, half])

    with postgres.connect() as connection:
        asked = "SELECT to_regclass(%s)"
        assert connection.execute(asked, (f"{address.namespace}.half",)).fetchone() == (None,)
    assert migrate(address, [*KNOWN, NEXT]) == 1


async def test_edited_migration_is_refused(address: PostgresAddress, postgres: Cluster) -> None:
    migrate(address, KNOWN)
    with postgres.connect() as connection:
        edit = f"UPDATE {address.namespace}.migrations SET sha256 = 'x'"  # noqa: S608 - our own name
        connection.execute(edit.encode())

    with pytest.raises(Broken, match="0001_begin was edited"):
        await PostgresStore(address).open()


async def test_version_before_works_beside_the_next_one(address: PostgresAddress) -> None:
    async with opened_postgres(address) as running:
        await begun(running, W1)
        migrate(address, [*KNOWN, NEXT])  # the first replica of the next version starts

        await running.save(change(await claimed(running, W1), State.HELD))
        async with opened_postgres(address) as restarted:
            await paid(restarted, W2)
            assert await running.dossier(W2) == await restarted.dossier(W2)
            assert await restarted.history(W1)


async def test_version_two_before_is_refused(address: PostgresAddress) -> None:
    migrate(address, [*KNOWN, NEXT, AFTER_NEXT])

    with pytest.raises(Broken, match=r"newer than this version.*after_next"):
        await PostgresStore(address).open()


async def test_schema_of_something_else_is_refused(
    address: PostgresAddress, postgres: Cluster
) -> None:
    with postgres.connect() as connection:
        connection.execute(f"CREATE SCHEMA {address.namespace}".encode())
        connection.execute(f"CREATE TABLE {address.namespace}.recipes (name text)".encode())

    with pytest.raises(Broken, match="recipes"):
        await PostgresStore(address).open()


async def test_schema_that_somebody_made_for_us_is_used(
    address: PostgresAddress, postgres: Cluster
) -> None:
    with postgres.connect() as connection:
        connection.execute(f"CREATE SCHEMA {address.namespace}".encode())

    async with opened_postgres(address) as store:
        await begun(store)


async def test_namespaces_know_nothing_of_each_other(
    address: PostgresAddress, postgres: Cluster
) -> None:
    elsewhere = address_of(postgres.url, namespace=f"{address.namespace}_2")
    async with opened_postgres(address) as one, opened_postgres(elsewhere) as other:
        await begun(one)
        assert await other.dossier(W1) is None
    with postgres.connect() as connection:
        connection.execute(f"DROP SCHEMA {elsewhere.namespace} CASCADE".encode())


async def test_processes_that_start_at_once_do_not_collide(
    address: PostgresAddress, postgres: Cluster
) -> None:
    names = [f"w-{number}" for number in range(4)]
    with ExitStack() as running:
        starters = [
            running.enter_context(
                another_process(OPEN_AND_RECORD, postgres.url, address.namespace, name)
            )
            for name in names
        ]
        assert [line_of(process) for process in starters] == ["ready"] * 4
        for process in starters:
            tell(process, "go")
        assert [line_of(process) for process in starters] == ["done"] * 4

    async with opened_postgres(address) as store:
        assert sorted(n.workflow_id or "" for n in await store.notifications(limit=9)) == names


def test_states_are_those_of_the_code() -> None:
    check = KNOWN[0].sql.partition("CHECK (state IN (")[2].partition(")")[0]
    ended = KNOWN[0].sql.partition("WHERE state NOT IN (")[2].partition(")")[0]

    assert _words(check) == {state.value for state in State}
    assert _words(ended) == {state.value for state in ENDED}


def _words(listed: str) -> set[str]:
    return {word.strip().strip("'") for word in listed.split(",")}


def test_both_databases_have_the_same_columns(address: PostgresAddress, postgres: Cluster) -> None:
    migrate(address, KNOWN)
    with postgres.connect() as connection:
        asked = "SELECT table_name, column_name FROM information_schema.columns"
        rows = connection.execute(f"{asked} WHERE table_schema = %s", (address.namespace,))
        ours = set(rows.fetchall())

    assert ours == _columns_of_sqlite()


def _columns_of_sqlite() -> set[tuple[object, ...]]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(Database(connection, execute_plugins=False), shipped("sqlite"))
    asked = (
        "SELECT tables.name, columns.name FROM pragma_table_list AS tables"
        " JOIN pragma_table_info(tables.name) AS columns"
        " WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'"
    )
    found = set(connection.execute(asked).fetchall())
    connection.close()
    return found
