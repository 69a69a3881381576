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
from pathlib import Path

from starlette.applications import Starlette

from bench.baselines.signed_webhook import signed_app
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.sqlite_connection import connect_file, open_to_write, path_of

MOST_AT_ONCE = 512
"""As the service has it."""

BUSY_TIMEOUT = timedelta(seconds=5)

_APPEND = "INSERT INTO inbox (body, signed_at, received_at) VALUES (?, ?, ?)"


class LeastWriter:
    """Appends a body, for whoever waits."""

    def __init__(self, path: Path) -> None:
        self._connection = open_to_write(path, BUSY_TIMEOUT, connect_file).conn
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
        self._connection.close()

    def _serve(self) -> None:
        while first := self._waiting.get():
            wanted = [first]
            with contextlib.suppress(queue.Empty):
                while len(wanted) < MOST_AT_ONCE and (more := self._waiting.get_nowait()):
                    wanted.append(more)
            now = int(time.time() * 1000)
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_APPEND, [(body, now, now) for body, _ in wanted])
            self._connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_resolve, [done for _, done in wanted])


@asynccontextmanager
async def open_app(database_url: str) -> AsyncIterator[Starlette]:
    """Give the application; the file is fresh, and as the service makes it."""
    path = path_of(database_url)
    store = SqliteStore(path, exclusive=True)
    await store.open()
    await store.close()
    writer = LeastWriter(path)
    try:
        yield signed_app(writer.keep)
    finally:
        writer.stop()


def _resolve(waiting: list[asyncio.Future[None]]) -> None:
    for done in waiting:
        if not done.done():
            done.set_result(None)
