"""What an error of SQLite means to us, and its cure."""

import sqlite3
from pathlib import Path

from external_gate.domain.errors import BadInput, Broken, GateError, Unavailable

_CURES: dict[int, tuple[type[GateError], str]] = {
    sqlite3.SQLITE_BUSY: (Unavailable, "another process keeps it locked: wait for it or end it"),
    sqlite3.SQLITE_LOCKED: (Unavailable, "another connection keeps it locked: try again"),
    sqlite3.SQLITE_FULL: (Unavailable, "no room is left: free space on its disk"),
    sqlite3.SQLITE_IOERR: (Unavailable, "its disk fails: look at the system's log"),
    sqlite3.SQLITE_READONLY: (
        Unavailable,
        "it is read-only, or was replaced: let this user write to file and directory, start again",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        Unavailable,
        "it cannot be opened: see that the directory exists and that this user may write to it",
    ),
    sqlite3.SQLITE_PERM: (Unavailable, "this user may not use it: mend its permissions"),
    sqlite3.SQLITE_CORRUPT: (Broken, "it is damaged: restore a backup"),
    sqlite3.SQLITE_NOTADB: (Broken, "it is no SQLite database: name another file in store.url"),
    sqlite3.SQLITE_CONSTRAINT: (Broken, "one of its rules was violated, which is a bug"),
    sqlite3.SQLITE_ERROR: (Broken, "it does not understand us: see that no other tool changed it"),
}


def translate(error: Exception, path: Path) -> Exception:
    """Give our error for what a database call raised, with the cause kept.

    What is not SQLite's and not about a value that SQLite cannot keep comes back as it is.
    """
    fault: Exception
    match error:
        case sqlite3.Error():
            kind, cure = _meaning(error)
            fault = kind(f"database {path}: {cure} ({error})")
        case OverflowError() | UnicodeEncodeError():
            fault = BadInput(f"database {path}: it cannot keep such a value ({error})")
        case _:
            return error
    fault.__cause__ = error
    return fault


def translate_at_start(error: sqlite3.Error, path: Path) -> Exception:
    """Give our error for what kept a service from opening its database.

    Then a database that this user may not write is wrong set-up: waiting would not mend it.
    """
    if _primary_code(error) not in _NOT_WRITABLE:
        return translate(error, path)
    return Broken(
        f"database {path}: this user cannot write it, or make files beside it: "
        f"mend the permissions or the mount, then start again ({error})"
    )


_NOT_WRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


def _primary_code(error: sqlite3.Error) -> int:
    # The low byte; the rest says more than anybody here can use.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _meaning(error: sqlite3.Error) -> tuple[type[GateError], str]:
    code = _primary_code(error)
    if code in _CURES:
        return _CURES[code]
    if isinstance(error, sqlite3.OperationalError):
        return Unavailable, "it does not answer as it should: try again"
    return Broken, "it was used wrongly, which is a bug"
