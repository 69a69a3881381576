"""Thresholds that were reached: which workflow followed each, and which none followed."""

from collections.abc import Collection
from datetime import datetime, timedelta

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.gate_report import CLOCKS_DIFFER, KeptReport
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores.documents import write_json
from external_gate.stores.report_rows import report_from
from external_gate.stores.rows import Row, Value
from external_gate.stores.sql_dossiers import lock_row
from external_gate.stores.sql_reports import NAME_WORKFLOW
from external_gate.stores.sql_transaction import Transaction, select

_WATCHED = """
SELECT * FROM gate_reports WHERE watch_at <= :before ORDER BY watch_at LIMIT :limit
/*pg: FOR NO KEY UPDATE SKIP LOCKED */
"""

# Each workflow follows one threshold: a second one of the same hour needs a workflow of its own.
_FOLLOWERS = """
SELECT workflow_id FROM workflows
WHERE customer_id = :customer_id AND contract_id = :contract_id AND received_at >= :earliest
    AND NOT EXISTS (
        SELECT 1 FROM gate_reports WHERE gate_reports.workflow_id = workflows.workflow_id
    )
ORDER BY received_at, workflow_id LIMIT 3
"""

_IS_TAKEN = "SELECT 1 FROM gate_reports WHERE workflow_id = ?"

_FOLLOWED = """
UPDATE gate_reports SET workflow_id = :workflow_id, watch_at = NULL WHERE notification = :number
"""

_LEASE = "UPDATE gate_reports SET watch_at = :until WHERE notification = :number"

_SETTLE = """
UPDATE gate_reports SET watch_at = NULL, lost_at = :lost_at
WHERE watch_at IS NOT NULL AND notification IN (
    SELECT CAST(value AS bigint) FROM json_each(:numbers)
)
"""

# What followed since shows that its gate works again, also when it is another threshold's.
_LOST = """
SELECT * FROM gate_reports
WHERE lost_at >= :since AND NOT EXISTS (
    SELECT 1 FROM workflows
    WHERE workflows.customer_id = gate_reports.customer_id
        AND workflows.contract_id = gate_reports.contract_id
        AND workflows.received_at >= gate_reports.lost_at
)
ORDER BY lost_at DESC, notification DESC LIMIT :limit
"""


def unanswered_thresholds(
    transaction: Transaction,
    *,
    received_before: datetime,
    lease: timedelta,
    limit: int,
) -> list[KeptReport]:
    """Settle what followed thresholds that were reached; give, leased, those that nothing did."""
    before = to_milliseconds(received_before)
    watched = select(transaction, _WATCHED, {"before": before, "limit": limit})
    unanswered = [row for row in watched if not _is_followed(transaction, row)]
    until = to_milliseconds(received_before + lease)
    for row in unanswered:
        leased: dict[str, Value] = {"until": until, "number": row["notification"]}
        transaction.execute(_LEASE, leased)
    return [report_from(row) for row in unanswered]


def settle_thresholds(
    transaction: Transaction, numbers: Collection[int], *, lost_at: datetime | None
) -> None:
    """Watch these no longer, because they were reported as lost or are none of ours."""
    settled: dict[str, Value] = {
        "numbers": write_json(sorted(numbers)),
        "lost_at": None if lost_at is None else to_milliseconds(lost_at),
    }
    transaction.execute(_SETTLE, settled)


def lost_thresholds(transaction: Transaction, *, since: datetime, limit: int) -> list[KeptReport]:
    """List those that were reported as lost and after which the contract sent no workflow."""
    asked: dict[str, Value] = {"since": to_milliseconds(since), "limit": limit}
    return [report_from(row) for row in select(transaction, _LOST, asked)]


def _is_followed(transaction: Transaction, row: Row) -> bool:
    """Find the workflow that followed a threshold, and note that it is this one's alone."""
    asked: dict[str, Value] = {
        "customer_id": row["customer_id"],
        "contract_id": row["contract_id"],
        "earliest": row["at"] - int(CLOCKS_DIFFER.total_seconds()) * 1000,
    }
    for found in select(transaction, _FOLLOWERS, asked):
        workflow_id = WorkflowId(found["workflow_id"])
        lock_row(transaction, workflow_id)  # another replica may be giving it to another threshold
        if transaction.execute(_IS_TAKEN, (workflow_id,)).fetchone() is None:
            named: dict[str, Value] = {"workflow_id": workflow_id, "number": row["notification"]}
            transaction.execute(_FOLLOWED, named)
            transaction.execute(NAME_WORKFLOW, named)
            return True
    return False
