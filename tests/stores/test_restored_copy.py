"""A database that is an older copy of itself is found out, by really copying files."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from external_gate.domain.errors import Unavailable
from external_gate.stores.sqlite import SqliteStore
from external_gate.testkit.store_checks.store_samples import W1, W2, begun, later
from tests.stores.conftest import opened, write_bytes


def _heartbeat_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.heartbeat")


def _exists(path: Path) -> bool:
    return path.exists()


def _remove(path: Path) -> None:
    path.unlink()


async def _lived(path: Path) -> Path:
    """Give a backup of an earlier time, beside a database that lived on for a minute."""
    async with opened(path) as store:
        await begun(store, W1)
        await store.heartbeat(later(10))
    backup = path.with_name("backup.db")
    shutil.copy(path, backup)
    async with opened(path) as store:
        await begun(store, W2)
        await store.heartbeat(later(70))
    return backup


async def _restored_at(store: SqliteStore) -> object:
    dossier = await store.dossier(W1)
    assert dossier is not None
    return dossier.workflow.restored_at


async def test_restored_backup_is_found_out_once(path: Path) -> None:
    shutil.copy(await _lived(path), path)

    async with opened(path) as store:
        assert store.restored == 1
        assert await _restored_at(store) == later(70)
        assert await store.heartbeat(later(11)) > later(70)  # time does not run backwards either
    async with opened(path) as store:
        assert store.restored is None


async def test_older_copy_is_found_out_although_the_clock_was_ahead_when_it_was_made(
    path: Path,
) -> None:
    """The clock was set right afterwards, and every beat lay behind the mark."""
    async with opened(path) as store:
        await store.heartbeat(later(3600))
    shutil.copy(path, backup := path.with_name("backup.db"))
    async with opened(path) as store:
        await store.heartbeat(later(10))
    shutil.copy(backup, path)

    async with opened(path) as store:
        assert store.restored is not None


async def test_database_that_was_not_replaced_is_no_older_copy(path: Path) -> None:
    await _lived(path)

    async with opened(path) as store:
        assert store.restored is None
        assert await _restored_at(store) is None


async def test_copy_in_another_place_is_no_older_copy(path: Path) -> None:
    await _lived(path)
    elsewhere = path.with_name("elsewhere.db")
    shutil.copy(path, elsewhere)
    async with opened(elsewhere) as store:
        assert store.restored is None

    shutil.copy(_heartbeat_of(path), _heartbeat_of(elsewhere))
    async with opened(elsewhere) as store:
        assert store.restored is None


async def test_missing_heartbeat_file_is_written_anew(path: Path) -> None:
    await _lived(path)
    _remove(_heartbeat_of(path))

    async with opened(path) as store:
        assert store.restored is None
        await store.heartbeat(later(80))

    assert _exists(_heartbeat_of(path))


async def test_crash_between_database_and_heartbeat_file_is_no_restore(path: Path) -> None:
    await _lived(path)
    earlier = path.with_name("earlier.heartbeat")
    shutil.copy(_heartbeat_of(path), earlier)
    async with opened(path) as store:
        await store.heartbeat(later(80))
    shutil.copy(earlier, _heartbeat_of(path))  # the file lags behind the database

    async with opened(path) as store:
        assert store.restored is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"tomorrow", b"2026-11-22T12:00:00"])
async def test_unreadable_heartbeat_file_is_passed_over(path: Path, content: bytes) -> None:
    write_bytes(_heartbeat_of(path), content)

    async with opened(path) as store:
        assert store.restored is None


async def test_deleted_database_marks_what_is_told_again(path: Path) -> None:
    await _lived(path)
    _remove(path)

    async with opened(path) as store:
        assert store.restored == 0
        await begun(store, W1)  # its notification is older than the lost life's end
        assert await _restored_at(store) == later(70)


async def test_allowance_can_be_given(path: Path) -> None:
    shutil.copy(await _lived(path), path)

    async with opened(path, restored_after=timedelta(seconds=60)) as store:
        assert store.restored is None


async def test_heartbeat_file_that_cannot_be_written_is_said(path: Path) -> None:
    async with opened(path) as store:
        _heartbeat_of(path).with_name(f"{path.name}.heartbeat.new").mkdir()

        with pytest.raises(Unavailable, match="heartbeat"):
            await store.heartbeat(later(1))
