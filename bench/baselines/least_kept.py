"""The least that keeps a notification: its bytes, appended to the inbox of external-gate, gathered
by one thread that commits. Nothing is looked up, compared, judged or told, then or later.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.applications import Starlette

from bench.baselines.signed_webhook import signed_app
from external_gate.settings.model import StoreSettings
from external_gate.stores.choosing import make, postgres_address, uses_postgres
from external_gate.stores.session import Session
from external_gate.stores.sql_transaction import append
from external_gate.stores.sqlite_connection import connect_file, open_to_write, path_of
from external_gate.stores.sqlite_session import SqliteSession

MOST_AT_ONCE = 512
"""As the service has it."""

BUSY_TIMEOUT = timedelta(seconds=5)

COLUMNS = ("body", "signed_at", "received_at")


class LeastWriter:
    """Appends a body, for whoever waits."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]] | None] = (
            queue.SimpleQueue()
        )
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    async def keep(self, _notification_id: str, body: bytes) -> None:
        """Return once the row is on disk."""
        done = self._loop.create_future()
        self._waiting.put((body, done))
        await done

    def stop(self) -> None:
        """Write what waits, then end."""
        self._waiting.put(None)
        self._thread.join()
        self._session.close()

    def _serve(self) -> None:
        while first := self._waiting.get():
            wanted = [first]
            with contextlib.suppress(queue.Empty):
                while len(wanted) < MOST_AT_ONCE and (more := self._waiting.get_nowait()):
                    wanted.append(more)
            now = int(time.time() * 1000)
            self._session.begin()
            lines = [(body, now, now) for body, _ in wanted]
            append(self._session.transaction, "inbox", COLUMNS, lines)
            self._session.commit()
            self._loop.call_soon_threadsafe(_resolve, [done for _, done in wanted])


@asynccontextmanager
async def open_app(database_url: str) -> AsyncIterator[Starlette]:
    """Give the application; the database is fresh, and as the service makes it."""
    settings = StoreSettings(url=database_url)
    store = make(settings, exclusive=True)
    await store.open()
    await store.close()
    writer = LeastWriter(_session(settings))
    try:
        yield signed_app(writer.keep)
    finally:
        writer.stop()


def _session(settings: StoreSettings) -> Session:
    """Connect as the store does that writes."""
    if not uses_postgres(settings):
        connection = open_to_write(path_of(settings.url), BUSY_TIMEOUT, connect_file).conn
        return SqliteSession(connection, translate=lambda error: error)
    from external_gate.stores.postgres_session import PostgresSession  # noqa: PLC0415 - an extra

    address = postgres_address(settings)
    return PostgresSession(address, begin=address.begin_to_write)


def _resolve(waiting: list[asyncio.Future[None]]) -> None:
    for done in waiting:
        if not done.done():
            done.set_result(None)
