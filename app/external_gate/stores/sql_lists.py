"""Listings, page by page, and counts; none of them grows with what has ended."""

from collections import Counter
from collections.abc import Mapping

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.ledger import Deferral, IncidentKind
from external_gate.domain.workflow import ENDED, HeldReason, State, Workflow
from external_gate.stores.documents import write_json
from external_gate.stores.rows import Value, instant, notification_from, workflow_from
from external_gate.stores.sql_outbox import read_waiting
from external_gate.stores.sql_transaction import Transaction, select, select_one
from external_gate.stores.store_records import Counts, Notification, WorkflowFilter

UNFINISHED = "state NOT IN ('released', 'cancelled', 'refunded')"
"""Word for word as in the partial index, or the planner does not see that it may use it."""

_COUNTS = f"""
SELECT state, held_reason, count(*) AS workflows, min(received_at) AS oldest
FROM workflows WHERE {UNFINISHED} GROUP BY state, held_reason
"""  # noqa: S608 - a constant of ours

_DEFERRED = """
SELECT deferred_by, state, count(*) AS workflows FROM workflows
WHERE deferred_by IS NOT NULL AND state IN ('ready', 'held') GROUP BY deferred_by, state
"""

_INCIDENTS = "SELECT kind, count(*) AS incidents FROM incidents GROUP BY kind"

_INBOX = """
SELECT count(*), (SELECT received_at FROM inbox ORDER BY number LIMIT 1) FROM inbox
"""

_NOTIFICATION = "SELECT * FROM notifications WHERE number = ?"

_NOTIFICATIONS = """
SELECT * FROM notifications WHERE number < :before ORDER BY number DESC LIMIT :limit
"""

_FLAWED = """
SELECT * FROM notifications
WHERE number < :before AND flaw IS NOT NULL ORDER BY number DESC LIMIT :limit
"""

_ABOVE_EVERY_NUMBER = 2**63 - 1


def list_workflows(transaction: Transaction, wanted: WorkflowFilter) -> list[Workflow]:
    """List workflows, newest first."""
    sql, asked = workflow_query(wanted)
    return [workflow_from(row) for row in select(transaction, sql, asked)]


def workflow_query(wanted: WorkflowFilter) -> tuple[str, dict[str, Value]]:
    """Write the question that a filter asks, from constant conditions alone."""
    conditions = ["1 = 1"]
    asked: dict[str, Value] = {"limit": wanted.limit}
    if wanted.states:
        conditions.append("state IN (SELECT value FROM json_each(:states))")
        asked["states"] = write_json(sorted(wanted.states))
        if not wanted.states & ENDED:
            conditions.append(UNFINISHED)
    if wanted.held_reasons:
        conditions += [
            "state = 'held'",
            "held_reason IN (SELECT value FROM json_each(:reasons))",
            UNFINISHED,
        ]
        asked["reasons"] = write_json(sorted(wanted.held_reasons))
    if wanted.customer_id is not None:
        conditions.append("customer_id = :customer_id")
        asked["customer_id"] = wanted.customer_id
    if wanted.since is not None:
        conditions.append("received_at >= :since")
        asked["since"] = to_milliseconds(wanted.since)
    if wanted.with_incidents:
        conditions.append("workflow_id IN (SELECT workflow_id FROM incidents)")
    if wanted.before is not None:
        conditions.append("(received_at, workflow_id) < (:before_at, :before_id)")
        asked["before_at"] = to_milliseconds(wanted.before[0])
        asked["before_id"] = wanted.before[1]
    sql = (
        f"SELECT * FROM workflows WHERE {' AND '.join(conditions)} "  # noqa: S608 - as said above
        "ORDER BY received_at DESC, workflow_id DESC LIMIT :limit"
    )
    return sql, asked


def read_counts(transaction: Transaction) -> Counts:
    """Count unfinished workflows by state and reason, incidents by kind, and waiting notices."""
    by_state: Counter[State] = Counter()
    held: Counter[HeldReason] = Counter()
    oldest: dict[State, int] = {}
    for row in select(transaction, _COUNTS):
        state = State(row["state"])
        by_state[state] += row["workflows"]
        oldest[state] = min(row["oldest"], oldest.get(state, row["oldest"]))
        if state is State.HELD:
            held[HeldReason(row["held_reason"])] += row["workflows"]
    incidents = {
        IncidentKind(row["kind"]): row["incidents"] for row in select(transaction, _INCIDENTS)
    }
    deferred, breakers_open = _read_deferred(transaction)
    waiting, since, dead = read_waiting(transaction)
    inbox, inbox_since = transaction.execute(_INBOX).fetchone()
    return Counts(
        by_state=dict(by_state),
        oldest_by_state={state: from_milliseconds(at) for state, at in oldest.items()},
        held=dict(held),
        deferred=deferred,
        breakers_open=breakers_open,
        incidents=incidents,
        inbox=inbox,
        inbox_since=instant(inbox_since),
        notices_waiting=waiting,
        notices_waiting_since=since,
        notices_dead=dead,
    )


def _read_deferred(transaction: Transaction) -> tuple[Mapping[Deferral, int], int]:
    """Count what guards let wait, and the payment methods whose breakers do."""
    waiting: Counter[Deferral] = Counter()
    methods: set[str] = set()
    for row in select(transaction, _DEFERRED):
        deferral = Deferral(row["deferred_by"].partition(":")[0])
        if row["state"] == State.READY:
            waiting[deferral] += row["workflows"]
        if deferral is Deferral.BREAKER:
            methods.add(row["deferred_by"])
    return dict(waiting), len(methods)


def list_notifications(
    transaction: Transaction, *, limit: int, before: int | None, flawed: bool
) -> list[Notification]:
    """List kept notifications, newest first."""
    asked = {"limit": limit, "before": _ABOVE_EVERY_NUMBER if before is None else before}
    rows = select(transaction, _FLAWED if flawed else _NOTIFICATIONS, asked)
    return [notification_from(row) for row in rows]


def read_notification(transaction: Transaction, number: int) -> Notification | None:
    """Read one kept notification; None when there is none of that number."""
    row = select_one(transaction, _NOTIFICATION, (number,))
    return None if row is None else notification_from(row)
