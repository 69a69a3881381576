"""Appending evidence: without a fence, and never changed afterwards."""

from collections.abc import Sequence

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.evidence import Evidence
from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.outcome import Succeeded
from external_gate.stores.attempt_rows import evidence_values
from external_gate.stores.sql_dossiers import lock_row
from external_gate.stores.sql_transaction import Transaction

_WHOSE = "SELECT workflow_id FROM attempts WHERE attempt_key = ?"

_ADD = """
INSERT INTO evidence (workflow_id, attempt_key, source, answer, asked_at, at, send)
VALUES (:workflow_id, :attempt_key, :source, :answer, :asked_at, :at, :send)
"""

_NEWEST = "SELECT coalesce(max(number), 0) FROM evidence WHERE workflow_id = ?"

_SEE_MONEY = "UPDATE workflows SET money_seen = 1 WHERE workflow_id = ? AND money_seen = 0"

# Whoever has it claimed cannot save without having read it; nobody else needs to be woken. A lease
# that ran out leaves the workflow claimable since then.
_WAKE = """
UPDATE workflows SET claimable_at = :at
WHERE workflow_id = :workflow_id AND lease_until IS NULL
    AND (claimable_at IS NULL OR claimable_at > :at)
"""


def whose(transaction: Transaction, key: AttemptKey) -> WorkflowId | None:
    """Tell whose attempt has this key; None when there is none."""
    row = transaction.execute(_WHOSE, (key,)).fetchone()
    return None if row is None else WorkflowId(row[0])


def newest_evidence(transaction: Transaction, workflow_id: WorkflowId) -> int:
    """Give the number of a workflow's newest evidence; 0 while there is none."""
    (number,) = transaction.execute(_NEWEST, (workflow_id,)).fetchone()
    return int(number)


def append_evidence(
    transaction: Transaction, key: AttemptKey, evidence: Sequence[Evidence]
) -> WorkflowId | None:
    """Append evidence to the attempt with this key, and wake its workflow, ended or not."""
    workflow_id = whose(transaction, key)
    if workflow_id is None or not evidence:
        return workflow_id
    lock_row(transaction, workflow_id)
    for piece in evidence:
        row = {"workflow_id": workflow_id, "attempt_key": key, **evidence_values(piece)}
        transaction.execute(_ADD, row)
    if any(isinstance(piece.answer, Succeeded) for piece in evidence):
        transaction.execute(_SEE_MONEY, (workflow_id,))
    at = max(to_milliseconds(piece.asked_at) for piece in evidence)
    transaction.execute(_WAKE, {"workflow_id": workflow_id, "at": at})
    return workflow_id
