"""Connections that only read, one per thread, so that no question waits for a commit."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from external_gate.domain.errors import Unavailable
from external_gate.stores.session import Session
from external_gate.stores.sql_transaction import Transaction

Answered = TypeVar("Answered")

THREADS = 4
"""Enough for a console and a worker beside each other; questions take microseconds."""


class Readers:
    """A few threads, each with a connection of its own; every question sees one instant."""

    def __init__(self, connect: Callable[[], Session]) -> None:
        self._connect = connect
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="store-reader")
        self._own = threading.local()
        self._opened: list[Session] = []
        self._opening = threading.Lock()
        self._closed = False

    async def ask(self, question: Callable[[Transaction], Answered]) -> Answered:
        """Put a question on one of the threads. Raises what the database raised, translated."""
        if self._closed:
            raise Unavailable("the store is closed: start the service again")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, question)

    def close(self) -> None:
        """Let running questions end and close every connection. Blocks until then; repeatable."""
        self._closed = True
        self._pool.shutdown()
        for session in self._opened:
            session.close()
        self._opened.clear()

    def _ask(self, question: Callable[[Transaction], Answered]) -> Answered:
        session = self._session()
        try:
            session.begin()
            try:
                return question(session.transaction)
            finally:
                session.rollback()  # nothing was written
        except session.faults as error:
            raise session.translate(error) from error

    def _session(self) -> Session:
        known: Session | None = getattr(self._own, "session", None)
        if known is None:
            known = self._own.session = self._connect()
            with self._opening:
                self._opened.append(known)
        return known
