"""The database of a world: the product's own SQL, whole or nothing; on memory, in no time."""

import functools
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database as SqliteUtils

from external_gate.domain.clock import from_milliseconds
from external_gate.domain.workflow import Verdict
from external_gate.stores import sql_marks
from external_gate.stores.schema import migrate, shipped
from external_gate.stores.sql_store import Stage
from external_gate.stores.sql_transaction import Transaction
from external_gate.stores.sqlite_faults import translate

Result = TypeVar("Result")

MEMORY = Path("memory")

BEAT_SECONDS = 5.0
"""How often a process raises the high-water mark, as the service does."""


class Database(ABC):
    """One database, and beside it the file with the latest heartbeat, which no restore replaces."""

    @property
    @abstractmethod
    def connection(self) -> Transaction:
        """Give what writes, and reads within a transaction."""

    @property
    @abstractmethod
    def reader(self) -> Transaction:
        """Give what reads what is committed."""

    def commit(self, stage: Callable[[Transaction], Result], first: Stage | None) -> Result:
        """Run a job; a stage that raises undoes itself alone, as in the store's writer."""
        self._begin()
        try:
            if first is not None:
                self._run(first)
            return self._run(stage)
        finally:
            self.connection.execute("COMMIT")

    def _begin(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def _run(self, stage: Callable[[Transaction], Result]) -> Result:
        self.connection.execute("SAVEPOINT stage")
        try:
            result = stage(self.connection)
        except Exception as error:
            self.connection.execute("ROLLBACK TO stage")
            self.connection.execute("RELEASE stage")
            raise self._translate(error) from error
        self.connection.execute("RELEASE stage")
        return result

    @abstractmethod
    def _translate(self, error: Exception) -> Exception:
        """Give our error, as the product does."""

    def next_claimable(self) -> datetime | None:
        """Give when something can be claimed next."""
        (earliest,) = self.reader.execute(
            "SELECT min(claimable_at) FROM workflows WHERE claimable_at IS NOT NULL"
        ).fetchone()
        return None if earliest is None else from_milliseconds(earliest)

    def verdicts(self) -> set[tuple[str, Verdict]]:
        """Give every workflow with what is decided of it, or was when a release was begun."""
        found = self.reader.execute(
            "SELECT workflow_id, verdict FROM workflows WHERE verdict IS NOT NULL"
            " UNION SELECT workflow_id, verdict FROM releases"
        ).fetchall()
        return {(workflow_id, Verdict(verdict)) for workflow_id, verdict in found}

    def attempt_keys(self) -> set[str]:
        """Give the key of every attempt whose intent was saved."""
        return {key for (key,) in self.reader.execute("SELECT attempt_key FROM attempts")}

    def _mark_restored(self, beside: datetime | None) -> bool:
        """Mark every unfinished workflow when a later mark stands beside the database."""
        mark = sql_marks.high_water(self.connection)
        if beside is None or (mark is not None and beside <= mark):
            return False
        at = beside

        def found_out(connection: Transaction) -> None:
            sql_marks.mark_restored(connection, at)
            sql_marks.raise_high_water(connection, at)

        self.commit(found_out, None)
        return True

    @abstractmethod
    def beat(self, mark: datetime) -> None:
        """Keep the latest heartbeat beside the database."""

    @abstractmethod
    def copy(self) -> Any:  # each kind knows its own
        """Give a backup."""

    @abstractmethod
    def replace(self, backup: Any) -> bool:  # as above
        """Put a backup in the place of the database; true when opening finds it out."""

    @abstractmethod
    def crash(self) -> None:
        """Lose what a killed process had not brought to its disk."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything."""


class MemoryDatabase(Database):
    """Nothing but memory: copied in no time."""

    def __init__(self) -> None:
        self._connection = _opened(_template())
        self._heartbeat: datetime | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        return self._connection

    reader = connection

    def beat(self, mark: datetime) -> None:
        self._heartbeat = mark

    def copy(self) -> bytes:
        return self._connection.serialize()

    def replace(self, backup: bytes) -> bool:
        self._connection.close()
        self._connection = _opened(backup)
        return self._mark_restored(self._heartbeat)

    def crash(self) -> None:
        """Lose nothing: what is committed outlives every process of this world."""

    def close(self) -> None:
        self._connection.close()

    def _translate(self, error: Exception) -> Exception:
        return translate(error, MEMORY)


@functools.cache
def _template() -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(SqliteUtils(connection, execute_plugins=False), shipped("sqlite"))
    image = connection.serialize()
    connection.close()
    return image


def _opened(image: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
    connection.deserialize(image)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
