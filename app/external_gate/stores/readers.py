"""Connections that only read, one per thread, so that no question waits for a commit."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from external_gate.domain.errors import Unavailable

Answered = TypeVar("Answered")

THREADS = 4
"""Enough for a console and a worker beside each other; questions take microseconds."""


class Readers:
    """A few threads, each with a connection of its own; every question sees one instant."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        *,
        translate: Callable[[Exception], Exception],
    ) -> None:
        self._connect = connect
        self._translate = translate
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="store-reader")
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        self._closed = False

    async def ask(self, question: Callable[[sqlite3.Connection], Answered]) -> Answered:
        """Put a question on one of the threads. Raises what SQLite raised, translated."""
        if self._closed:
            raise Unavailable("the store is closed: start the service again")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, question)

    def close(self) -> None:
        """Let running questions end and close every connection. Blocks until then; repeatable."""
        self._closed = True
        self._pool.shutdown()
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _ask(self, question: Callable[[sqlite3.Connection], Answered]) -> Answered:
        try:
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return question(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise self._translate(error) from error

    def _connection(self) -> sqlite3.Connection:
        known: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if known is None:
            known = self._own.connection = self._connect()
            with self._opening:
                self._opened.append(known)
        return known
