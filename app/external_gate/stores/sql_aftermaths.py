"""What is done after failed payments: begun with the end of a workflow, claimed, saved."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from external_gate.domain.aftermath import (
    Aftermath,
    AftermathChange,
    ContractStanding,
    FailureKind,
    Obstructed,
    Stage,
)
from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.errors import BadInput, LeaseLost
from external_gate.domain.host_notice import Subscriptions
from external_gate.domain.identifiers import CustomerId, WorkflowId
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.workflow import State, Workflow
from external_gate.stores.documents import write_json
from external_gate.stores.host_notice_rules import notice_of_incident
from external_gate.stores.rows import Row, Value, facts_from, instant, milliseconds
from external_gate.stores.sql_dossiers import lock_row, read_dossier
from external_gate.stores.sql_evidence import newest_evidence
from external_gate.stores.sql_ledger import add_history, add_incident
from external_gate.stores.sql_lists import UNFINISHED
from external_gate.stores.sql_outbox import write_notices
from external_gate.stores.sql_transaction import Transaction, select, select_one

_BEGIN = """
INSERT INTO aftermaths (workflow_id, began_at, updated_at, stage, due_at)
VALUES (:workflow_id, :at, :at, 'confirming', :at)
"""

_DUE = """
SELECT workflow_id FROM aftermaths
WHERE due_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
ORDER BY due_at, workflow_id LIMIT :limit
/*pg: FOR NO KEY UPDATE SKIP LOCKED */
"""

_LEASE = """
UPDATE aftermaths SET fence = fence + 1, lease_until = :until WHERE workflow_id = :workflow_id
"""

_READ = """
SELECT workflow_type, workflows.customer_id, contract_id, invoice_id, invoice_total,
    invoice_currency, changed_at, told_by, aftermaths.*
FROM aftermaths JOIN workflows ON workflows.workflow_id = aftermaths.workflow_id
    LEFT JOIN payer_changes ON payer_changes.customer_id = workflows.customer_id
WHERE aftermaths.workflow_id IN (SELECT value FROM json_each(?))
ORDER BY began_at, aftermaths.workflow_id
"""

_LOCK = "SELECT fence FROM aftermaths WHERE workflow_id = ? /*pg: FOR NO KEY UPDATE */"

# What the host said since the claim is looked at now, not when this change would have it.
_SAVE = """
UPDATE aftermaths SET
    updated_at = :updated_at, stage = :stage, failure = :failure, threshold = :threshold,
    tries = :tries, looks = :looks, payer_digest = :payer_digest, detail = :detail,
    lease_until = CASE WHEN :give_back = 1 THEN NULL ELSE lease_until END,
    due_at = CASE
        WHEN CAST(:due_at AS bigint) IS NULL THEN NULL
        WHEN EXISTS (
            SELECT 1 FROM payer_changes
            WHERE customer_id = :customer_id AND changed_at > :payer_changed_at
        ) THEN :updated_at
        ELSE :due_at
    END
WHERE workflow_id = :workflow_id
"""

_OF_CONTRACT = "customer_id = :customer_id AND contract_id = :contract_id"

# What came first is told by the numbers that the database gives, because clocks are set back.
_RELEASED = f"""
SELECT number, received_at FROM workflows WHERE {_OF_CONTRACT} AND state = 'released'
ORDER BY number DESC LIMIT 1
"""  # noqa: S608 - constants of ours, here and below

_OPEN = f"""
SELECT workflow_id FROM workflows
WHERE {_OF_CONTRACT} AND {UNFINISHED} AND workflow_id <> :workflow_id
ORDER BY received_at, workflow_id LIMIT 1
"""  # noqa: S608

_FOLLOWER = f"""
SELECT workflow_id FROM workflows
WHERE {_OF_CONTRACT} AND workflow_type = :workflow_type
    AND number > :number
ORDER BY number LIMIT 1
"""  # noqa: S608

_INCIDENT = f"""
SELECT incidents.workflow_id, kind FROM workflows
    JOIN incidents ON incidents.workflow_id = workflows.workflow_id
WHERE {_OF_CONTRACT} AND (at >= :released_at OR workflows.number > :released)
ORDER BY incidents.number DESC LIMIT 1
"""  # noqa: S608

_ENABLED_BEFORE = f"""
SELECT count(*) FROM workflows
    JOIN aftermaths ON aftermaths.workflow_id = workflows.workflow_id
WHERE {_OF_CONTRACT} AND number > :released
    AND aftermaths.tries > 0 AND aftermaths.workflow_id <> :workflow_id
"""  # noqa: S608

_KNOWN_CUSTOMER = "SELECT 1 FROM workflows WHERE customer_id = ? LIMIT 1"

_PAYER_CHANGED = """
INSERT INTO payer_changes (customer_id, changed_at, told_by) VALUES (:customer_id, :at, :told_by)
ON CONFLICT (customer_id) DO UPDATE SET
    changed_at = excluded.changed_at, told_by = excluded.told_by
