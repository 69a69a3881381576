"""One step of a workflow as one line: its event, and the facts that its history carries. Pure."""

from collections.abc import Mapping, Sequence

from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import State, Workflow
from external_gate.observe import events

EVENT_OF_STATE: Mapping[State, str] = {
    State.READY: events.WORKFLOW_READIED,
    State.CHARGING: events.CHARGE_INTENDED,
    State.UNRESOLVED: events.CHARGE_LEFT_UNRESOLVED,
    State.PENDING: events.CHARGE_LEFT_PENDING,
    State.PAID: events.PAID_DECIDED,
    State.DECLINED: events.FAILED_DECIDED,
    State.HELD: events.WORKFLOW_HELD,
    State.REFUNDING: events.REFUND_BEGUN,
    State.RELEASED: events.WORKFLOW_RELEASED,
    State.CANCELLED: events.WORKFLOW_CANCELLED,
    State.REFUNDED: events.WORKFLOW_REFUNDED,
}
"""What a save is called that moved a workflow there; no move leads to `received`."""

_FACTS = {
    "attempt": "attempt",
    "attempt_key": "attempt_key",
    "gateway": "gateway",
    "amount": "amount",
    "verdict": "verdict",
    "key": "release_key",
}
"""Facts of the history that belong into the log, under the log's name."""


def step_line(
    before: Workflow, after: Workflow, history: Sequence[HistoryEntry]
) -> tuple[str, dict[str, object]]:
    """Give the event of a save and its facts; only those that there are."""
    facts: dict[str, object] = {"workflow_id": after.workflow_id, "state": after.state}
    if before.state is not after.state:
        facts["was"] = before.state
        event = EVENT_OF_STATE.get(after.state, events.STEP_SAVED)
    else:
        event = events.STEP_SAVED
    for entry in history:
        for name, value in entry.facts.items():
            if name in _FACTS:
                facts[_FACTS[name]] = value
    facts |= _why(history)
    if after.tries:
        facts["tries"] = after.tries
    if after.due_at is not None and after.due_at > after.updated_at:
        facts["due_at"] = after.due_at
    return event, facts


def _why(history: Sequence[HistoryEntry]) -> dict[str, object]:
    """Give what was done, the reason of the last word, and the person who did it."""
    why: dict[str, object] = {}
    if did := [entry.event for entry in history if entry.event != "moved"]:
        why["did"] = did
    if reasons := [entry.reason for entry in history if entry.reason]:
        why["reason"] = reasons[-1]
    if people := [entry.who for entry in history if entry.who]:
        why["who"] = people[-1]
    return why
