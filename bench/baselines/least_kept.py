"""The least that keeps a notification and begins its workflow: three INSERTs into the tables of
external-gate, gathered by one thread that commits. Nothing is read, compared, judged or told.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from bench.baselines.signed_webhook import signed_app
from bench.load.notifications import SECRET, Notifications
from external_gate.assembly.system_clock import SystemClock
from external_gate.intake.receive import Receiver
from external_gate.intake.signature import AgeLimits
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.sqlite_connection import connect_file, open_to_write, path_of

MOST_AT_ONCE = 512
"""As the service has it."""

BUSY_TIMEOUT = timedelta(seconds=5)

TEMPLATE = Notifications(batch=0)
TABLES = ("notifications", "workflows", "history")


class _Deaf:
    def acknowledged(self, *_: object) -> None:
        pass

    def recorded(self, *_: object, **__: object) -> None:
        pass

    def refused(self, *_: object, **__: object) -> None:
        pass


class LeastWriter:
    """Copies one row of each table with another id, for whoever waits."""

    def __init__(self, path: Path) -> None:
        self._connection = open_to_write(path, BUSY_TIMEOUT, connect_file).conn
        self._rows = [_row_of(self._connection, table) for table in TABLES]
        self._number = 1
        self._waiting: queue.SimpleQueue[tuple[str, bytes, asyncio.Future[None]] | None] = (
            queue.SimpleQueue()
        )
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    async def keep(self, notification_id: str, body: bytes) -> None:
        """Return once the rows are on disk."""
        done = self._loop.create_future()
        self._waiting.put((notification_id, body, done))
        await done

    def stop(self) -> None:
        """Write what waits, then end."""
        self._waiting.put(None)
        self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        while first := self._waiting.get():
            wanted = [first]
            with contextlib.suppress(queue.Empty):
                while len(wanted) < MOST_AT_ONCE and (more := self._waiting.get_nowait()):
                    wanted.append(more)
            self._write([(each, body) for each, body, _ in wanted])
            self._loop.call_soon_threadsafe(_resolve, [done for _, _, done in wanted])

    def _write(self, wanted: list[tuple[str, bytes]]) -> None:
        first, self._number = self._number + 1, self._number + len(wanted)
        others = [
            {"number": number, "notification_id": each, "workflow_id": each, "body": body}
            | {"workflow": number}
            for number, (each, body) in enumerate(wanted, first)
        ]
        self._connection.execute("BEGIN IMMEDIATE")
        for insert, row in self._rows:
            self._connection.executemany(insert, [row | other for other in others])
        self._connection.execute("COMMIT")


@asynccontextmanager
async def open_app(database_url: str) -> AsyncIterator[Starlette]:
    """Give the application; the file is fresh."""
    path = path_of(database_url)
    await _record_one(path)
    writer = LeastWriter(path)
    try:
        yield signed_app(writer.keep)
    finally:
        writer.stop()


async def _record_one(path: Path) -> None:
    """Let the service itself make the file, with the rows that are copied."""
    store = SqliteStore(path, exclusive=True)
    await store.open()
    try:
        receiver = Receiver(store, [SECRET], AgeLimits(), SystemClock(), _Deaf())
        await receiver.receive(*TEMPLATE.delivery(0))
    finally:
        await store.close()


def _row_of(connection: sqlite3.Connection, table: str) -> tuple[str, dict[str, Any]]:
    """Give the statement that adds a row to a table, and the values of the one that is there."""
    cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - ours
    names = [column[0] for column in cursor.description]
    row = dict(zip(names, cursor.fetchone(), strict=True))
    places = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", row  # noqa: S608 - ours


def _resolve(waiting: list[asyncio.Future[None]]) -> None:
    for done in waiting:
        if not done.done():
            done.set_result(None)
