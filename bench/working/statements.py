"""external-gate's own service on a file, told apart: what its statements take inside of SQLite.

A turn `join` says it; `store` is as in `gate`. Reading the rows that a statement gave is left out.
"""

import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.working.gate import GateCrew, answered, crew_of, load_setup
from bench.working.turn import Done, Place, Turn
from external_gate.assembly import make_service
from external_gate.cli.running import spare_collections
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.sqlite_connection import connect_file, path_of

INSIDE = "statements"


class Stopwatch:
    """Adds up the processor time of the threads that are inside of SQLite."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._adding = threading.Lock()

    def connect(self, path: Path, busy_timeout: timedelta) -> sqlite3.Connection:
        """Open a file as the service does, with every statement timed."""
        watch = self

        class Timed(sqlite3.Connection):
            def execute(self, *statement: Any) -> sqlite3.Cursor:  # as the driver declares it
                return watch.timed(super().execute, *statement)

            def executemany(self, sql: str, rows: Any, /) -> sqlite3.Cursor:
                return watch.timed(super().executemany, sql, list(rows))

        return connect_file(path, busy_timeout, factory=Timed)

    def timed(self, run: Callable[..., sqlite3.Cursor], *statement: Any) -> sqlite3.Cursor:
        """Run one statement, and add what it took; waiting for the disk takes nothing."""
        began = time.thread_time()
        try:
            return run(*statement)
        finally:
            took = time.thread_time() - began
            with self._adding:
                self.seconds += took


class TimedCrew:
    """A crew that also says what SQLite took in a turn."""

    def __init__(self, crew: GateCrew, watch: Stopwatch) -> None:
        self._crew = crew
        self._watch = watch

    async def work(self, turn: Turn) -> Done:
        """Do one turn."""
        before = self._watch.seconds
        done = await self._crew.work(turn)
        return replace(done, spent={INSIDE: self._watch.seconds - before})


@asynccontextmanager
async def open_crew(place: Place) -> AsyncIterator[TimedCrew]:
    """Give the service over its file."""
    loaded, watch = load_setup(place), Stopwatch()
    store = SqliteStore(path_of(place.store_url), exclusive=True, connect=watch.connect)
    service = make_service(loaded.settings, store)
    try:
        await store.open()
        spare_collections()
        yield TimedCrew(crew_of(answered(service, place)), watch)
    finally:
        await service.aclose()
