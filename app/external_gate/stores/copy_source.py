"""The side that a copy is made from: a SQLite file that nobody serves, and what it says of that."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from external_gate.domain.errors import BadInput, Refused
from external_gate.stores import sql_marks
from external_gate.stores.copied_tables import (
    TABLES,
    Key,
    Line,
    Table,
    columns_of,
    count_of,
    page_of,
)
from external_gate.stores.copy_marks import (
    MARKS_OF_TIME,
    CopyMark,
    Stage,
    read_mark,
    remove_mark,
    write_mark,
)
from external_gate.stores.file_lock import FileLock
from external_gate.stores.heartbeat_file import HeartbeatFile
from external_gate.stores.one_name import refuse_other_names
from external_gate.stores.schema import migrate, shipped
from external_gate.stores.sqlite_connection import connect_file, immediate, open_to_write
from external_gate.stores.sqlite_faults import translate

_NUMBERS = "SELECT name, seq FROM sqlite_sequence WHERE seq > 0"

_GUARDS = tuple(
    (f"moved_{table}_{verb}".lower(), table, verb, row)
    for table in (*(table.name for table in TABLES), "meta")
    for verb, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
)
"""A trigger for every way to write: also a command that opened the file before the copy began, and
a version that knows of no marks, must not add what nobody would copy."""


class CopySource:
    """A file that is ours alone while it is open."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.shown = str(path)
        self._connection = connection

    @property
    def mark(self) -> CopyMark | None:
        """Give what the file says about its move."""
        return read_mark(self._connection)

    def begin_to_leave(self, mark: CopyMark) -> None:
        """Say durably that nobody works here any more, and refuse every write from now on."""
        with immediate(self._connection):
            write_mark(self._connection, mark)
            for name, table, verb, row in _GUARDS:
                others = f"WHEN substr({row}.name, 1, 5) <> 'copy '" if table == "meta" else ""
                self._connection.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {verb} ON {table} {others} "
                    "BEGIN SELECT RAISE(ABORT, 'this database moves to another one'); END"
                )

    def leave(self, mark: CopyMark) -> None:
        """Say durably that somebody may be served from the other database."""
        with immediate(self._connection):
            write_mark(self._connection, CopyMark(Stage.LEFT, mark.copy_id, mark.other))

    def come_back(self, now: datetime) -> int | None:
        """Let the file be served again; gives how many workflows were marked.

        Where the other database may have been served, this one is an older copy: the next send of
        every unfinished workflow begins with a lookup. None where it cannot have been.
        """
        mark = self.mark
        with immediate(self._connection):
            for name, *_ in _GUARDS:
                self._connection.execute(f"DROP TRIGGER IF EXISTS {name}")
            remove_mark(self._connection)
            if mark is None or mark.stage is Stage.LEAVING:
                return None
            return sql_marks.mark_restored(self._connection, now)

    def columns(self, table: Table) -> tuple[str, ...]:
        """Name a table's columns."""
        return columns_of(self._connection, table)

    def count(self, table: Table) -> int:
        """Count a table's rows."""
        return count_of(self._connection, table)

    def page(
        self, table: Table, columns: Sequence[str], *, after: Key | None, limit: int
    ) -> Iterator[Line]:
        """Give the rows that follow a key, read as they are asked for."""
        return page_of(self._connection, table, columns, after=after, limit=limit)

    def marks_of_time(self) -> list[Line]:
        """Give the high-water mark, and that of a restore."""
        return [tuple(row) for row in self._connection.execute(MARKS_OF_TIME)]

    def numbers(self) -> dict[str, int]:
        """Give the highest number that each table ever gave to a row."""
        return dict(self._connection.execute(_NUMBERS).fetchall())


def take_back(path: Path, *, now: datetime, patience: timedelta) -> int | None:
    """Let a file be served again that moves or was moved; gives how many workflows were marked.

    None when nobody can have been served from the other database. Raises `Refused` when the file
    was never moved, and as `opened_source`.
    """
    with opened_source(path, patience=patience) as source:
        if source.mark is None:
            raise Refused(f"{source.shown} was not moved: there is nothing to take back")
        return source.come_back(now)


@contextmanager
def opened_source(path: Path, *, patience: timedelta) -> Iterator[CopySource]:
    """Give the file, migrated, with the lock of a serving process.

    Raises `BadInput` when there is no such file, `Broken` while a service works on it or when it is
    not ours, `Unavailable` for trouble with the disk or a lock that outlasts `patience`.
    """
    path = path.resolve()
    if not path.exists():
        raise BadInput(f"there is no database {path}: name the file that the service used")
    refuse_other_names(path)
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    lock.acquire()
    try:
        beside = HeartbeatFile(path.with_name(f"{path.name}.heartbeat")).read()
        with closing(open_to_write(path, patience, connect_file)) as database:
            migrate(database, shipped("sqlite"))
            source = CopySource(path, database.conn)
            # What moves has not been written to since; all others may be an older copy.
            if beside is not None and source.mark is None:
                with immediate(database.conn):
                    sql_marks.mark_if_older(database.conn, beside)
            yield source
    except sqlite3.Error as error:
        raise translate(error, path) from error
    finally:
        lock.release()
