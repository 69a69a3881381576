"""What goes wrong below us: nothing is half written, the error names the cure, and it can go on."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from external_gate.domain.errors import BadInput, Broken, Unavailable
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores.sqlite import SqliteStore
from external_gate.testkit.store_checks.store_samples import LEASE, NOW, W1, begun, received, told
from tests.stores.conftest import (
    SHORT,
    Tapped,
    another_process,
    by_hand,
    line_of,
    locked,
    opened,
    tell,
    write_bytes,
)

HOLD_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("free", flush=True)
sys.stdin.readline()
"""


async def _fill(store: SqliteStore, acknowledged: list[int]) -> None:
    """Record what needs room, without end."""
    for number in range(999):
        workflow = received(WorkflowId(f"w-{number}"))
        note = told(workflow, notification_id=f"n-{number}", body=b"x" * 5000)
        acknowledged.append((await store.record(note)).number)


async def test_full_disk_loses_nothing_that_was_acknowledged(path: Path) -> None:
    tap = Tapped()
    acknowledged: list[int] = []
    async with opened(path, connect=tap) as store:
        (pages,) = tap.writer.execute("PRAGMA page_count").fetchone()
        # SQLite's own limit stands for the disk's: the same error on the same way.
        tap.writer.execute(f"PRAGMA max_page_count = {pages + 20}")
        with pytest.raises(Unavailable, match="free space"):
            await _fill(store, acknowledged)

        assert acknowledged
        kept = await store.notifications(limit=99)
        assert [n.number for n in kept] == acknowledged[::-1]
        assert len(await store.claim(owner="w", now=NOW, lease=LEASE, limit=99)) == len(kept)

        tap.writer.execute("PRAGMA max_page_count = 100000")
        await begun(store, W1)
        assert await store.dossier(W1) is not None


async def test_database_locked_by_another_process_is_unavailable_until_it_is_free(
    path: Path,
) -> None:
    async with opened(path, busy_timeout=SHORT) as store:
        with another_process(HOLD_LOCK, path) as holder:
            assert line_of(holder) == "locked"
            with pytest.raises(Unavailable, match="another process keeps it locked"):
                await begun(store)
            assert await store.dossier(W1) is None  # reading goes on

            tell(holder, "let go")
            assert line_of(holder) == "free"
            await begun(store)

        assert await store.dossier(W1) is not None


async def test_up_to_date_database_opens_while_another_process_writes(path: Path) -> None:
    async with opened(path):
        pass
    with locked(path):
        async with opened(path, busy_timeout=SHORT) as store:
            assert (await store.counts()).by_state == {}


async def test_new_database_that_is_locked_is_unavailable(path: Path) -> None:
    with locked(path):
        store = SqliteStore(path, busy_timeout=SHORT)
        with pytest.raises(Unavailable, match="locked"):
            await store.open()


def _read_only(path: Path, _: timedelta) -> sqlite3.Connection:
    # File modes do not stop the root user, so SQLite itself is told to open it read-only.
    uri = f"file:{path}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


async def test_read_only_database_can_be_read_but_not_written(path: Path) -> None:
    async with opened(path) as store:
        await begun(store)
        async with opened(path, connect=_read_only) as reading:
            assert await reading.dossier(W1) is not None
            with pytest.raises(Unavailable, match="read-only"):
                await begun(reading, WorkflowId("w-2"))


async def test_read_only_database_that_is_not_there_cannot_be_opened(path: Path) -> None:
    store = SqliteStore(path, connect=_read_only)

    with pytest.raises(Unavailable, match="directory exists"):
        await store.open()


async def test_file_of_something_else_is_refused(path: Path) -> None:
    write_bytes(path, b"this is a letter, not a database\n" * 100)
    store = SqliteStore(path)

    with pytest.raises(Broken, match="no SQLite database"):
        await store.open()


async def test_database_of_something_else_is_refused_and_left_alone(path: Path) -> None:
    with by_hand(path) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    tap = Tapped()
    store = SqliteStore(path, connect=tap)

    with pytest.raises(Broken, match="recipes"):
        await store.open()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        tap.writer.execute("SELECT 1")
    with by_hand(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("recipes",)]


async def test_damaged_database_asks_for_a_backup(path: Path) -> None:
    async with opened(path) as store:
        await begun(store)
    with by_hand(path) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'workflows'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    write_bytes(path, b"\xff" * size, offset=(root - 1) * size)

    async with opened(path) as store:
        with pytest.raises(Broken, match="restore a backup"):
            await store.dossier(W1)
        with pytest.raises(Broken, match="restore a backup"):
            await begun(store, WorkflowId("w-2"))


async def test_missing_directory_is_named(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "missing" / "gate.db")

    with pytest.raises(Unavailable, match="directory exists"):
        await store.open()


async def test_failed_open_lets_go_of_everything(path: Path) -> None:
    write_bytes(path, b"no database" * 100)
    store = SqliteStore(path, exclusive=True)
    with pytest.raises(Broken):
        await store.open()
    await anyio.Path(path).unlink()

    await store.open()  # the lock is free again

    await store.close()


async def test_value_that_no_database_keeps_is_the_callers_fault(path: Path) -> None:
    async with opened(path) as store:
        with pytest.raises(BadInput):
            await store.notification(10**30)
        with pytest.raises(BadInput):
            await begun(store, WorkflowId("\ud800"))
        await begun(store)

        assert len(await store.notifications(limit=9)) == 1


async def test_writer_is_durable_and_readers_cannot_write(path: Path) -> None:
    tap = Tapped()
    async with opened(path, connect=tap) as store:
        await store.counts()
        writer, reader = tap.connections
        assert writer.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert writer.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM payers")


async def test_closed_store_leaves_one_whole_file(path: Path) -> None:
    async with opened(path) as store:
        await begun(store)

    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM workflows").fetchone() == (1,)
