"""Connections to PostgreSQL that outlive a store: a new one spends ten times what a test needs.

The store keeps nothing in a session that is not of one transaction, so that a pooler may stand
between: this is one, in the process of the tests.
"""

import select
import threading
from types import TracebackType
from typing import cast

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from external_gate.stores.postgres_address import PostgresAddress

Connection = psycopg.Connection[TupleRow]


class Reused(PostgresAddress):
    """An address whose connections go back to where they came from when they are closed."""

    def connect(self) -> Connection:
        """Give one that somebody has closed; a new one if there is none."""
        idle = _take(self.namespace) or super().connect()
        return cast("Connection", _Lent(idle, self.namespace))

    def forget(self) -> None:
        """Close those that nobody uses."""
        while idle := _take(self.namespace):
            idle.close()


class _Lent:
    """A connection; `close` gives it back if it is as good as new."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace
        self._is_closed = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def __enter__(self) -> "_Lent":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._connection.info.transaction_status is not TransactionStatus.IDLE:
            self._connection.close()
            return
        try:
            self._connection.execute("DISCARD ALL")
        except psycopg.Error:
            self._connection.close()
            return
        with _lock:
            _idle.setdefault(self._namespace, []).append(self._connection)


_idle: dict[str, list[Connection]] = {}
"""By namespace: what a server has cached for a connection is of its tables."""

_lock = threading.Lock()


def _take(namespace: str) -> Connection | None:
    with _lock:
        idle = _idle.get(namespace, [])
        while idle:
            connection = idle.pop()
            if not _has_ended(connection):
                return connection
            connection.close()
        return None


def _has_ended(connection: Connection) -> bool:
    """Tell whether the server has said farewell: nothing else can be said to who asked nothing."""
    said = select.poll()  # which takes any number of a file, beyond 1024 too
    said.register(connection.fileno(), select.POLLIN)
    return bool(said.poll(0))
