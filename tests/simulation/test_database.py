"""The databases of the simulated worlds keep the contract of every store, and agree."""

import pytest

from tests.simulation.campaign import class_of
from tests.simulation.database import MemoryDatabase
from tests.simulation.file_database import FileDatabase
from tests.simulation.refusing_guard import installed
from tests.simulation.store_edge_contract import MakeDatabase, OfStoreEdge
from tests.simulation.universe import run_seed


class TestStoreEdge(OfStoreEdge):
    """In memory."""

    @pytest.fixture
    def make_database(self) -> MakeDatabase:
        return MemoryDatabase


class TestStoreEdgeOnFile(OfStoreEdge):
    """On a real file."""

    @pytest.fixture
    def make_database(self) -> MakeDatabase:
        return FileDatabase


def test_a_file_is_durable_as_in_the_product() -> None:
    database = FileDatabase()
    asked = [database.connection.execute(f"PRAGMA {name}").fetchone() for name in DURABLE]
    database.close()

    assert asked == [("wal",), (2,)]


DURABLE = ("journal_mode", "synchronous")


def test_a_crash_loses_nothing_that_was_committed_and_a_restore_does() -> None:
    database = FileDatabase()
    write = "INSERT INTO meta (name, value) VALUES (?, 1)"
    backup = database.copy()
    database.commit(lambda connection: connection.execute(write, ("kept",)), None)

    database.crash()
    after_a_crash = database.reader.execute("SELECT name FROM meta").fetchall()
    database.replace(backup)
    after_a_restore = database.reader.execute("SELECT name FROM meta").fetchall()
    database.close()

    assert (after_a_crash, after_a_restore) == ([("kept",)], [])


@pytest.mark.parametrize("seed", [1, 5, 12, 14])
def test_a_seed_is_lived_alike_in_memory_and_on_a_file(seed: int) -> None:
    with installed():
        in_memory, on_file = (
            run_seed(seed, class_of(seed), database=database, tell=True)
            for database in (MemoryDatabase, FileDatabase)
        )

    assert in_memory.timeline == on_file.timeline
    assert in_memory == on_file
