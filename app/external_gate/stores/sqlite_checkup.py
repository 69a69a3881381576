"""What can be told about a SQLite file without changing it: for `doctor`."""

import os
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from sqlite_utils import Database

from external_gate.domain.errors import Broken
from external_gate.stores.schema import applied, missing, shipped
from external_gate.stores.sqlite_connection import (
    connect_file,
    immediate,
    open_to_read,
    open_to_write,
    path_of,
)
from external_gate.stores.sqlite_faults import translate

FIXED_IN = (3, 51, 3)
"""The first SQLite without the WAL-reset bug: two connections that write or checkpoint at the same
moment can damage the file. Source: sqlite.org/wal.html, 2026-11-22."""


@dataclass(frozen=True, slots=True)
class Findings:
    """One file as it was found."""

    path: Path
    exists: bool
    library: str
    """Version of the SQLite library in this process."""
    has_wal_reset_bug: bool
    free_bytes: int
    """On the file's disk."""
    behind: Sequence[str] = ()
    """Migrations that the next start applies; empty when it is up to date."""
    journal_mode: str = ""
    synchronous: str = ""
    """As our writing connection has it."""


def examine(url: str, *, busy_timeout: timedelta) -> Findings:
    """Look at the file behind a `store.url`; migrates nothing and makes no file.

    The write lock is taken for a moment and given back. Raises `Broken` and `Unavailable` as
    `Store.open` would, when the file cannot be used.
    """
    path = path_of(url).resolve()
    found = Findings(
        path=path,
        exists=path.exists(),
        library=sqlite3.sqlite_version,
        has_wal_reset_bug=sqlite3.sqlite_version_info < FIXED_IN,
        free_bytes=shutil.disk_usage(path.parent).free,
    )
    if not found.exists:
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise Broken(f"this user may not make a file in {path.parent}: mend its permissions")
        return found
    try:
        return _look_inside(found, busy_timeout)
    except sqlite3.Error as error:
        raise translate(error, path) from error


def _look_inside(found: Findings, busy_timeout: timedelta) -> Findings:
    behind = _behind(found.path, busy_timeout)
    # Only now, when it is known to be ours: this switches a file to the write-ahead log.
    database = open_to_write(found.path, busy_timeout, connect_file)
    try:
        with immediate(database.conn):
            pass  # proves that this user may write, and that nobody keeps it locked
        return replace(
            found,
            behind=behind,
            journal_mode=str(_pragma(database.conn, "journal_mode")),
            synchronous=_SYNCHRONOUS.get(_pragma(database.conn, "synchronous"), "unknown"),
        )
    finally:
        database.close()


def _behind(path: Path, busy_timeout: timedelta) -> Sequence[str]:
    connection = open_to_read(path, busy_timeout, connect_file)
    try:
        has = applied(Database(connection, execute_plugins=False))
        return tuple(migration.name for migration in missing(has, shipped("sqlite")))
    finally:
        connection.close()


_SYNCHRONOUS: Mapping[object, str] = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
