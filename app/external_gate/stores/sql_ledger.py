"""What is written beside a workflow, and what guards may know about everything else."""

from collections.abc import Sequence

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import NOTHING_MORE, Asked, HistoryEntry, Incident, Ledger
from external_gate.domain.workflow import Facts
from external_gate.stores.ledger_rows import history_values
from external_gate.stores.rows import Value
from external_gate.stores.sql_customers import with_charges
from external_gate.stores.sql_transaction import Transaction, first_of_each

_ADD_HISTORY = """
INSERT INTO history (workflow, at, actor, event, reason, who, from_state, to_state, facts)
VALUES (
    (SELECT number FROM workflows WHERE workflow_id = :workflow_id),
    :at, :actor, :event, :reason, :who, :from_state, :to_state, :facts
)
"""

_ADD_INCIDENT = "INSERT INTO incidents (workflow_id, kind, at, detail) VALUES (?, ?, ?, ?)"

_ONE_AT_A_TIME = """
SELECT 1 /*pg: ,
    pg_advisory_xact_lock(hashtextextended(:customer_id, 0)),
    pg_advisory_xact_lock(hashtextextended(:invoice_id, 1)) */
"""

INVOICE_TAKEN_BY = """
SELECT workflow_id FROM workflows AS other
WHERE invoice_id = :invoice_id AND workflow_id <> :workflow_id AND (
    money_seen = 1 OR verdict = 'paid' OR state IN ('paid', 'released', 'refunding')
    -- Its charge may be one that restored books have forgotten.
    OR (restored_at IS NOT NULL AND verdict IS NULL AND state NOT IN ('cancelled', 'refunded'))
    OR EXISTS (
        -- One that was taken up from its gateway has an instant, but no send in our books.
        SELECT 1 FROM attempts
        WHERE attempts.workflow_id = other.workflow_id AND closed = 0 AND first_sent_at IS NOT NULL
    )
)
ORDER BY received_at, workflow_id LIMIT 1
"""


def add_history(transaction: Transaction, lines: Sequence[tuple[WorkflowId, HistoryEntry]]) -> None:
    """Append lines of history, in order."""
    rows = [{"workflow_id": workflow_id, **history_values(entry)} for workflow_id, entry in lines]
    if rows:
        transaction.executemany(_ADD_HISTORY, rows)


def add_incident(transaction: Transaction, workflow_id: WorkflowId, incident: Incident) -> None:
    """Append one incident."""
    row = (workflow_id, incident.kind.value, to_milliseconds(incident.at), incident.detail)
    transaction.execute(_ADD_INCIDENT, row)


def read_ledgers(transaction: Transaction, asking: Sequence[tuple[Facts, Asked]]) -> list[Ledger]:
    """Read what guards may know, in the transaction that saves `charging`.

    Nobody else reads or writes what is told of the same customers and invoices until it ends.
    """
    # A notification that was not understood names no invoice.
    asked = {facts.workflow_id: _question(facts) for facts, _ in asking if facts.invoice_id}
    if not asked:
        return [Ledger() for _ in asking]
    questions = sorted(asked.values(), key=lambda question: str(question["customer_id"]))
    first_of_each(transaction, _ONE_AT_A_TIME, questions)
    rows = first_of_each(transaction, INVOICE_TAKEN_BY, list(asked.values()))
    taken = {id_: WorkflowId(row[0]) for id_, row in zip(asked, rows, strict=True) if row}
    ledgers = [Ledger(invoice_taken_by=taken.get(facts.workflow_id)) for facts, _ in asking]
    return [
        ledger if more == NOTHING_MORE else with_charges(transaction, facts, more, ledger)
        for (facts, more), ledger in zip(asking, ledgers, strict=True)
    ]


def _question(facts: Facts) -> dict[str, Value]:
    return {
        "invoice_id": facts.invoice_id,
        "workflow_id": facts.workflow_id,
        "customer_id": facts.customer_id,
    }
