"""What an error of PostgreSQL means to us, and its cure."""

from collections.abc import Mapping

import psycopg

from external_gate.domain.errors import BadInput, Broken, GateError, Unavailable

Meaning = tuple[type[GateError], str]

_CURES: Mapping[str, Meaning] = {
    "25006": (
        Unavailable,
        "it is read-only, as a standby is: name the primary in store.url, or wait for the failover",
    ),
    "25P03": (Unavailable, "we were stopped amid a transaction, and it was undone: try again"),
    "40001": (Unavailable, "others wrote the same at the same moment, again and again: try again"),
    "40P01": (Unavailable, "others stood in our way again and again: try again"),
    "42501": (Broken, "this user may not do that: grant it the rights to the schema"),
    "42P01": (Broken, "a table is missing: run external-gate db migrate"),
    "42703": (Broken, "a column is missing: run external-gate db migrate"),
    "3F000": (Broken, "the schema is missing: run external-gate db migrate"),
    "3D000": (Broken, "there is no such database: create it, or name another in store.url"),
    "53100": (Unavailable, "no room is left: free space on its disk"),
    "53300": (
        Unavailable,
        "it has no connection left: raise its max_connections, or run fewer replicas",
    ),
    "54000": (BadInput, "it cannot keep such a long value"),
    "55P03": (Unavailable, "another transaction keeps a row locked: wait for it or end it"),
    "57014": (Unavailable, "a statement took too long and was ended: look at its load and locks"),
    "EG001": (Broken, "one of its rules was violated, which is a bug"),
}
"""By SQLSTATE. Source: postgresql.org/docs/current/errcodes-appendix.html, 2026-11."""

_CLASSES: Mapping[str, Meaning] = {
    "08": (Unavailable, "the connection broke: see that it runs and can be reached"),
    "22": (BadInput, "it cannot keep such a value"),
    "23": (Broken, "one of its rules was violated, which is a bug"),
    "28": (Broken, "it does not let us in: mend user and password in store.url or PG…"),
    "53": (Unavailable, "it has not enough of something: look at its log"),
    "57": (Unavailable, "it is being stopped or started: wait for it"),
    "58": (Unavailable, "its machine fails: look at its log"),
    "XX": (Broken, "it is damaged or has a bug: look at its log"),
}
"""By the first two letters."""

_PASSING = {"40001", "40P01"}


def translate(error: Exception, shown: str) -> Exception:
    """Give our error for what a database call raised, with the cause kept.

    What is not psycopg's and not about a value that cannot be kept comes back as it is.
    """
    fault: Exception
    match error:
        case psycopg.Error():
            kind, cure = _meaning(error)
            fault = kind(f"database {shown}: {cure} ({_one_line(error)})")
        case OverflowError() | UnicodeEncodeError():
            fault = BadInput(f"database {shown}: it cannot keep such a value ({error})")
        case _:
            return error
    fault.__cause__ = error
    return fault


def is_passing(error: Exception) -> bool:
    """Whether others stood in the way: nothing is wrong with what was asked."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _PASSING


def _meaning(error: psycopg.Error) -> Meaning:
    code = error.sqlstate or ""
    if known := _CURES.get(code) or _CLASSES.get(code[:2]):
        return known
    if isinstance(error, psycopg.OperationalError):  # libpq's own: it knows no SQLSTATE
        return Unavailable, "it cannot be reached: see that it runs, and that store.url is right"
    if isinstance(error, psycopg.DataError):  # psycopg's own, such as of a text with a NUL
        return BadInput, "it cannot keep such a value"
    return Broken, "it does not understand us: see that no other tool changed it"


def _one_line(error: psycopg.Error) -> str:
    # What follows the first line quotes values: they belong into no log.
    return (error.diag.message_primary or str(error)).strip().partition("\n")[0]
