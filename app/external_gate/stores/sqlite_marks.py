"""The high-water mark of time, and the marks of a database that is an older copy."""

import sqlite3
from datetime import datetime

from external_gate.domain.clock import MILLISECOND, from_milliseconds, to_milliseconds
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import Actor
from external_gate.stores.ledger_rows import history_values
from external_gate.stores.sqlite_lists import UNFINISHED
from external_gate.stores.store_rules import RESTORED

_READ = "SELECT value FROM meta WHERE name = ?"

_RAISE = """
INSERT INTO meta (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)
RETURNING value
"""

_TELL = f"""
INSERT INTO history (workflow_id, at, actor, event, reason, who, from_state, to_state, facts)
SELECT workflow_id, :at, :actor, :event, :reason, :who, :from_state, :to_state, :facts
FROM workflows WHERE {UNFINISHED}
"""  # noqa: S608 - a constant of ours

_MARK = f"UPDATE workflows SET restored_at = ? WHERE {UNFINISHED}"  # noqa: S608 - as above


def high_water(connection: sqlite3.Connection) -> datetime | None:
    """Give the mark; None before the first heartbeat."""
    row = connection.execute(_READ, ("high_water",)).fetchone()
    return None if row is None else from_milliseconds(row[0])


def raise_high_water(connection: sqlite3.Connection, now: datetime) -> datetime:
    """Raise the mark, and give it. It rises with every beat, also while our clock is behind it.

    So the mark beside the database is always later than that of an older copy.
    """
    mark = high_water(connection)
    at_least = now if mark is None else max(now, mark + MILLISECOND)
    return from_milliseconds(_raise(connection, "high_water", at_least))


def mark_restored(connection: sqlite3.Connection, at: datetime) -> int:
    """Mark every unfinished workflow; later ones are marked by the age of their notification."""
    _raise(connection, "restored_at", at)
    entry = HistoryEntry(at, Actor.ENGINE, RESTORED)
    connection.execute(_TELL, history_values(entry))
    return connection.execute(_MARK, (to_milliseconds(at),)).rowcount


def _raise(connection: sqlite3.Connection, name: str, instant: datetime) -> int:
    rows = connection.execute(_RAISE, {"name": name, "value": to_milliseconds(instant)}).fetchall()
    return int(rows[0][0])
