"""Recording notifications, and the workflows that they begin."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.errors import BadInput, Broken
from external_gate.domain.gate_report import KeptReport
from external_gate.domain.host_notice import Subscriptions
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind
from external_gate.domain.workflow import Actor, HeldReason, Workflow
from external_gate.stores.host_notice_rules import notice_of_incident, notices_of_beginning
from external_gate.stores.report_rules import Said
from external_gate.stores.rows import (
    Value,
    facts_values,
    notification_values,
    workflow_from,
    workflow_values,
)
from external_gate.stores.sql_dossiers import dossiers_of, lock_row
from external_gate.stores.sql_forwarding import pass_on
from external_gate.stores.sql_ledger import add_history, add_incident
from external_gate.stores.sql_outbox import NOBODY, write_notices
from external_gate.stores.sql_reports import take_report
from external_gate.stores.sql_transaction import Transaction, first_of_each, select_one
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
RETURNING workflow_id
"""

_NAME_WORKFLOW = "UPDATE notifications SET workflow_id = ? WHERE number = ? AND workflow_id IS NULL"

_KEPT = "SELECT signed_at, received_at FROM notifications WHERE number = ?"

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


@dataclass(frozen=True, slots=True)
class _Beginning:
    """A workflow that a kept notification asks for."""

    workflow: Workflow
    number: int
    signed_at: datetime
    told_at: datetime


def record(
    transaction: Transaction,
    notifications: Sequence[NewNotification],
    subscriptions: Subscriptions = NOBODY,
) -> list[Recorded]:
    """Keep notifications, and begin the workflows that they ask for; give what became of each."""
    kept = first_of_each(transaction, _KEEP, [notification_values(each) for each in notifications])
    recorded = [
        _kept(transaction, each, row, subscriptions)
        for each, row in zip(notifications, kept, strict=True)
    ]
    wanted = [each for each in recorded if isinstance(each, _Beginning)]
    begun = iter(_begin(transaction, wanted, subscriptions))
    return [next(begun) if isinstance(each, _Beginning) else each for each in recorded]


def _kept(
    transaction: Transaction,
    notification: NewNotification,
    row: tuple[int, int, str | None],
    subscriptions: Subscriptions,
) -> Recorded | _Beginning:
    number, deliveries, workflow_id = row
    if deliveries == 1 and notification.forward_to:
        pass_on(transaction, number, notification)
    if not notification.concerns_us:
        return Recorded(Receipt.IGNORED, number)
    if deliveries > 1:
        return Recorded(Receipt.DUPLICATE, number, _typed(workflow_id))
    if notification.report is not None:
        told = KeptReport(number, notification.report, notification.received_at)
        about, said = take_report(transaction, told, subscriptions)
        contradicts = said is Said.CONTRADICTS
        return Recorded(Receipt.RECORDED, number, about, contradicts=contradicts)
    if notification.workflow is None:
        return Recorded(Receipt.RECORDED, number)
    return _Beginning(
        notification.workflow,
        number,
        notification.signed_at,
        notification.received_at,
    )


def begin(
    transaction: Transaction,
    number: int,
    workflow: Workflow,
    entry: HistoryEntry | None = None,
    subscriptions: Subscriptions = NOBODY,
) -> Recorded:
    """Begin a workflow from a notification that is already kept."""
    kept = select_one(transaction, _KEPT, (number,))
    if kept is None:
        raise BadInput(f"there is no notification {number}: list them first")
    transaction.execute(_NAME_WORKFLOW, (workflow.workflow_id, number))
    signed_at = from_milliseconds(kept["signed_at"])
    wanted = _Beginning(workflow, number, signed_at, told_at=workflow.updated_at)
    (recorded,) = _begin(transaction, [wanted], subscriptions)
    if entry is not None:
        add_history(transaction, [(workflow.workflow_id, entry)])
    return recorded


def _begin(
    transaction: Transaction, wanted: Sequence[_Beginning], subscriptions: Subscriptions
) -> list[Recorded]:
    """Begin what is new; what is known already, or twice among these, is compared."""
    if not wanted:
        return []
    restored = transaction.execute(_RESTORED_AT).fetchone()
    restored_at = None if restored is None else from_milliseconds(restored[0])
    fresh = [_marked(each.workflow, each.signed_at, restored_at) for each in wanted]
    rows = first_of_each(
        transaction, _BEGIN, [{**facts_values(w.facts), **workflow_values(w)} for w in fresh]
    )
    begun = [
        (workflow, beginning(workflow, each.number))
        for each, workflow, row in zip(wanted, fresh, rows, strict=True)
        if row is not None
    ]
    add_history(transaction, [(workflow.workflow_id, entry) for workflow, entry in begun])
    if subscriptions:
        told = [notice for workflow, _ in begun for notice in notices_of_beginning(workflow)]
        write_notices(transaction, told, subscriptions)
    return [
        _compare(transaction, each, subscriptions)
        if row is None
        else Recorded(Receipt.RECORDED, each.number, each.workflow.workflow_id)
        for each, row in zip(wanted, rows, strict=True)
    ]


def _marked(workflow: Workflow, signed_at: datetime, restored_at: datetime | None) -> Workflow:
    """Mark a workflow whose notification may have been delivered to the lost life as well.

    That life may have charged it already, so its first send begins with a lookup.
    """
    if restored_at is None or signed_at > restored_at + DELIVERED_FOR:
        return workflow
    return replace(workflow, restored_at=restored_at)


def _compare(
    transaction: Transaction, wanted: _Beginning, subscriptions: Subscriptions
) -> Recorded:
    number, told_at = wanted.number, wanted.told_at
    row = lock_row(transaction, wanted.workflow.workflow_id)
    if row is None:
        raise Broken("a workflow that stood in the way of a new one is gone")
    known = workflow_from(row)
    different = differences(known.facts, wanted.workflow.facts)
    if not different:
        return Recorded(Receipt.DUPLICATE, number, known.workflow_id)
    detail = f"notification {number}: {sentence(different)}"
    ever_sent = transaction.execute(_EVER_SENT, (known.workflow_id,)).fetchone() is not None
    if conflict_holds(known, ever_sent=ever_sent):
        hold: dict[str, Value] = {
            "reason": HeldReason.CONFLICTING.value,
            "detail": detail,
            "at": to_milliseconds(told_at),
            "workflow_id": known.workflow_id,
        }
        transaction.execute(_HOLD, hold)
    else:
        incident = Incident(IncidentKind.CONFLICTING_NOTIFICATION, told_at, detail)
        add_incident(transaction, known.workflow_id, incident)
        if subscriptions:
            (dossier,) = dossiers_of(transaction, [known])
            told = notice_of_incident(incident, dossier)
            write_notices(transaction, [told], subscriptions)
    facts = {"notification": str(number), **different}
    entry = HistoryEntry(told_at, Actor.INTAKE, CONFLICTED, facts=facts)
    add_history(transaction, [(known.workflow_id, entry)])
    return Recorded(Receipt.RECORDED, number, known.workflow_id, conflict=True)


def _typed(workflow_id: str | None) -> WorkflowId | None:
    return None if workflow_id is None else WorkflowId(workflow_id)