WHERE excluded.changed_at > payer_changes.changed_at
"""

_WAKE = """
UPDATE aftermaths SET due_at = :at
WHERE due_at > :at AND workflow_id IN (
    SELECT workflow_id FROM workflows WHERE customer_id = :customer_id AND state = 'cancelled'
)
"""


def begin(transaction: Transaction, moves: Iterable[tuple[Workflow, Workflow]]) -> None:
    """Begin what follows those workflows, given before and after, that are cancelled just now."""
    cancelled = State.CANCELLED
    begun: list[dict[str, Value]] = [
        {"workflow_id": after.workflow_id, "at": to_milliseconds(after.updated_at)}
        for before, after in moves
        if after.state is cancelled and before.state is not cancelled
    ]
    if begun:
        transaction.executemany(_BEGIN, begun)


def claim_aftermaths(
    transaction: Transaction, *, now: datetime, lease: timedelta, limit: int
) -> list[Aftermath]:
    """Lease what is due, oldest due first."""
    asked: dict[str, Value] = {"now": to_milliseconds(now), "limit": limit}
    due = [WorkflowId(row["workflow_id"]) for row in select(transaction, _DUE, asked)]
    until = to_milliseconds(now + lease)
    if due:
        leases: list[dict[str, Value]] = [{"workflow_id": each, "until": until} for each in due]
        transaction.executemany(_LEASE, leases)
    return read_aftermaths(transaction, due)


def read_aftermaths(
    transaction: Transaction, workflow_ids: Collection[WorkflowId]
) -> list[Aftermath]:
    """Read the aftermaths of some workflows, oldest first."""
    if not workflow_ids:
        return []
    ids = (write_json(sorted(workflow_ids)),)
    return [_aftermath_from(row) for row in select(transaction, _READ, ids)]


def save_aftermath(
    transaction: Transaction, change: AftermathChange, subscriptions: Subscriptions
) -> Aftermath:
    """Save one, with its history, incidents and notices, under its fence."""
    after, workflow_id = change.after, change.after.workflow_id
    # Evidence, incidents and numbers of notices are written under this lock too.
    workflow = lock_row(transaction, workflow_id)
    row = select_one(transaction, _LOCK, (workflow_id,))
    if workflow is None or row is None:
        raise BadInput(f"workflow {workflow_id} has no aftermath")
    if row["fence"] != after.fence:
        raise LeaseLost(f"the aftermath of {workflow_id} was claimed by somebody else: drop it")
    if change.judge is not None:
        obstacle = change.judge(_standing(transaction, workflow))
        if obstacle is not None:
            raise Obstructed(obstacle)
    transaction.execute(_SAVE, _values(change))
    add_history(transaction, [(workflow_id, entry) for entry in change.history])
    for incident in change.incidents:
        add_incident(transaction, workflow_id, incident)
    _tell(transaction, change, subscriptions)
    return read_aftermaths(transaction, [workflow_id])[0]


def note_payer_change(
    transaction: Transaction, customer_id: CustomerId, *, at: datetime, told_by: str
) -> bool:
    """Note that a customer's payer changed, and wake what may wait for it."""
    if transaction.execute(_KNOWN_CUSTOMER, (customer_id,)).fetchone() is None:
        return False
    told: dict[str, Value] = {
        "customer_id": customer_id,
        "at": to_milliseconds(at),
        "told_by": told_by,
    }
    transaction.execute(_PAYER_CHANGED, told)
    transaction.execute(_WAKE, told)
    return True


def _tell(transaction: Transaction, change: AftermathChange, subscriptions: Subscriptions) -> None:
    told = list(change.notices)
    if subscriptions and change.incidents:
        dossier = read_dossier(transaction, change.after.workflow_id)
        if dossier is not None:
            told += [notice_of_incident(incident, dossier) for incident in change.incidents]
    write_notices(transaction, told, subscriptions)


def _standing(transaction: Transaction, workflow: Row) -> ContractStanding:
    asked: dict[str, Value] = {
        name: workflow[name]
        for name in ("workflow_id", "customer_id", "contract_id", "workflow_type", "number")
    }
    # -1: before everything, when nothing was ever released.
    released = select_one(transaction, _RELEASED, asked) or {"number": -1, "received_at": -1}
    asked |= {"released": released["number"], "released_at": released["received_at"]}
    incident = transaction.execute(_INCIDENT, asked).fetchone()
    (enabled_before,) = transaction.execute(_ENABLED_BEFORE, asked).fetchone()
    newest = newest_evidence(transaction, WorkflowId(workflow["workflow_id"]))
    return ContractStanding(
        open_workflow=_id(transaction, _OPEN, asked),
        follower=_id(transaction, _FOLLOWER, asked),
        incident=incident and (WorkflowId(incident[0]), IncidentKind(incident[1])),
        has_unread_evidence=newest > workflow["evidence_read"],
        enabled_before=enabled_before,
    )


def _id(transaction: Transaction, sql: str, asked: Mapping[str, Value]) -> WorkflowId | None:
    row = transaction.execute(sql, asked).fetchone()
    return None if row is None else WorkflowId(row[0])


def _values(change: AftermathChange) -> dict[str, Value]:
    after = change.after
    return {
        "workflow_id": after.workflow_id,
        "customer_id": after.customer_id,
        "updated_at": to_milliseconds(after.updated_at),
        "stage": after.stage.value,
        "due_at": milliseconds(after.due_at),
        "failure": after.failure.value if after.failure else None,
        "threshold": after.threshold,
        "tries": after.tries,
        "looks": after.looks,
        "payer_digest": after.payer_digest,
        "detail": after.detail,
        "give_back": int(change.give_back),
        "payer_changed_at": milliseconds(after.payer_changed_at) or -1,
    }


def _aftermath_from(row: Row) -> Aftermath:
    return Aftermath(
        facts=facts_from(row),
        began_at=from_milliseconds(row["began_at"]),
        updated_at=from_milliseconds(row["updated_at"]),
        stage=Stage(row["stage"]),
        due_at=instant(row["due_at"]),
        fence=row["fence"],
        lease_until=instant(row["lease_until"]),
        failure=None if row["failure"] is None else FailureKind(row["failure"]),
        threshold=row["threshold"],
        tries=row["tries"],
        looks=row["looks"],
        payer_digest=row["payer_digest"],
        detail=row["detail"],
        payer_changed_at=instant(row["changed_at"]),
        payer_change_told_by=row["told_by"] or "",
    )
