"""A SQLite connection as a session: a write takes the lock first, so nothing is ever run again."""

import contextlib
import sqlite3
from collections.abc import Callable


class SqliteSession:
    """`Session` on an open connection; `begin` is the statement that begins a transaction."""

    faults = (sqlite3.Error, OverflowError, UnicodeEncodeError)

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        translate: Callable[[Exception], Exception],
        begin: str = "BEGIN IMMEDIATE",
    ) -> None:
        self._connection = connection
        self._translate = translate
        self._begin = begin

    @property
    def transaction(self) -> sqlite3.Connection:
        """Give the connection itself."""
        return self._connection

    @property
    def stands(self) -> bool:
        """Whether SQLite has not undone the transaction by itself, as it does on some errors."""
        return self._connection.in_transaction

    def begin(self) -> None:
        """Begin; a write waits here for the lock of another process."""
        self._connection.execute(self._begin)

    def commit(self) -> None:
        """Commit."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what is left to be undone."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def announce(self) -> None:
        """Say nothing: one process serves a file."""

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def translate(self, error: Exception) -> Exception:
        """Give our error."""
        return self._translate(error)

    def is_passing(self, error: Exception) -> bool:  # noqa: ARG002 - the protocol's
        """Tell that nothing passes: whoever holds the write lock is alone."""
        return False
