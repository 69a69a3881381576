"""The outbox: notices to the host application, and their way to each endpoint."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.errors import BadInput
from external_gate.domain.host_notice import (
    GIVE_UP_AFTER,
    DeliveryState,
    DueNotice,
    HostNotice,
    KeptHostNotice,
    NoticeDelivery,
    NoticeFilter,
    Subscriptions,
    body_of,
    message_id_of,
)
from external_gate.stores.documents import write_json
from external_gate.stores.outbox_rows import delivery_from, due_from, kept_from
from external_gate.stores.rows import Row, Value
from external_gate.stores.sql_dossiers import lock_row
from external_gate.stores.sql_transaction import Transaction, select, select_one

NOBODY: Subscriptions = MappingProxyType({})
"""No endpoint wants anything: nothing is written."""

_LATEST = "SELECT coalesce(max(sequence), 0) FROM host_notices WHERE workflow_id = ?"

_KEEP = """
INSERT INTO host_notices (message_id, type, workflow_id, sequence, at, body)
VALUES (:message_id, :type, :workflow_id, :sequence, :at, :body)
RETURNING number
"""

_OFFER = """
INSERT INTO notice_deliveries (notice, endpoint, state, due_at, give_up_at)
VALUES (:notice, :endpoint, 'waiting', :due_at, :give_up_at)
"""

_DUE = """
SELECT notice FROM notice_deliveries
WHERE endpoint = :endpoint AND state = 'waiting' AND due_at <= :now
ORDER BY due_at LIMIT :limit
/*pg: FOR NO KEY UPDATE SKIP LOCKED */
"""

# Until the lease ends nobody else tries it; whoever dies meanwhile leaves it due again.
_LEASE = """
UPDATE notice_deliveries SET tries = tries + 1, tried_at = :now, due_at = :until
WHERE notice = :notice AND endpoint = :endpoint
"""

# One that is passed on has its body where Metronome's notifications are kept.
_CLAIMED = """
SELECT
    notice, endpoint, tries, resent_after, give_up_at, message_id, host_notices.type AS type, at,
    host_notices.body AS body, headers, notifications.body AS original
FROM notice_deliveries
JOIN host_notices ON host_notices.number = notice
LEFT JOIN notifications ON notifications.number = notification
WHERE endpoint = :endpoint AND notice IN (
    SELECT CAST(value AS bigint) FROM json_each(:notices)
) ORDER BY notice
"""

# That it was delivered is the truth whoever says it, unless a person wants it sent once more since.
_SETTLE = """
UPDATE notice_deliveries
SET state = :state, due_at = :due_at, ended_at = :ended_at, outcome = :outcome
WHERE notice = :notice AND endpoint = :endpoint AND state <> 'delivered'
    AND ((state = 'waiting' AND tries = :tries) OR (:state = 'delivered' AND :tries > resent_after))
"""

_RESEND = """
INSERT INTO notice_deliveries (notice, endpoint, state, due_at, give_up_at)
VALUES (:notice, :endpoint, 'waiting', :due_at, :give_up_at)
ON CONFLICT (notice, endpoint) DO UPDATE SET
    state = 'waiting', due_at = excluded.due_at, give_up_at = excluded.give_up_at,
    resent_after = notice_deliveries.tries, ended_at = NULL
"""

_BURY = """
UPDATE notice_deliveries SET
    state = 'dead', due_at = NULL, ended_at = :now,
    outcome = 'nobody offers it to this endpoint any more'
WHERE state = 'waiting' AND give_up_at <= :now
    AND endpoint NOT IN (SELECT value FROM json_each(:configured))
