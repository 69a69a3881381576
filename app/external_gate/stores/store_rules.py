"""Rules that every store keeps in its transactions: pure, so that all databases agree."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta

from external_gate.domain.changed import changed
from external_gate.domain.errors import Broken
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.money import bare_currency
from external_gate.domain.workflow import Actor, Facts, HeldReason, State, Workflow
from external_gate.stores.store_records import Change, HoldWanted

RECORDED = "recorded"
CONFLICTED = "conflicting_notification"
RESTORED = "older_copy_found"
LOOK_ASKED = "look_asked"
"""Events that stores write into the history themselves."""

LOOKS_APART = timedelta(seconds=5)
"""Between two looks that notices bring forward: whoever floods us with notices costs one lookup in
this time per workflow, and a customer who has just paid waits no longer."""

_NEVER_SENT = frozenset({State.RECEIVED, State.READY})


def beginning(workflow: Workflow, number: int) -> HistoryEntry:
    """Give the first line of a workflow's history."""
    return HistoryEntry(
        at=workflow.updated_at,
        actor=Actor.INTAKE,
        event=RECORDED,
        reason=workflow.held_reason.value if workflow.held_reason else "",
        to_state=workflow.state,
        facts={"notification": str(number)},
    )


def differences(known: Facts, told: Facts) -> Mapping[str, str]:
    """Tell in which facts two notifications of one workflow differ; none means that they agree.

    Totals are compared by value and currencies however they are spelled.
    """
    ours, theirs = _comparable(known), _comparable(told)
    return {
        field.name: f"{getattr(known, field.name)} → {getattr(told, field.name)}"
        for field in fields(Facts)
        if getattr(ours, field.name) != getattr(theirs, field.name)
    }


def _comparable(facts: Facts) -> Facts:
    return replace(facts, currency=bare_currency(facts.currency))


def conflict_holds(known: Workflow, *, ever_sent: bool) -> bool:
    """Whether other facts still stop the workflow; later they can only be an incident."""
    return not ever_sent and known.verdict is None and known.state in _NEVER_SENT


def sentence(different: Mapping[str, str]) -> str:
    """Write differences for people."""
    return "; ".join(f"{name}: {change}" for name, change in different.items())


def check_path(state: State, change: Change) -> None:
    """See that the history tells every move from the state that is stored to the new one (P8).

    Raises `Broken` when it does not: a move that nobody can explain afterwards is a bug.
    """
    for entry in change.history:
        if entry.from_state is None or entry.to_state is None:
            continue
        if entry.from_state is not state:
            raise Broken(f"history tells a move from {entry.from_state}, but it is {state}")
        state = entry.to_state
    if state is not change.after.state:
        raise Broken(
            f"history ends in {state}, but the change in {change.after.state}: "
            "write one entry for every move"
        )


def check_hold(hold_wanted: HeldReason | None, change: Change) -> None:
    """Refuse a charge while a hold is wanted. Raises `HoldWanted`."""
    if hold_wanted is not None and change.after.state is State.CHARGING:
        raise HoldWanted(f"a hold is wanted ({hold_wanted}): hold it instead of charging")


def standing_after(
    now: Workflow, change: Change, *, newest_evidence: int, look_wanted: bool
) -> Workflow:
    """Give the workflow as a good save leaves it: what others wrote meanwhile is not overwritten.

    A hold that was asked for stays until the workflow is held, a look until it was made.
    """
    held = change.after.state is State.HELD
    return changed(
        change.after,
        facts=now.facts,
        received_at=now.received_at,
        fence=now.fence,
        hold_wanted=None if held else now.hold_wanted,
        hold_wanted_detail="" if held else now.hold_wanted_detail,
        look_at=_next_look(now, change.after) if look_wanted else None,
        evidence_read=newest_evidence,
    )


def _next_look(now: Workflow, after: Workflow) -> datetime:
    """Give when a look is made that is still wanted: not too soon after the one just made."""
    wanted_at = now.look_at or after.updated_at
    return wanted_at if after.looked_at is None else max(wanted_at, after.looked_at + LOOKS_APART)


def look_at(workflow: Workflow, asked_at: datetime) -> datetime:
    """Give when a look is made that a notice asks for now.

    At once, unless one was made within `LOOKS_APART`: then at the end of that time. One that waits
    already is not moved by a further notice. However wrong a clock was, it is no later than
    `LOOKS_APART` from now.
    """
    soonest = asked_at
    if workflow.look_at is not None:
        soonest = workflow.look_at
    elif workflow.looked_at is not None:
        soonest = max(asked_at, workflow.looked_at + LOOKS_APART)
    return min(soonest, asked_at + LOOKS_APART)


def claimable_after(
    now: Workflow, change: Change, look_at: datetime | None = None
) -> datetime | None:
    """Give when a workflow that is given back can be claimed: when it is due, as a rule.

    At once when a hold was asked for that the decision had not read; and when a look is to be made.
    """
    after = change.after
    unread_hold = now.hold_wanted is not None and after.hold_wanted is None
    if unread_hold and after.state is not State.HELD and not after.has_ended:
        return after.updated_at
    wanted = [instant for instant in (after.due_at, look_at) if instant is not None]
    return min(wanted, default=None)
