"""The database of a world that moves from SQLite to PostgreSQL in the middle of everything."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from external_gate.domain.workflow import State
from external_gate.stores.copying import move
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.sql_store import Stage
from external_gate.stores.sql_transaction import Transaction
from tests.simulation.database import Database
from tests.simulation.file_database import FileDatabase
from tests.simulation.postgres_database import PostgresDatabase

Result = TypeVar("Result")

ROWS = 4
"""In one batch: many of them, of a short history."""


class MovingDatabase(Database):
    """A file for so many commits, then a schema; whoever uses it does not notice."""

    def __init__(self, address: PostgresAddress, *, after_commits: int) -> None:
        self._address = address
        self._commits_left = after_commits
        self._backup_is_out = False
        self._mark: datetime | None = None
        PostgresDatabase(address).close()  # empties what an earlier world left
        self._file: FileDatabase | None = FileDatabase()
        self._place: Database = self._file
        self.states_moved: list[State] = []
        """Of the workflows that were moved; empty while nothing was."""

    @property
    def connection(self) -> Transaction:
        return self._place.connection

    @property
    def reader(self) -> Transaction:
        return self._place.reader

    def commit(self, stage: Callable[[Transaction], Result], first: Stage | None) -> Result:
        try:
            return self._place.commit(stage, first)
        finally:
            self._commits_left -= 1
            # A backup of the file cannot be put into the schema.
            if self._file and self._commits_left <= 0 and not self._backup_is_out:
                self._move(self._file)

    def next_claimable(self) -> datetime | None:
        return self._place.next_claimable()

    def beat(self, mark: datetime) -> None:
        self._mark = mark
        self._place.beat(mark)

    def copy(self) -> Any:  # as the place has it
        self._backup_is_out = True
        return self._place.copy()

    def replace(self, backup: Any) -> bool:  # as above
        self._backup_is_out = False
        return self._place.replace(backup)

    def crash(self) -> None:
        self._place.crash()

    def close(self) -> None:
        self._place.close()

    def _translate(self, error: Exception) -> Exception:
        return self._place._translate(error)

    def _move(self, file: FileDatabase) -> None:
        found = file.reader.execute("SELECT state FROM workflows").fetchall()
        move(file.let_go(), self._address, rows=ROWS)
        file.close()
        self.states_moved = [State(state) for (state,) in found]
        self._file, self._place = None, PostgresDatabase(self._address, is_filled=True)
        if self._mark is not None:
            self._place.beat(self._mark)
