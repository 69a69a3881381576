"""A PostgreSQL connection as a session: nothing outlives a transaction, so a pooler may help.

A connection that broke is thrown away and made anew at the next `begin`.
"""

import contextlib
import random
import re
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.postgres_faults import is_passing, translate
from external_gate.stores.rows import Value
from external_gate.stores.sql_transaction import Parameters, Rows

Connection = psycopg.Connection[TupleRow]

LONGEST_PAUSE_SECONDS = 2.0
"""Between two tries to connect: a failover takes seconds, and nobody should add to it."""

FIRST_PAUSE_SECONDS = 0.05

_NAMED = re.compile(r"(?<![:\w]):([a-z_]+)")
_OURS = re.compile(r"/\*pg:(.*?)\*/", re.DOTALL)


@lru_cache(maxsize=1024)
def in_postgres(sql: str) -> bytes:
    """Give a statement of the store as psycopg wants it, with what SQLite passes over."""
    uncovered = _OURS.sub(r"\1", sql).replace("%", "%%")
    return _NAMED.sub(r"%(\1)s", uncovered).replace("?", "%s").encode()


class PostgresTransaction:
    """`Transaction` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.met_read_only = False
        """Whether the server refused to write: it is a standby, or was made one."""

    def execute(self, sql: str, parameters: Parameters = ()) -> Rows:
        """Run one statement."""
        try:
            return self.connection.execute(in_postgres(sql), parameters)
        except psycopg.errors.ReadOnlySqlTransaction:
            self.met_read_only = True
            raise

    def executemany(self, sql: str, parameters: Iterable[Parameters]) -> Rows:
        """Run one statement for every set of parameters."""
        cursor = self.connection.cursor()
        cursor.executemany(in_postgres(sql), parameters)
        return cursor

    def copy_in(self, table: str, columns: Sequence[str], lines: Iterable[Sequence[Value]]) -> None:
        """Add rows as one stream, all or none."""
        statement = SQL("COPY {} ({}) FROM STDIN").format(
            Identifier(table), SQL(", ").join(map(Identifier, columns))
        )
        try:
            with self.connection.cursor().copy(statement) as stream:
                for line in lines:
                    stream.write_row(line)
        except psycopg.errors.ReadOnlySqlTransaction:
            self.met_read_only = True
            raise

    def first_of_each(self, sql: str, parameters: Sequence[Parameters]) -> list[TupleRow | None]:
        """Run one statement for every set, in one round trip; give the first row of each."""
        cursor = self.connection.cursor()
        try:
            cursor.executemany(in_postgres(sql), parameters, returning=True)
        except psycopg.errors.ReadOnlySqlTransaction:
            self.met_read_only = True
            raise
        found = [cursor.fetchone()]
        while cursor.nextset():
            found.append(cursor.fetchone())
        return found


class PostgresSession:
    """`Session` at an address; `begin` is what begins a transaction, in one round trip.

    With a `channel`, listeners hear of every commit.
    """

    faults = (psycopg.Error, OverflowError, UnicodeEncodeError)

    def __init__(self, address: PostgresAddress, *, begin: str, channel: str = "") -> None:
        self._address = address
        self._begin = begin
        self._channel = channel
        self._transaction: PostgresTransaction | None = None
        self._pause_seconds = 0.0
        self._not_before = 0.0
        self._refused = ""

    @property
    def transaction(self) -> PostgresTransaction:
        """Give the transaction. Raises psycopg's error when there is no connection."""
        if self._transaction is None:
            raise psycopg.OperationalError("the connection is closed")
        return self._transaction

    @property
    def stands(self) -> bool:
        """Whether the server still has the transaction, also after an error in it."""
        if self._transaction is None:
            return False
        status = self._transaction.connection.info.transaction_status
        return status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}

    def begin(self) -> None:
        """Begin, on a new connection if the old one broke while nobody used it."""
        if self._is_usable():
            with contextlib.suppress(psycopg.OperationalError):
                self.transaction.connection.execute(self._begin.encode())
                return
        self._connect()
        self.transaction.connection.execute(self._begin.encode())

    def commit(self) -> None:
        """Commit. A connection that breaks here leaves it in doubt whether anything was written."""
        done = self.transaction.connection.execute("COMMIT")
        if done.statusmessage != "COMMIT":  # an aborted transaction answers ROLLBACK, without error
            raise psycopg.errors.InFailedSqlTransaction("the server rolled the transaction back")

    def rollback(self) -> None:
        """Undo; where that fails the connection is thrown away, and the server undoes it."""
        try:
            self.transaction.connection.execute("ROLLBACK")
        except psycopg.Error:
            self.close()

    def announce(self) -> None:
        """Notify listeners, in a transaction of its own.

        In that of the data it would make all commits of a database wait for each other.
        """
        if self._channel and self._is_usable():
            with contextlib.suppress(psycopg.Error):
                self.transaction.connection.execute(
                    f"BEGIN; SET LOCAL synchronous_commit = off; "
                    f'NOTIFY "{self._channel}"; COMMIT'.encode()
                )

    def close(self) -> None:
        """Close the connection."""
        if self._transaction is not None:
            with contextlib.suppress(psycopg.Error):
                self._transaction.connection.close()
            self._transaction = None

    def translate(self, error: Exception) -> Exception:
        """Give our error."""
        return translate(error, self._address.shown)

    def is_passing(self, error: Exception) -> bool:
        """Whether it was a deadlock or the like."""
        return is_passing(error)

    def _is_usable(self) -> bool:
        if self._transaction is None or self._transaction.met_read_only:
            return False
        status = self._transaction.connection.info.transaction_status
        return status is TransactionStatus.IDLE

    def _connect(self) -> None:
        self.close()
        if time.monotonic() < self._not_before:
            raise psycopg.OperationalError(self._refused)
        try:
            connection = self._address.connect()
        except psycopg.Error as error:
            self._refused = str(error)
            longer = max(FIRST_PAUSE_SECONDS, 2 * self._pause_seconds)
            self._pause_seconds = min(LONGEST_PAUSE_SECONDS, longer)
            # Not all at once, where many processes wait for the same server.
            spread = random.uniform(0.5, 1.0)  # noqa: S311 - nobody gains by guessing it
            self._not_before = time.monotonic() + self._pause_seconds * spread
            raise
        self._pause_seconds = 0.0
        self._transaction = PostgresTransaction(connection)
