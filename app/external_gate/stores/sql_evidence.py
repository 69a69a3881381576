"""Appending evidence: without a fence, and never changed afterwards."""

from collections.abc import Sequence

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.evidence import Evidence
from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.outcome import Succeeded
from external_gate.stores.attempt_rows import evidence_values
from external_gate.stores.dossier_after import kept_evidence
from external_gate.stores.sql_dossiers import lock_row
from external_gate.stores.sql_transaction import Transaction, first_of_each

_WHOSE = "SELECT workflow_id FROM attempts WHERE attempt_key = ?"

_ADD = """
INSERT INTO evidence (workflow_id, attempt_key, source, answer, asked_at, at, send)
VALUES (:workflow_id, :attempt_key, :source, :answer, :asked_at, :at, :send)
RETURNING number
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
    add_evidence(transaction, [(workflow_id, key, piece) for piece in evidence])
    if any(map(took_money, evidence)):
        see_money(transaction, workflow_id)
    wake(transaction, workflow_id, evidence)
    return workflow_id


def add_evidence(
    transaction: Transaction, pieces: Sequence[tuple[WorkflowId, AttemptKey, Evidence]]
) -> list[Evidence]:
    """Append pieces to their attempts, and give them as they are read back."""
    rows = [
        {"workflow_id": workflow_id, "attempt_key": key, **evidence_values(piece)}
        for workflow_id, key, piece in pieces
    ]
    numbers = first_of_each(transaction, _ADD, rows) if rows else []
    return [
        kept_evidence(piece, number)
        for (_, _, piece), (number,) in zip(pieces, numbers, strict=True)
    ]


def took_money(piece: Evidence) -> bool:
    """Tell whether a piece says that money was taken."""
    return isinstance(piece.answer, Succeeded)


def see_money(transaction: Transaction, workflow_id: WorkflowId) -> None:
    """Note that money was seen, for whoever has the same invoice."""
    transaction.execute(_SEE_MONEY, (workflow_id,))


def wake(transaction: Transaction, workflow_id: WorkflowId, evidence: Sequence[Evidence]) -> None:
    """Let a workflow that nobody has claimed be claimed at once."""
    at = max(to_milliseconds(piece.asked_at) for piece in evidence)
    transaction.execute(_WAKE, {"workflow_id": workflow_id, "at": at})
