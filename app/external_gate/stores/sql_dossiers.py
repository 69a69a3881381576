"""Reading one workflow, or a batch of them, with everything that a decision may rest on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident, Release
from external_gate.domain.workflow import Facts, Workflow
from external_gate.stores.attempt_rows import attempt_from, evidence_from
from external_gate.stores.documents import write_json
from external_gate.stores.ledger_rows import history_from, incident_from, release_from
from external_gate.stores.rows import Row, facts_from, workflow_from
from external_gate.stores.sql_transaction import Transaction, select, select_one
from external_gate.stores.store_records import Dossier

_WORKFLOW = "SELECT * FROM workflows WHERE workflow_id = ?"

_LOCKED = "SELECT * FROM workflows WHERE workflow_id = ? /*pg: FOR NO KEY UPDATE */"

# A batch is asked for at once: the ids travel as one JSON list.
_ATTEMPTS = """
SELECT * FROM attempts
WHERE workflow_id IN (SELECT value FROM json_each(?)) ORDER BY workflow_id, number
"""
_EVIDENCE = """
SELECT * FROM evidence WHERE workflow_id IN (SELECT value FROM json_each(?)) ORDER BY number
"""
_RELEASES = """
SELECT * FROM releases
WHERE workflow_id IN (SELECT value FROM json_each(?)) ORDER BY first_sent_at, generation
"""
_HISTORY = """
SELECT * FROM history
WHERE workflow = (SELECT number FROM workflows WHERE workflow_id = ?) ORDER BY number
"""
_INCIDENTS = "SELECT * FROM incidents WHERE workflow_id = ? ORDER BY number"


def read_row(transaction: Transaction, workflow_id: WorkflowId) -> Row | None:
    """Read a workflow's row; None when it is unknown."""
    return select_one(transaction, _WORKFLOW, (workflow_id,))


def lock_row(transaction: Transaction, workflow_id: WorkflowId) -> Row | None:
    """Read a workflow's row, which nobody else writes until this transaction ends."""
    return select_one(transaction, _LOCKED, (workflow_id,))


def read_facts(transaction: Transaction, workflow_id: WorkflowId) -> Facts | None:
    """Read what the notification said; None when the workflow is unknown."""
    row = read_row(transaction, workflow_id)
    return None if row is None else facts_from(row)


def read_dossier(transaction: Transaction, workflow_id: WorkflowId) -> Dossier | None:
    """Read one dossier; None when the workflow is unknown."""
    row = read_row(transaction, workflow_id)
    return None if row is None else dossiers_of(transaction, [workflow_from(row)])[0]


def dossiers_of(transaction: Transaction, workflows: Sequence[Workflow]) -> list[Dossier]:
    """Add to workflows what belongs to them, with three questions for the whole batch."""
    ids = (write_json([workflow.workflow_id for workflow in workflows]),)
    evidence, newest = _evidence(select(transaction, _EVIDENCE, ids))
    attempts: defaultdict[str, list[Attempt]] = defaultdict(list)
    facts = {workflow.workflow_id: workflow.facts for workflow in workflows}
    for row in select(transaction, _ATTEMPTS, ids):
        pieces = tuple(evidence.get(row["attempt_key"], ()))
        attempt = attempt_from(row, facts[row["workflow_id"]], pieces)
        attempts[row["workflow_id"]].append(attempt)
    releases: defaultdict[str, list[Release]] = defaultdict(list)
    for row in select(transaction, _RELEASES, ids):
        releases[row["workflow_id"]].append(release_from(row))
    return [
        Dossier(
            workflow=workflow,
            attempts=tuple(attempts[workflow.workflow_id]),
            releases=tuple(releases[workflow.workflow_id]),
            newest_evidence=newest.get(workflow.workflow_id, 0),
        )
        for workflow in workflows
    ]


def read_history(transaction: Transaction, workflow_id: WorkflowId) -> list[HistoryEntry]:
    """Read a workflow's history, oldest first."""
    return [history_from(row) for row in select(transaction, _HISTORY, (workflow_id,))]


def read_incidents(transaction: Transaction, workflow_id: WorkflowId) -> list[Incident]:
    """Read a workflow's incidents, oldest first."""
    return [incident_from(row) for row in select(transaction, _INCIDENTS, (workflow_id,))]


def _evidence(rows: list[Row]) -> tuple[Mapping[str, list[Evidence]], Mapping[str, int]]:
    """Sort evidence by attempt key, and give the newest number by workflow."""
    by_attempt: defaultdict[str, list[Evidence]] = defaultdict(list)
    newest: dict[str, int] = {}
    for row in rows:
        by_attempt[row["attempt_key"]].append(evidence_from(row))
        newest[row["workflow_id"]] = row["number"]
    return by_attempt, newest
