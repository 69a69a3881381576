"""The high-water mark of time, and the marks of a database that is an older copy."""

from datetime import datetime

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import Actor
from external_gate.stores.ledger_rows import history_values
from external_gate.stores.sql_lists import UNFINISHED
from external_gate.stores.sql_transaction import Transaction
from external_gate.stores.store_rules import RESTORED

_READ = "SELECT value FROM meta WHERE name = ?"

_READ_ALONE = "SELECT value FROM meta WHERE name = ? /*pg: FOR UPDATE */"

_BEAT = """
INSERT INTO meta (name, value) VALUES ('high_water', :value)
ON CONFLICT (name) DO UPDATE SET value = max(meta.value + 1, excluded.value)
RETURNING value
"""

_RESTORED_AT = """
INSERT INTO meta (name, value) VALUES ('restored_at', :value)
ON CONFLICT (name) DO UPDATE SET value = max(meta.value, excluded.value)
RETURNING value
"""

_TELL = f"""
INSERT INTO history (workflow, at, actor, event, reason, who, from_state, to_state, facts)
SELECT number, :at, :actor, :event, :reason, :who, :from_state, :to_state, :facts
FROM workflows WHERE {UNFINISHED}
"""  # noqa: S608 - a constant of ours

# Whoever has a claim from before knows nothing of the mark: with the next fence their save would
# charge without a look, and unmark the workflow. Their leases run on, for what is on the wire.
_MARK = f"""
UPDATE workflows SET restored_at = ?, fence = fence + 1 WHERE {UNFINISHED}
"""  # noqa: S608 - as above


def high_water(transaction: Transaction) -> datetime | None:
    """Give the mark; None before the first heartbeat."""
    row = transaction.execute(_READ, ("high_water",)).fetchone()
    return None if row is None else from_milliseconds(row[0])


def mark_if_older(transaction: Transaction, seen: datetime) -> int | None:
    """Mark every unfinished workflow if the database does not know of a mark that was seen in it.

    Gives how many, or None when it is no older copy. Of several processes only one marks.
    """
    if _is_known(transaction, _READ, seen) or _is_known(transaction, _READ_ALONE, seen):
        return None
    marked = mark_restored(transaction, seen)
    raise_high_water(transaction, seen)
    return marked


def _is_known(transaction: Transaction, sql: str, seen: datetime) -> bool:
    row = transaction.execute(sql, ("high_water",)).fetchone()
    return row is not None and from_milliseconds(row[0]) >= seen


def raise_high_water(transaction: Transaction, now: datetime) -> datetime:
    """Raise the mark, and give it. It rises with every beat, also while our clock is behind it.

    So the mark beside the database is always later than that of an older copy.
    """
    return from_milliseconds(_raise(transaction, _BEAT, now))


def mark_restored(transaction: Transaction, at: datetime) -> int:
    """Mark every unfinished workflow; later ones are marked by the age of their notification.

    Every claim of them is lost with it, as if somebody else had claimed them.
    """
    _raise(transaction, _RESTORED_AT, at)
    entry = HistoryEntry(at, Actor.ENGINE, RESTORED)
    transaction.execute(_TELL, history_values(entry))
    return transaction.execute(_MARK, (to_milliseconds(at),)).rowcount


def _raise(transaction: Transaction, sql: str, instant: datetime) -> int:
    # All rows are fetched, or the statement would stay open.
    rows = transaction.execute(sql, {"value": to_milliseconds(instant)}).fetchall()
    return int(rows[0][0])
