"""Pruning notifications that ask for nothing and belong to nothing, some at a time."""

from datetime import datetime

from external_gate.domain.clock import to_milliseconds
from external_gate.stores.documents import write_json
from external_gate.stores.rows import Value
from external_gate.stores.sql_transaction import Transaction, select

# Word for word as in the partial index, or the planner does not see that it may use it. What is
# still offered to somebody stays until it was taken or given up, and a threshold until it is
# settled what followed.
_OLD = """
SELECT number FROM notifications
WHERE received_at < :before
    AND workflow_id IS NULL AND type NOT IN ('', 'payment_gate.external_initiate')
    AND NOT EXISTS (
        SELECT 1 FROM host_notices JOIN notice_deliveries ON notice = host_notices.number
        WHERE notification = notifications.number AND state = 'waiting'
    )
    AND NOT EXISTS (
        SELECT 1 FROM gate_reports
        WHERE notification = notifications.number AND watch_at IS NOT NULL
    )
ORDER BY received_at LIMIT :limit
/*pg: FOR UPDATE SKIP LOCKED */
"""

# A report that came before its workflow belongs to it all the same.
_NAME_WORKFLOWS = """
UPDATE notifications SET workflow_id = (
    SELECT min(workflows.workflow_id) FROM gate_reports
    JOIN workflows ON workflows.invoice_id = gate_reports.invoice_id
        AND workflows.contract_id = gate_reports.contract_id
    WHERE notification = notifications.number
)
WHERE number IN (SELECT CAST(value AS bigint) FROM json_each(?))
"""

_THESE = "SELECT CAST(value AS bigint) FROM json_each(?)"

_PASSED_ON = f"SELECT number FROM host_notices WHERE notification IN ({_THESE})"  # noqa: S608 - ours

_REMOVE = (
    f"DELETE FROM gate_reports WHERE notification IN ({_THESE})",  # noqa: S608 - constants of ours
    f"DELETE FROM notice_deliveries WHERE notice IN ({_PASSED_ON})",  # noqa: S608 - as above
    f"DELETE FROM host_notices WHERE notification IN ({_THESE})",  # noqa: S608 - as above
    f"DELETE FROM notifications WHERE number IN ({_THESE})",  # noqa: S608 - as above
)
"""Whatever refers to something goes before it."""

_NAMELESS = """
SELECT number FROM notifications
WHERE workflow_id IS NULL AND number IN (SELECT CAST(value AS bigint) FROM json_each(?))
"""


def prune_notifications(transaction: Transaction, *, before: datetime, limit: int) -> int:
    """Remove up to `limit` notifications; give how many were looked at, 0 when none is left."""
    asked: dict[str, Value] = {"before": to_milliseconds(before), "limit": limit}
    old = [row["number"] for row in select(transaction, _OLD, asked)]
    if not old:
        return 0
    transaction.execute(_NAME_WORKFLOWS, (write_json(old),))
    nameless = [row["number"] for row in select(transaction, _NAMELESS, (write_json(old),))]
    for statement in _REMOVE:
        transaction.execute(statement, (write_json(nameless),))
    return len(old)
