"""Recording notifications, and the workflows that they begin."""

from dataclasses import replace
from datetime import datetime, timedelta

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.errors import BadInput
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind
from external_gate.domain.workflow import Actor, HeldReason, Workflow
from external_gate.stores.rows import (
    Value,
    facts_values,
    notification_values,
    workflow_from,
    workflow_values,
)
from external_gate.stores.sql_dossiers import lock_row
from external_gate.stores.sql_ledger import add_history, add_incident
from external_gate.stores.sql_transaction import Transaction, select_one
from external_gate.stores.store_records import NewNotification, Receipt, Recorded
from external_gate.stores.store_rules import (
    CONFLICTED,
    beginning,
    conflict_holds,
    differences,
    sentence,
)

_KEEP = """
INSERT INTO notifications (
    notification_id, type, digest, body, signed_at, received_at, flaw, workflow_id
) VALUES (
    :notification_id, :type, :digest, :body, :signed_at, :received_at, :flaw, :workflow_id
)
ON CONFLICT (notification_id, type, digest) DO UPDATE SET deliveries = notifications.deliveries + 1
RETURNING number, deliveries, workflow_id
"""

_BEGIN = """
INSERT INTO workflows (
    workflow_id, workflow_type, customer_id, contract_id, invoice_id, invoice_total,
    invoice_currency, state, received_at, updated_at, due_at, claimable_at, held_reason,
    held_detail, verdict, amount_minor, currency, rounding, tries, trying_since, pending_deadline,
    undo_asked_at, hold_wanted, hold_wanted_detail, approvals, restored_at, void_seen_at,
    release_generation, evidence_read
) VALUES (
    :workflow_id, :workflow_type, :customer_id, :contract_id, :invoice_id, :invoice_total,
    :invoice_currency, :state, :received_at, :updated_at, :due_at, :due_at, :held_reason,
    :held_detail, :verdict, :amount_minor, :currency, :rounding, :tries, :trying_since,
    :pending_deadline, :undo_asked_at, :hold_wanted, :hold_wanted_detail, :approvals, :restored_at,
    :void_seen_at, :release_generation, :evidence_read
)
ON CONFLICT (workflow_id) DO NOTHING
"""

_NAME_WORKFLOW = "UPDATE notifications SET workflow_id = ? WHERE number = ? AND workflow_id IS NULL"

_KEPT = "SELECT notification_id, signed_at, received_at FROM notifications WHERE number = ?"

DELIVERED_FOR = timedelta(hours=76)
"""How long Metronome may deliver one notification, each time with a new date (up to 72 hours by
older documents), and some hours for clocks and queues."""

_RESTORED_AT = "SELECT value FROM meta WHERE name = 'restored_at'"

_EVER_SENT = "SELECT 1 FROM attempts WHERE workflow_id = ? AND sends > 0 LIMIT 1"

# The first wish stands: a hold is a hold. A worker that has it claimed reads the wish at its save.
_HOLD = """
UPDATE workflows SET
    hold_wanted_detail = CASE WHEN hold_wanted IS NULL THEN :detail ELSE hold_wanted_detail END,
    hold_wanted = coalesce(hold_wanted, :reason),
    claimable_at = CASE WHEN lease_until IS NULL THEN :at ELSE claimable_at END
WHERE workflow_id = :workflow_id
"""


def record(transaction: Transaction, notification: NewNotification) -> Recorded:
    """Keep a notification, and begin the workflow that it asks for."""
    (kept,) = transaction.execute(_KEEP, notification_values(notification)).fetchall()
    number, deliveries, workflow_id = kept
    if not notification.concerns_us:
        return Recorded(Receipt.IGNORED, number)
    if deliveries > 1:
        return Recorded(Receipt.DUPLICATE, number, _typed(workflow_id))
    if notification.workflow is None:
        return Recorded(Receipt.RECORDED, number)
    return _begin(
        transaction,
        notification.workflow,
        number=number,
        notification_id=notification.notification_id,
        signed_at=notification.signed_at,
        told_at=notification.received_at,
    )


def begin(
    transaction: Transaction,
    number: int,
    workflow: Workflow,
    entry: HistoryEntry | None = None,
) -> Recorded:
    """Begin a workflow from a notification that is already kept."""
    kept = select_one(transaction, _KEPT, (number,))
    if kept is None:
        raise BadInput(f"there is no notification {number}: list them first")
    transaction.execute(_NAME_WORKFLOW, (workflow.workflow_id, number))
    recorded = _begin(
        transaction,
        workflow,
        number=number,
        notification_id=kept["notification_id"],
        signed_at=from_milliseconds(kept["signed_at"]),
        told_at=workflow.updated_at,
    )
    if entry is not None:
        add_history(transaction, workflow.workflow_id, entry)
    return recorded


def _begin(
    transaction: Transaction,
    workflow: Workflow,
    *,
    number: int,
    notification_id: str,
    signed_at: datetime,
    told_at: datetime,
) -> Recorded:
    fresh = _marked(transaction, workflow, signed_at)
    values = {**facts_values(fresh.facts), **workflow_values(fresh)}
    row = lock_row(transaction, workflow.workflow_id)
    if row is None and transaction.execute(_BEGIN, values).rowcount == 0:
        row = lock_row(transaction, workflow.workflow_id)  # another process was faster
    if row is not None:
        return _compare(transaction, workflow_from(row), workflow, number=number, told_at=told_at)
    entry = beginning(fresh, number=number, notification_id=notification_id)
    add_history(transaction, fresh.workflow_id, entry)
    return Recorded(Receipt.RECORDED, number, fresh.workflow_id)


def _marked(transaction: Transaction, workflow: Workflow, signed_at: datetime) -> Workflow:
    """Mark a workflow whose notification may have been delivered to the lost life as well.

    That life may have charged it already, so its first send begins with a lookup.
    """
    row = transaction.execute(_RESTORED_AT).fetchone()
    if row is None or signed_at > from_milliseconds(row[0]) + DELIVERED_FOR:
        return workflow
    return replace(workflow, restored_at=from_milliseconds(row[0]))


def _compare(
    transaction: Transaction,
    known: Workflow,
    told: Workflow,
    *,
    number: int,
    told_at: datetime,
) -> Recorded:
    different = differences(known.facts, told.facts)
    if not different:
        return Recorded(Receipt.DUPLICATE, number, known.workflow_id)
    detail = f"notification {number}: {sentence(different)}"
    ever_sent = transaction.execute(_EVER_SENT, (known.workflow_id,)).fetchone() is not None
    if conflict_holds(known, ever_sent=ever_sent):
        wanted: dict[str, Value] = {
            "reason": HeldReason.CONFLICTING.value,
            "detail": detail,
            "at": to_milliseconds(told_at),
            "workflow_id": known.workflow_id,
        }
        transaction.execute(_HOLD, wanted)
    else:
        incident = Incident(IncidentKind.CONFLICTING_NOTIFICATION, told_at, detail)
        add_incident(transaction, known.workflow_id, incident)
    facts = {"notification": str(number), **different}
    entry = HistoryEntry(told_at, Actor.INTAKE, CONFLICTED, facts=facts)
    add_history(transaction, known.workflow_id, entry)
    return Recorded(Receipt.RECORDED, number, known.workflow_id, conflict=True)


def _typed(workflow_id: str | None) -> WorkflowId | None:
    return None if workflow_id is None else WorkflowId(workflow_id)
