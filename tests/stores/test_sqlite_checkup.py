"""Looking at a SQLite file for `doctor`: it finds out, and changes nothing."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from external_gate.domain.errors import Broken, Unavailable
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.sqlite_checkup import FIXED_IN, Findings, examine

SOON = timedelta(milliseconds=50)


def looked(path: Path) -> Findings:
    return examine(f"sqlite:///{path}", busy_timeout=SOON)


async def made(path: Path) -> Path:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    return path


async def test_file_in_good_order(tmp_path: Path) -> None:
    found = looked(await made(tmp_path / "gate.db"))

    assert found.exists
    assert found.behind == ()
    assert (found.journal_mode, found.synchronous) == ("wal", "FULL")
    assert found.free_bytes > 0
    assert found.has_wal_reset_bug is (sqlite3.sqlite_version_info < FIXED_IN)


def test_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert not looked(tmp_path / "gate.db").exists
    assert list(tmp_path.iterdir()) == []


async def test_database_that_is_behind_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    sqlite3.connect(path).close()
    path.touch()

    found = looked(path)

    assert found.behind[0].startswith("0001_")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    connection.close()


async def test_committed_work_of_a_running_service_stays(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gate.db", exclusive=True)
    await store.open()
    try:
        looked(tmp_path / "gate.db")
        assert (await store.counts()).by_state == {}
    finally:
        await store.close()


async def test_locked_file_is_unavailable(tmp_path: Path) -> None:
    path = await made(tmp_path / "gate.db")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Unavailable, match="locked"):
            looked(path)
    finally:
        connection.close()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read", b"SQL"])
def test_file_that_is_no_database_is_broken(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gate.db"
    path.write_bytes(content)

    with pytest.raises(Broken):
        looked(path)
    assert path.read_bytes() == content


def test_folder_that_is_not_there_is_broken(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="create the directory"):
        looked(tmp_path / "none" / "gate.db")
