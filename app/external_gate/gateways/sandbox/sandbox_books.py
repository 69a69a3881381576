"""The sandbox's books: one SQLite file, so that a killed service finds its charges again.

Every entry is one transaction, written through to the disk before its answer is given. Several
processes may share a file. These functions block; the adapter runs them in a thread.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.money import Money
from external_gate.gateways.sandbox.scripts import Booking, script_of

# Shorter than the adapter's usual timeout of 5 s: a locked file must end the call, not outlive it.
BUSY_SECONDS = 3.0

# Captures are counted in a table of their own that forbids nothing: a second charge must show.
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS charges (
        number         INTEGER PRIMARY KEY,
        attempt_key    TEXT    NOT NULL UNIQUE,
        workflow_id    TEXT    NOT NULL,
        payment_method TEXT    NOT NULL,
        body_digest    TEXT,             -- null when the key was cancelled before any charge came
        minor          INTEGER NOT NULL,
        currency       TEXT    NOT NULL,
        booking        TEXT    NOT NULL,
        lookups        INTEGER NOT NULL DEFAULT 0,
        received_at    INTEGER NOT NULL  -- milliseconds since 1970
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS captures (
        number      INTEGER PRIMARY KEY,
        attempt_key TEXT    NOT NULL,
        captured_at INTEGER NOT NULL  -- milliseconds since 1970
    ) STRICT""",
)


@dataclass(frozen=True, slots=True)
class Order:
    """What the sandbox is asked to charge."""

    attempt_key: str
    workflow_id: str
    payment_method: str
    amount: Money
    body_digest: str | None
    """SHA-256 of the request's body; None for a cancel, which has none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One charge in the books."""

    number: int
    order: Order
    booking: Booking
    lookups: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """When a pending charge becomes final: at the Nth lookup or after a time, what is first."""

    lookups: int
    time: timedelta


class Books:
    """The charges in one file, which is created when first needed."""

    def __init__(self, path: Path, patience: Patience) -> None:
        self._path = path
        self._patience = patience

    def charge(self, order: Order, *, now: datetime) -> tuple[Entry, bool]:
        """Book a charge and tell whether its key was new; a repeat changes nothing.

        The caller compares `body_digest`: a key that comes with another body is no repeat.
        """
        with self._transaction() as connection:
            known = _find(connection, order.attempt_key)
            if known is None:
                return _insert(connection, order, script_of(order.payment_method).books, now), True
            if known.booking is Booking.LOST and known.order.body_digest == order.body_digest:
                return _rebook(connection, known, Booking.SUCCEEDED, now), False
            return known, False

    def look(self, attempt_key: str, *, now: datetime) -> Entry | None:
        """Give the entry of a key; each look brings a pending charge nearer to its end."""
        with self._transaction() as connection:
            known = _find(connection, attempt_key)
            if known is None or known.booking is not Booking.PENDING:
                return known
            connection.execute(
                "UPDATE charges SET lookups = lookups + 1 WHERE number = ?", [known.number]
            )
            return self._settle(connection, known, lookups=known.lookups + 1, now=now)

    def cancel(self, order: Order, *, now: datetime) -> Entry:
        """Stop a charge that took no money; a key that was never seen is burnt."""
        with self._transaction() as connection:
            known = _find(connection, order.attempt_key)
            if known is None:
                return _insert(connection, order, Booking.CANCELLED, now)
            settled = self._settle(connection, known, lookups=known.lookups, now=now)
            if settled.booking in {Booking.LOST, Booking.PENDING}:
                return _rebook(connection, settled, Booking.CANCELLED, now)
            return settled

    def refund(self, attempt_key: str, *, now: datetime) -> Entry | None:
        """Give back what was taken, if anything was; None for a key that was never seen."""
        with self._transaction() as connection:
            known = _find(connection, attempt_key)
            if known is None:
                return None
            settled = self._settle(connection, known, lookups=known.lookups, now=now)
            if settled.booking is Booking.SUCCEEDED:
                return _rebook(connection, settled, Booking.REFUNDED, now)
            return settled

    def _settle(
        self, connection: sqlite3.Connection, entry: Entry, *, lookups: int, now: datetime
    ) -> Entry:
        due = lookups >= self._patience.lookups or now - entry.received_at >= self._patience.time
        if entry.booking is not Booking.PENDING or not due:
            return entry
        declines = script_of(entry.order.payment_method).decline is not None
        end = Booking.DECLINED if declines else Booking.SUCCEEDED
        return _rebook(connection, entry, end, now)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            # No WAL: it has a corruption bug with several processes before SQLite 3.51.3.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                connection.execute(statement)
            yield connection
            connection.execute("COMMIT")
        finally:
            # Closing without a commit rolls back.
            connection.close()


def charges_by_workflow(path: Path) -> dict[str, dict[str, int]]:
    """Count how often money was taken: per workflow, per attempt key.

    Every key that the sandbox has seen is there, with 0 when nothing was taken. A file that is not
    there yet is empty. Meant for demo and tests; it may look while a service is writing.
    """
    if not path.exists():
        return {}
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        # Killed before its first charge, a service leaves a file without tables.
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return {}
        rows = connection.execute(
            "SELECT workflow_id, attempt_key, count(captures.number) FROM charges"
            " LEFT JOIN captures USING (attempt_key)"
            " GROUP BY workflow_id, attempt_key ORDER BY charges.number"
        ).fetchall()
    finally:
        connection.close()
    found: dict[str, dict[str, int]] = {}
    for workflow_id, attempt_key, captures in rows:
        found.setdefault(workflow_id, {})[attempt_key] = captures
    return found


def _find(connection: sqlite3.Connection, attempt_key: str) -> Entry | None:
    row = connection.execute(
        "SELECT number, attempt_key, workflow_id, payment_method, minor, currency, body_digest,"
        " booking, lookups, received_at FROM charges WHERE attempt_key = ?",
        [attempt_key],
    ).fetchone()
    if row is None:
        return None
    number, key, workflow_id, method, minor, currency, digest, booking, lookups, received_at = row
    return Entry(
        number=number,
        order=Order(key, workflow_id, method, Money(minor, currency), digest),
        booking=Booking(booking),
        lookups=lookups,
        received_at=from_milliseconds(received_at),
    )


def _insert(connection: sqlite3.Connection, order: Order, booking: Booking, now: datetime) -> Entry:
    row = connection.execute(
        "INSERT INTO charges (attempt_key, workflow_id, payment_method, minor, currency,"
        " body_digest, booking, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
        [
            order.attempt_key,
            order.workflow_id,
            order.payment_method,
            order.amount.minor,
            order.amount.currency,
            order.body_digest,
            booking,
            to_milliseconds(now),
        ],
    ).fetchone()
    if booking is Booking.SUCCEEDED:
        _capture(connection, order.attempt_key, now)
    return Entry(row[0], order, booking, lookups=0, received_at=now)


def _rebook(connection: sqlite3.Connection, entry: Entry, booking: Booking, now: datetime) -> Entry:
    connection.execute("UPDATE charges SET booking = ? WHERE number = ?", [booking, entry.number])
    if booking is Booking.SUCCEEDED:
        _capture(connection, entry.order.attempt_key, now)
    return replace(entry, booking=booking)


def _capture(connection: sqlite3.Connection, attempt_key: str, now: datetime) -> None:
    connection.execute(
        "INSERT INTO captures (attempt_key, captured_at) VALUES (?, ?)",
        [attempt_key, to_milliseconds(now)],
    )
