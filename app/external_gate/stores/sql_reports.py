"""What Metronome reports about gates: kept, held against our outcomes, and shown with workflows."""

from collections.abc import Sequence

from external_gate.domain.gate_report import CLOCKS_DIFFER, KeptReport
from external_gate.domain.host_notice import Subscriptions
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import IncidentKind
from external_gate.stores.host_notice_rules import notice_of_incident
from external_gate.stores.report_rows import report_from, report_values
from external_gate.stores.report_rules import (
    CONFIRMED,
    Said,
    confirmation,
    contradicted,
    contradiction,
    is_outdated,
    said_of,
)
from external_gate.stores.rows import Row, Value, workflow_from
from external_gate.stores.sql_dossiers import dossiers_of, lock_row, read_row
from external_gate.stores.sql_ledger import add_history, add_incident
from external_gate.stores.sql_outbox import write_notices
from external_gate.stores.sql_transaction import Transaction, select
from external_gate.stores.store_records import Dossier

_KEEP = """
INSERT INTO gate_reports (
    notification, kind, customer_id, contract_id, invoice_id, workflow_type, status, message,
    told_at, at, received_at, watch_at
) VALUES (
    :notification, :kind, :customer_id, :contract_id, :invoice_id, :workflow_type, :status,
    :message, :told_at, :at, :received_at, :watch_at
)
"""

_WORKFLOWS = """
SELECT workflow_id FROM workflows
WHERE invoice_id = :invoice_id AND contract_id = :contract_id ORDER BY workflow_id
"""

# A notification that names its workflow belongs to it, and is never pruned.
NAME_WORKFLOW = """
UPDATE notifications SET workflow_id = :workflow_id
WHERE number = :number AND workflow_id IS NULL
"""

_OF_INVOICE = """
SELECT gate_reports.*, deliveries FROM gate_reports JOIN notifications ON number = notification
WHERE invoice_id = :invoice_id AND contract_id = :contract_id
ORDER BY notification DESC LIMIT :limit
"""

_FOLLOWED = """
SELECT gate_reports.*, deliveries FROM gate_reports JOIN notifications ON number = notification
WHERE gate_reports.workflow_id = :workflow_id
"""

# Before it was settled what followed: the latest threshold that this workflow can have followed.
_PERHAPS_FOLLOWED = """
SELECT gate_reports.*, deliveries FROM gate_reports JOIN notifications ON number = notification
WHERE contract_id = :contract_id AND invoice_id IS NULL AND gate_reports.workflow_id IS NULL
    AND at BETWEEN :earliest AND :latest
ORDER BY at DESC, notification DESC LIMIT 1
"""

_KNOWN = """
SELECT 1 FROM history
WHERE workflow = (SELECT number FROM workflows WHERE workflow_id = ?) AND event = ? LIMIT 1
"""

_RAISED = "SELECT 1 FROM incidents WHERE workflow_id = ? AND kind = ? LIMIT 1"

MOST_STATUSES = 100
"""Of one invoice that are compared, the newest: Metronome sends a few."""

LONGEST_WAY_MILLISECONDS = 76 * 3600 * 1000
"""Between a threshold that was reached and its workflow: for so long Metronome delivers."""


def take_report(
    transaction: Transaction, told: KeptReport, subscriptions: Subscriptions
) -> tuple[WorkflowId | None, Said | None]:
    """Keep a new report; give the workflow that it is about, and what it says of our outcome.

    What it says goes into the history once, and an incident is raised once: a status may come as
    often as Metronome likes.
    """
    transaction.execute(_KEEP, report_values(told))
    if told.report.invoice_id is None:
        return None, None
    found = _of_invoice(transaction, told)
    if not found:
        return None, None
    workflow_id = found[0].workflow.workflow_id
    named: dict[str, Value] = {"workflow_id": workflow_id, "number": told.notification}
    transaction.execute(NAME_WORKFLOW, named)
    if told.report.outcome is None:
        return workflow_id, None
    return _held_against(transaction, told, found, subscriptions) or (workflow_id, None)


def _held_against(
    transaction: Transaction,
    told: KeptReport,
    found: Sequence[Dossier],
    subscriptions: Subscriptions,
) -> tuple[WorkflowId, Said] | None:
    """Write down what a status says, and give what is news."""
    news: tuple[WorkflowId, Said] | None = None
    for dossier, said in said_of(told, found):
        workflow_id = dossier.workflow.workflow_id
        if said is Said.CONFIRMS:
            if transaction.execute(_KNOWN, (workflow_id, CONFIRMED)).fetchone() is None:
                add_history(transaction, [(workflow_id, confirmation(told))])
            news = news or (workflow_id, said)
        elif _raise(transaction, told, dossier, subscriptions):
            news = (workflow_id, said)
    return news


def _raise(
    transaction: Transaction, told: KeptReport, dossier: Dossier, subscriptions: Subscriptions
) -> bool:
    workflow = dossier.workflow
    kind = IncidentKind.PAYMENT_STATUS_CONTRADICTED
    if transaction.execute(_RAISED, (workflow.workflow_id, kind.value)).fetchone() is not None:
        return False
    of_invoice = {**_invoice(told), "limit": MOST_STATUSES}
    if is_outdated(told, _reports(transaction, _OF_INVOICE, of_invoice)):
        return False
    incident = contradiction(told, dossier)
    add_incident(transaction, workflow.workflow_id, incident)
    add_history(transaction, [(workflow.workflow_id, contradicted(told, incident))])
    if subscriptions:
        write_notices(transaction, [notice_of_incident(incident, dossier)], subscriptions)
    return True


def _of_invoice(transaction: Transaction, told: KeptReport) -> list[Dossier]:
    """Give the workflows of the report's invoice, locked: what is decided now is decided."""
    found = select(transaction, _WORKFLOWS, _invoice(told))
    ids = [WorkflowId(row["workflow_id"]) for row in found]
    rows = [row for each in ids if (row := lock_row(transaction, each)) is not None]
    return dossiers_of(transaction, [workflow_from(row) for row in rows])


def _invoice(told: KeptReport) -> dict[str, Value]:
    return {"invoice_id": told.report.invoice_id, "contract_id": told.report.contract_id}


def reports_of(
    transaction: Transaction, workflow_id: WorkflowId, *, limit: int
) -> list[KeptReport]:
    """List what was reported about a workflow's gate, newest first.

    By contract and invoice, whichever came first; and the threshold that began it.
    """
    row = read_row(transaction, workflow_id)
    if row is None:
        return []
    asked = _asked(row, limit)
    began = _reports(transaction, _FOLLOWED, asked) or _reports(
        transaction, _PERHAPS_FOLLOWED, asked
    )
    return [*_reports(transaction, _OF_INVOICE, asked), *began][:limit]


def _asked(row: Row, limit: int) -> dict[str, Value]:
    return {
        "workflow_id": row["workflow_id"],
        "contract_id": row["contract_id"],
        "invoice_id": row["invoice_id"],
        "earliest": row["received_at"] - LONGEST_WAY_MILLISECONDS,
        "latest": row["received_at"] + int(CLOCKS_DIFFER.total_seconds()) * 1000,
        "limit": limit,
    }


def _reports(transaction: Transaction, sql: str, asked: dict[str, Value]) -> list[KeptReport]:
    return [report_from(row) for row in select(transaction, sql, asked)]