RETURNING notice, endpoint
"""

_NOTICE = "SELECT * FROM host_notices WHERE number = ?"

_DELIVERIES = """
SELECT * FROM notice_deliveries
WHERE notice IN (SELECT CAST(value AS bigint) FROM json_each(?)) ORDER BY notice, endpoint
"""

_WAITING = """
SELECT endpoint, count(*) AS notices, min(give_up_at) AS oldest
FROM notice_deliveries WHERE state = 'waiting' GROUP BY endpoint
"""

_DEAD = """
SELECT endpoint, count(*) AS notices FROM notice_deliveries WHERE state = 'dead' GROUP BY endpoint
"""


def write_notices(
    transaction: Transaction, told: Sequence[HostNotice], subscriptions: Subscriptions
) -> None:
    """Write what somebody wants to hear, each with its deliveries.

    Whoever calls has the workflow's row locked: two notices never get one number.
    """
    for notice in told:
        if endpoints := subscriptions.get(notice.type):
            _write(transaction, notice, endpoints)


def _write(transaction: Transaction, notice: HostNotice, endpoints: Sequence[str]) -> None:
    sequence = 0
    if notice.workflow_id is not None:
        sequence = transaction.execute(_LATEST, (notice.workflow_id,)).fetchone()[0] + 1
    body = body_of(notice, sequence)
    kept: dict[str, Value] = {
        "message_id": message_id_of(body),
        "type": notice.type.value,
        "workflow_id": notice.workflow_id,
        "sequence": sequence,
        "at": to_milliseconds(notice.at),
        "body": body,
    }
    # All rows are fetched, or the statement would stay open.
    ((number,),) = transaction.execute(_KEEP, kept).fetchall()
    offer(transaction, number, endpoints, notice.at)


def _offer(number: int, endpoint: str, at: datetime) -> dict[str, Value]:
    return {
        "notice": number,
        "endpoint": endpoint,
        "due_at": to_milliseconds(at),
        "give_up_at": to_milliseconds(at + GIVE_UP_AFTER),
    }


def offer(transaction: Transaction, notice: int, endpoints: Sequence[str], at: datetime) -> None:
    """Offer a new notice to endpoints, from now on and for its whole time."""
    transaction.executemany(_OFFER, [_offer(notice, name, at) for name in endpoints])


def put_notice(transaction: Transaction, notice: HostNotice, subscriptions: Subscriptions) -> None:
    """Write a notice that tells of no save. Raises `BadInput` for an unknown workflow."""
    if notice.workflow_id is not None and lock_row(transaction, notice.workflow_id) is None:
        raise BadInput(f"there is no workflow {notice.workflow_id}")
    write_notices(transaction, [notice], subscriptions)


def claim_notices(
    transaction: Transaction, endpoint: str, *, now: datetime, lease: timedelta, limit: int
) -> list[DueNotice]:
    """Claim what is due for one endpoint, and count the try that follows."""
    at = to_milliseconds(now)
    asked: dict[str, Value] = {"endpoint": endpoint, "now": at, "limit": limit}
    notices = [row["notice"] for row in select(transaction, _DUE, asked)]
    if not notices:
        return []
    until = to_milliseconds(now + lease)
    leases: list[dict[str, Value]] = [
        {"notice": notice, "endpoint": endpoint, "now": at, "until": until} for notice in notices
    ]
    transaction.executemany(_LEASE, leases)
    claimed: dict[str, Value] = {"endpoint": endpoint, "notices": write_json(notices)}
    return [due_from(row) for row in select(transaction, _CLAIMED, claimed)]


def settle_notice(
    transaction: Transaction,
    due: DueNotice,
    *,
    state: DeliveryState,
    outcome: str,
    at: datetime,
    due_at: datetime | None,
) -> bool:
    """Write what a try came to; false when it is no longer ours to say."""
    is_waiting = state is DeliveryState.WAITING
    told: dict[str, Value] = {
        "notice": due.number,
        "endpoint": due.endpoint,
        "tries": due.tries,
        "state": state.value,
        "outcome": outcome,
        "due_at": to_milliseconds(due_at or at) if is_waiting else None,
        "ended_at": None if is_waiting else to_milliseconds(at),
    }
    return transaction.execute(_SETTLE, told).rowcount == 1


def resend_notice(
    transaction: Transaction, number: int, *, endpoints: Collection[str], at: datetime
) -> bool:
    """Offer a notice to endpoints anew; false when there is none of that number."""
    if select_one(transaction, _NOTICE, (number,)) is None:
        return False
    transaction.executemany(_RESEND, [_offer(number, name, at) for name in endpoints])
    return True


def bury_notices(
    transaction: Transaction, *, configured: Collection[str], now: datetime
) -> list[tuple[int, str]]:
    """Give up what waits for endpoints that nobody configures any more, when its time is over."""
    asked: dict[str, Value] = {
        "configured": write_json(sorted(configured)),
        "now": to_milliseconds(now),
    }
    return [(row["notice"], row["endpoint"]) for row in select(transaction, _BURY, asked)]


def list_host_notices(transaction: Transaction, wanted: NoticeFilter) -> list[KeptHostNotice]:
    """List notices with their deliveries, newest first."""
    sql, asked = _query(wanted)
    return _with_deliveries(transaction, select(transaction, sql, asked))


def read_host_notice(transaction: Transaction, number: int) -> KeptHostNotice | None:
    """Read one notice; None when there is none of that number."""
    found = _with_deliveries(transaction, select(transaction, _NOTICE, (number,)))
    return found[0] if found else None


def read_waiting(
    transaction: Transaction,
) -> tuple[dict[str, int], dict[str, datetime], dict[str, int]]:
    """Count per endpoint what waits, since when the oldest of it waits, and what was given up."""
    rows = select(transaction, _WAITING)
    since = {row["endpoint"]: from_milliseconds(row["oldest"]) - GIVE_UP_AFTER for row in rows}
    dead = {row["endpoint"]: row["notices"] for row in select(transaction, _DEAD)}
    return {row["endpoint"]: row["notices"] for row in rows}, since, dead


def _query(wanted: NoticeFilter) -> tuple[str, dict[str, Value]]:
    """Write the question that a filter asks, from constant conditions alone."""
    conditions, ways = ["1 = 1"], []
    asked: dict[str, Value] = {"limit": wanted.limit}
    if wanted.before is not None:
        conditions.append("number < :before")
        asked["before"] = wanted.before
    if wanted.workflow_id is not None:
        conditions.append("workflow_id = :workflow_id")
        asked["workflow_id"] = wanted.workflow_id
    if wanted.forwarded is not None:
        conditions.append(f"notification IS {'NOT ' if wanted.forwarded else ''}NULL")
    if wanted.endpoint is not None:
        ways.append("endpoint = :endpoint")
        asked["endpoint"] = wanted.endpoint
    if wanted.state is not None:
        ways.append(f"state = '{wanted.state.value}'")  # a literal, for the partial indexes
    if ways:
        told = f"SELECT notice FROM notice_deliveries WHERE {' AND '.join(ways)}"  # noqa: S608
        conditions.append(f"number IN ({told})")
    sql = (
        f"SELECT * FROM host_notices WHERE {' AND '.join(conditions)} "  # noqa: S608 - as said above
        "ORDER BY number DESC LIMIT :limit"
    )
    return sql, asked


def _with_deliveries(transaction: Transaction, rows: Sequence[Row]) -> list[KeptHostNotice]:
    ways: defaultdict[int, list[NoticeDelivery]] = defaultdict(list)
    if rows:
        numbers = (write_json([row["number"] for row in rows]),)
        for row in select(transaction, _DELIVERIES, numbers):
            ways[row["notice"]].append(delivery_from(row))
    return [kept_from(row, ways[row["number"]]) for row in rows]
