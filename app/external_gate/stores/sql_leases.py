"""Claiming workflows, and giving them back."""

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from external_gate.domain.changed import changed
from external_gate.domain.clock import to_milliseconds
from external_gate.domain.errors import BadInput, Broken, LeaseLost
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import Workflow
from external_gate.stores.rows import Value, milliseconds, workflow_from
from external_gate.stores.sql_dossiers import dossiers_of, lock_row
from external_gate.stores.sql_transaction import Transaction, select
from external_gate.stores.store_records import Dossier

# A lease that still runs lies in the future (a CHECK keeps it so), hence outside of this range.
CLAIMABLE = """
SELECT * FROM workflows WHERE claimable_at <= :now ORDER BY claimable_at LIMIT :limit
/*pg: FOR NO KEY UPDATE SKIP LOCKED */
"""

_LEASE = """
UPDATE workflows
SET fence = fence + 1, lease_until = :until, claimable_at = :until, lease_owner = :owner
WHERE workflow_id = :workflow_id
"""

_RENEW = """
UPDATE workflows
SET lease_until = max(lease_until, :until), claimable_at = max(lease_until, :until)
WHERE workflow_id = :workflow_id AND fence = :fence AND lease_until IS NOT NULL
"""

_IS_LOST = "SELECT 1 FROM workflows WHERE workflow_id = ? AND fence = ?"

# What arrived meanwhile and was not read may not sleep longer than the lease would have lasted, and
# a look that a notice asked for no longer than until its own time.
_GIVE_BACK = """
UPDATE workflows SET
    claimable_at = CASE
        WHEN hold_wanted IS NOT NULL OR EXISTS (
            SELECT 1 FROM evidence
            WHERE evidence.workflow_id = workflows.workflow_id AND number > evidence_read
        ) THEN min(coalesce(:due_at, lease_until), coalesce(look_at, lease_until), lease_until)
        WHEN look_at IS NOT NULL THEN min(coalesce(:due_at, look_at), look_at)
        ELSE :due_at
    END,
    lease_until = NULL,
    lease_owner = NULL
WHERE workflow_id = :workflow_id AND fence = :fence AND lease_until IS NOT NULL
"""


def claim(
    transaction: Transaction, *, owner: str, now: datetime, lease: timedelta, limit: int
) -> list[Dossier]:
    """Lease what is due, oldest due first."""
    rows = select(transaction, CLAIMABLE, {"now": to_milliseconds(now), "limit": limit})
    due = [workflow_from(row) for row in rows]
    return _lease(transaction, due, owner=owner, until=now + lease) if due else []


def acquire(
    transaction: Transaction,
    workflow_id: WorkflowId,
    *,
    owner: str,
    now: datetime,
    lease: timedelta,
) -> Dossier:
    """Lease one workflow, due or not."""
    row = lock_row(transaction, workflow_id)
    if row is None:
        raise BadInput(f"there is no workflow {workflow_id}")
    if row["lease_until"] is not None and row["lease_until"] > to_milliseconds(now):
        raise LeaseLost(f"{row['lease_owner']} works on {workflow_id}: try again in a moment")
    (dossier,) = _lease(transaction, [workflow_from(row)], owner=owner, until=now + lease)
    return dossier


def renew(
    transaction: Transaction,
    leases: Sequence[tuple[WorkflowId, int]],
    *,
    until: datetime,
) -> frozenset[WorkflowId]:
    """Prolong leases; one that was given back already is neither prolonged nor lost."""
    lost = set()
    for workflow_id, fence in sorted(leases):
        wanted: dict[str, Value] = {
            "workflow_id": workflow_id,
            "fence": fence,
            "until": to_milliseconds(until),
        }
        if transaction.execute(_RENEW, wanted).rowcount == 1:
            continue
        if transaction.execute(_IS_LOST, (workflow_id, fence)).fetchone() is None:
            lost.add(workflow_id)
    return frozenset(lost)


def give_back(
    transaction: Transaction,
    leases: Sequence[tuple[WorkflowId, int]],
    *,
    due_at: datetime | None,
) -> None:
    """End leases; those that were lost meanwhile are somebody else's and stay."""
    for workflow_id, fence in sorted(leases):
        lock_row(transaction, workflow_id)  # first, so that evidence that just arrived is seen
        wanted: dict[str, Value] = {
            "workflow_id": workflow_id,
            "fence": fence,
            "due_at": milliseconds(due_at),
        }
        transaction.execute(_GIVE_BACK, wanted)


def _lease(
    transaction: Transaction, workflows: list[Workflow], *, owner: str, until: datetime
) -> list[Dossier]:
    lease: dict[str, Value] = {"owner": owner, "until": to_milliseconds(until)}
    rows = [{"workflow_id": workflow.workflow_id, **lease} for workflow in workflows]
    transaction.executemany(_LEASE, rows)
    leased = [changed(workflow, fence=workflow.fence + 1) for workflow in workflows]
    try:
        return dossiers_of(transaction, leased)
    except Broken:
        if len(leased) == 1:
            raise
    # One that cannot be read must not stop the others: it stays leased, and is tried alone later.
    readable = []
    for workflow in leased:
        with contextlib.suppress(Broken):
            readable += dossiers_of(transaction, [workflow])
    return readable
