"""The store on one SQLite file: one thread writes, a few others read."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from external_gate.domain.errors import Unavailable
from external_gate.stores import sql_marks
from external_gate.stores.copy_marks import refuse_unservable
from external_gate.stores.crowd import Crowd
from external_gate.stores.file_lock import FileLock
from external_gate.stores.heartbeat_file import HeartbeatFile
from external_gate.stores.one_name import refuse_other_names
from external_gate.stores.readers import Readers
from external_gate.stores.schema import migrate, shipped
from external_gate.stores.sql_store import SqlStore, Stage
from external_gate.stores.sql_transaction import Transaction
from external_gate.stores.sqlite_connection import (
    Connect,
    connect_file,
    immediate,
    open_to_read,
    open_to_write,
    prove_writable,
)
from external_gate.stores.sqlite_faults import translate, translate_at_start
from external_gate.stores.sqlite_session import SqliteSession
from external_gate.stores.writer import OnCommit, Writer

Result = TypeVar("Result")
Item = TypeVar("Item")

BUSY_TIMEOUT = timedelta(seconds=5)
"""For another process's lock: commands write beside the service, each for milliseconds."""


class SqliteStore(SqlStore):
    """`Store` on one file. Belongs to the event loop in which it is opened.

    `exclusive` takes the lock of a serving or working process; commands go without. A mark in the
    heartbeat file that is later than the database's by more than `restored_after` shows that the
    database is an older copy. It is written to the database first, so nothing need be allowed for.
    `on_commit` hears of every group commit.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout: timedelta = BUSY_TIMEOUT,
        exclusive: bool = False,
        restored_after: timedelta = timedelta(0),
        connect: Connect = connect_file,
        on_commit: OnCommit | None = None,
    ) -> None:
        # Resolved, so that a link to the file has the same lock and the same heartbeat.
        self._path = path.resolve()
        self._busy_timeout = busy_timeout
        self._exclusive = exclusive
        self._restored_after = restored_after
        self._connect = connect
        self._on_commit = on_commit
        self._lock = FileLock(self._path.with_name(f"{self._path.name}.lock"))
        self._heartbeat = HeartbeatFile(self._path.with_name(f"{self._path.name}.heartbeat"))
        self._open: tuple[Database, Writer, Readers] | None = None
        self.restored: int | None = None
        """How many workflows `open` marked; None unless the database was found an older copy."""

    async def open(self) -> None:
        """Connect, migrate, take the lock. May block for `busy_timeout`."""
        if self._open is not None:
            return
        try:
            database = self._open_file()
        except sqlite3.Error as error:
            meaning = translate_at_start if self._exclusive else translate
            raise meaning(error, self._path) from error
        session = SqliteSession(database.conn, translate=self._translate)
        writer = Writer(session, on_commit=self._on_commit)
        self._open = (database, writer, Readers(self._reader))

    async def close(self) -> None:
        """Finish what was submitted and let go of everything. May block for `busy_timeout`."""
        if self._open is None:
            return
        (database, writer, readers), self._open = self._open, None
        writer.stop()
        readers.close()
        database.close()
        self._lock.release()

    async def heartbeat(self, now: datetime) -> datetime:
        """Raise the high-water mark; in the database first, then in the file beside it."""
        mark = await super().heartbeat(now)
        await asyncio.to_thread(self._heartbeat.write, mark)
        return mark

    async def _write(
        self,
        stage: Callable[[Transaction], Result],
        *,
        first: Stage | None = None,
        crowd: Crowd | None = None,
    ) -> Result:
        if self._open is None:
            raise Unavailable(f"the store {self._path} is not open")
        return await self._open[1].run(stage, first=first, crowd=crowd)

    async def _take_in_together(
        self, together: Callable[[Transaction, Sequence[Item]], Sequence[Result]], item: Item
    ) -> Result:
        if self._open is None:
            raise Unavailable(f"the store {self._path} is not open")
        crowd = Crowd(together, item)
        return await self._open[1].run(crowd.alone, crowd=crowd)

    async def _read(self, question: Callable[[Transaction], Result]) -> Result:
        if self._open is None:
            raise Unavailable(f"the store {self._path} is not open")
        return await self._open[2].ask(question)

    def _reader(self) -> SqliteSession:
        try:
            connection = open_to_read(self._path, self._busy_timeout, self._connect)
        except sqlite3.Error as error:
            raise self._translate(error) from error
        return SqliteSession(connection, translate=self._translate, begin="BEGIN")

    def _translate(self, error: Exception) -> Exception:
        return translate(error, self._path)

    def _open_file(self) -> Database:
        refuse_other_names(self._path)
        with contextlib.ExitStack() as undo:
            if self._exclusive:
                self._lock.acquire()
                undo.callback(self._lock.release)
            # Before the database is read: a service beside us raises its mark there first.
            beside = self._heartbeat.read()
            database = open_to_write(self._path, self._busy_timeout, self._connect)
            undo.callback(database.close)
            migrate(database, shipped("sqlite"))
            refuse_unservable(database.conn, str(self._path))
            if beside is not None and self._is_older(database, beside):
                self._mark_older_copy(database, beside)
            if self._exclusive:
                prove_writable(database.conn)
            undo.pop_all()
        return database

    def _is_older(self, database: Database, beside: datetime) -> bool:
        mark = sql_marks.high_water(database.conn)
        return mark is None or beside - mark > self._restored_after

    def _mark_older_copy(self, database: Database, beside: datetime) -> None:
        with immediate(database.conn):
            if self._is_older(database, beside):  # nobody else has found it out meanwhile
                self.restored = sql_marks.mark_restored(database.conn, beside)
                sql_marks.raise_high_water(database.conn, beside)
