"""A notice is in the outbox exactly when its move is, wherever a kill falls."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from external_gate.domain.host_notice import NoticeType
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.sqlite_connection import connect_file
from external_gate.testkit.store_checks.store_samples import change, paid, received, told
from tests.tallies import count

EVERYTHING = dict.fromkeys(NoticeType, ("erp", "pager"))


class Photographer:
    """Keeps the files as a kill would leave them, before every statement of the writer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_first = True
        self.shots: list[Path] = []
        self.is_on = False

    def connect(self, path: Path, busy_timeout: timedelta) -> sqlite3.Connection:
        connection = connect_file(path, busy_timeout)
        if self._is_first:
            connection.set_trace_callback(lambda _statement: self.shoot())
        self._is_first = False
        return connection

    def shoot(self) -> None:
        if not self.is_on:
            return
        folder = self._path.parent / f"shot-{len(self.shots)}"
        folder.mkdir()
        for file in self._path.parent.glob("gate.db*"):
            if file.is_file() and not file.name.endswith(
                "-shm"
            ):  # memory that happens to be a file
                shutil.copy(file, folder / file.name)
        self.shots.append(folder / "gate.db")


def in_the_books(path: Path) -> tuple[str | None, int, int]:
    """Give the workflow's state, its notices, and their deliveries."""
    with closing(sqlite3.connect(path)) as prompt:
        row = prompt.execute("SELECT state FROM workflows").fetchone()
        (notices,) = prompt.execute("SELECT count(*) FROM host_notices").fetchone()
        (ways,) = prompt.execute("SELECT count(*) FROM notice_deliveries").fetchone()
    return row and row[0], notices, ways


@pytest.fixture
def photographer(path: Path) -> Photographer:
    return Photographer(path)


@pytest.fixture
async def store(path: Path, photographer: Photographer) -> SqliteStore:
    found = SqliteStore(path, connect=photographer.connect)
    await found.open()
    found.keep_notices(EVERYTHING)
    return found


async def test_killed_at_any_statement_a_release_is_told_or_did_not_happen(
    store: SqliteStore, photographer: Photographer
) -> None:
    dossier = await paid(store)
    photographer.is_on = True
    await store.save(change(dossier, State.RELEASED))
    photographer.shoot()
    photographer.is_on = False
    await store.close()

    found = [in_the_books(shot) for shot in photographer.shots]
    assert set(found) == {("paid", 0, 0), ("released", 1, 2)}
    assert found == sorted(found)
    assert len(found) > 10
    count("crash points of the outbox", len(found))


async def test_killed_at_any_statement_a_hold_of_the_intake_is_told_or_not_known(
    store: SqliteStore, photographer: Photographer
) -> None:
    held = replace(received(), state=State.HELD, held_reason=HeldReason.STALE, due_at=None)
    photographer.is_on = True
    await store.record(told(held))
    photographer.shoot()
    photographer.is_on = False
    await store.close()

    found = [in_the_books(shot) for shot in photographer.shots]
    assert set(found) == {(None, 0, 0), ("held", 1, 2)}
    count("crash points of the outbox", len(found))
