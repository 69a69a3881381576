"""Notices of gateways, to rows and back, the same for every store."""

from typing import get_args

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.errors import Broken
from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.outcome import Outcome
from external_gate.stores.documents import answer_from_json, answer_to_json
from external_gate.stores.rows import Row, Value
from external_gate.stores.store_records import KeptNotice, NewNotice


def notice_values(notice: NewNotice) -> dict[str, Value]:
    """Write what a notice said."""
    return {
        "gateway": notice.gateway,
        "event_id": notice.event_id,
        "attempt_key": notice.attempt_key,
        "claim": None if notice.outcome is None else answer_to_json(notice.outcome),
        "signed_and_final": int(notice.signed_and_final),
        "received_at": to_milliseconds(notice.received_at),
    }


def notice_from(row: Row) -> KeptNotice:
    """Read a kept notice."""
    workflow_id = row["workflow_id"]
    return KeptNotice(
        number=row["number"],
        gateway=row["gateway"],
        event_id=row["event_id"],
        attempt_key=AttemptKey(row["attempt_key"]),
        outcome=None if row["claim"] is None else outcome_from_json(row["claim"]),
        signed_and_final=bool(row["signed_and_final"]),
        received_at=from_milliseconds(row["received_at"]),
        deliveries=row["deliveries"],
        workflow_id=None if workflow_id is None else WorkflowId(workflow_id),
        evidence=row["evidence"],
    )


def outcome_from_json(text: str) -> Outcome:
    """Read an outcome back. Raises `Broken` for an answer of another kind."""
    answer = answer_from_json(text)
    if not isinstance(answer, get_args(Outcome)):
        raise Broken(f"a notice claims {type(answer).__name__}, which is no outcome of a charge")
    outcome: Outcome = answer
    return outcome
