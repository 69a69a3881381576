"""Asking for a hold of a workflow that somebody else may be working on."""

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import HeldReason
from external_gate.stores.rows import workflow_from
from external_gate.stores.sql_dossiers import lock_row
from external_gate.stores.sql_ledger import add_history
from external_gate.stores.sql_transaction import Transaction

_WANT_HOLD = """
UPDATE workflows SET
    hold_wanted = :reason,
    hold_wanted_detail = :detail,
    claimable_at = CASE WHEN lease_until IS NULL THEN :at ELSE claimable_at END
WHERE workflow_id = :workflow_id
"""


def want_hold(
    transaction: Transaction,
    workflow_id: WorkflowId,
    *,
    reason: HeldReason,
    detail: str,
    entry: HistoryEntry,
) -> None:
    """Ask for a hold, and make the workflow due unless somebody has it claimed."""
    row = lock_row(transaction, workflow_id)
    if row is None:
        raise BadInput(f"there is no workflow {workflow_id}")
    if workflow_from(row).has_ended:
        raise Refused(f"{workflow_id} has ended ({row['state']}): nothing is left to hold")
    wanted = {
        "workflow_id": workflow_id,
        "reason": reason.value,
        "detail": detail,
        "at": to_milliseconds(entry.at),
    }
    transaction.execute(_WANT_HOLD, wanted)
    add_history(transaction, [(workflow_id, entry)])
