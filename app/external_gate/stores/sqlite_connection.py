"""Connections to one SQLite file: where it is, how it is opened, and how it is asked."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlite_utils import Database

from external_gate.domain.errors import Broken

Connect = Callable[[Path, timedelta], sqlite3.Connection]
"""How a file is opened, with the longest wait for another process's lock."""

_SCHEME = "sqlite:///"
_WAL_PAGES = 4_000
"""Of the write-ahead log (16 MB) before they are written back, instead of SQLite's 1,000: a busy
writer takes a fifth less time and writes a fifth less, and its longest pause stays what it was."""

_WAL_PAUSE_SECONDS = 0.02
"""Between two tries to switch to the write-ahead log: others hold their lock for milliseconds."""


def path_of(url: str) -> Path:
    """Give the file behind a `store.url`: `sqlite:///relative.db` or `sqlite:////absolute.db`.

    Raises `Broken` when it names no file, or when the file's directory is missing.
    """
    # Another kind of address may carry a password: it is not repeated.
    name = url.removeprefix(_SCHEME)
    if name == url or not name or ":memory:" in name or "?" in name:
        raise Broken("store.url names no SQLite file: write sqlite:///external-gate.db")
    path = Path(name)
    if not path.parent.is_dir():
        raise Broken(f"store.url {url}: create the directory {path.parent.resolve()} first")
    if path.is_dir():
        raise Broken(f"store.url {url}: {path} is a directory; name a file in it")
    return path


def connect_file(
    path: Path, busy_timeout: timedelta, *, factory: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    """Open a file; transactions are ours alone to begin and end."""
    return sqlite3.connect(
        path,
        timeout=busy_timeout.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        factory=factory,
    )


def open_to_write(path: Path, busy_timeout: timedelta, connect: Connect) -> Database:
    """Open the one connection that writes: committed means on disk, also when the power fails."""
    connection = connect(path, busy_timeout)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        _write_ahead(connection, busy_timeout)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        return Database(connection, execute_plugins=False)
    except BaseException:
        connection.close()
        raise


def open_to_read(path: Path, busy_timeout: timedelta, connect: Connect) -> sqlite3.Connection:
    """Open a connection that cannot write."""
    connection = connect(path, busy_timeout)
    try:
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def immediate(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock from the first statement on, so that what was read stays true."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def prove_writable(connection: sqlite3.Connection) -> None:
    """Begin to write, and change nothing: SQLite opens a read-only file without a word.

    Another process's lock proves nothing. Raises SQLite's own errors.
    """
    try:
        # Not `immediate`: on a read-only file that begins a transaction that reads.
        connection.execute("UPDATE meta SET value = value WHERE FALSE")
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise


def _write_ahead(connection: sqlite3.Connection, busy_timeout: timedelta) -> None:
    # The switch from a fresh file does not wait for the lock of another process that switches at
    # the same moment, whatever the busy timeout: it fails at once (seen with SQLite 3.40).
    deadline = time.monotonic() + busy_timeout.total_seconds()
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)  # asked again: no event tells that the other is done
            continue
        if mode != "wal":
            raise Broken(f"this disk does not support SQLite's write-ahead log ({mode}): move it")
        return
