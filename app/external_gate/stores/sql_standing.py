"""What stands when a save begins: the locked row, and the dossier that belongs to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.errors import Broken
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores.documents import write_json
from external_gate.stores.rows import Row, workflow_from
from external_gate.stores.sql_dossiers import dossiers_of
from external_gate.stores.sql_transaction import Transaction, select
from external_gate.stores.store_records import Change, Dossier

# In one order, so that two batches never wait for each other.
_LOCK = """
SELECT workflow_id, state, updated_at, fence, hold_wanted, hold_wanted_detail, look_at,
    lease_until, lease_owner
FROM workflows WHERE workflow_id IN (SELECT value FROM json_each(?)) ORDER BY workflow_id
/*pg: FOR NO KEY UPDATE */
"""

# A statement of its own, after the lock: what was committed while we waited for it is seen.
NEWEST = """
SELECT workflow_id, max(number) AS number FROM evidence
WHERE workflow_id IN (SELECT value FROM json_each(?)) GROUP BY workflow_id
"""

_WHOLE = "SELECT * FROM workflows WHERE workflow_id IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Standing:
    """One workflow under our lock, before anything is written."""

    row: Row
    """What a save must know of it, its lease among it."""
    dossier: Dossier
    is_carried: bool
    """Whether the dossier came with the change, and need not be read again afterwards."""


def lock_all(transaction: Transaction, changes: Sequence[Change]) -> list[Standing]:
    """Lock the workflows of changes, one change each; nobody else writes them until the end.

    From here on no evidence can arrive unseen: whoever appends some locks the row as well. A
    dossier that came with its change is read again only where it is no longer true.
    """
    ids = (write_json([change.after.workflow_id for change in changes]),)
    rows = {row["workflow_id"]: row for row in select(transaction, _LOCK, ids)}
    newest = {row["workflow_id"]: row["number"] for row in select(transaction, NEWEST, ids)}
    unknown = [each.after.workflow_id for each in changes if each.after.workflow_id not in rows]
    if unknown:
        raise Broken(f"there is no workflow {unknown[0]} to save")
    carried = {
        workflow_id: change.dossier
        for change in changes
        if change.dossier is not None
        and _is_true(
            change.dossier,
            rows[workflow_id := change.after.workflow_id],
            newest=newest.get(workflow_id, 0),
        )
    }
    read = _read(transaction, [id_ for id_ in rows if id_ not in carried])
    return [
        Standing(rows[id_], carried.get(id_) or read[id_], id_ in carried)
        for id_ in (change.after.workflow_id for change in changes)
    ]


def _is_true(known: Dossier, row: Row, *, newest: int) -> bool:
    """Whether nothing was written since a dossier was given.

    Attempts and releases are written under the fence alone, by whoever has the dossier; all others
    leave evidence, a wanted hold or a wanted look.
    """
    workflow = known.workflow
    wanted = workflow.hold_wanted.value if workflow.hold_wanted else None
    return (
        workflow.workflow_id == row["workflow_id"]
        and workflow.fence == row["fence"]
        and workflow.state == row["state"]
        and to_milliseconds(workflow.updated_at) == row["updated_at"]
        and (wanted, workflow.hold_wanted_detail) == (row["hold_wanted"], row["hold_wanted_detail"])
        and workflow.look_at is None
        and row["look_at"] is None
        and known.newest_evidence == newest
    )


def _read(
    transaction: Transaction, workflow_ids: Sequence[WorkflowId]
) -> dict[WorkflowId, Dossier]:
    if not workflow_ids:
        return {}
    rows = select(transaction, _WHOLE, (write_json(list(workflow_ids)),))
    dossiers = dossiers_of(transaction, [workflow_from(row) for row in rows])
    return {dossier.workflow.workflow_id: dossier for dossier in dossiers}
