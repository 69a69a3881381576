"""Looking on while a charge is unknown and a person must decide. Pure."""

from datetime import datetime

from external_gate.domain.charge import Capabilities, Lookup
from external_gate.domain.evidence import Attempt
from external_gate.domain.standing import Absent, Open, Waiting
from external_gate.domain.workflow import HeldReason, State
from external_gate.engine import retry
from external_gate.engine.context import Engine
from external_gate.engine.draft import Draft
from external_gate.engine.scales import standing_in


def hold_unknown(draft: Draft, cause: str, capabilities: Capabilities) -> None:
    """Hold a charge that nobody knows; lookups go on where there are any."""
    draft.hold(HeldReason.UNKNOWN_CHARGE, cause)
    draft.set(due_at=next_look_while_held(draft, capabilities))


def look_on(engine: Engine, draft: Draft) -> None:
    """Give a held workflow its next look where one may still bring a proof; for every save."""
    due_at = draft.after.due_at
    if (due_at is None or due_at <= draft.now) and is_still_asked(engine, draft):
        draft.set(due_at=draft.now + retry.HOURLY)


def is_still_asked(engine: Engine, draft: Draft) -> bool:
    """Tell whether a held workflow has a charge that is unknown or open and can be looked up.

    A gateway that is missing from the configuration may be back at the next look.
    """
    return draft.after.state is State.HELD and any(
        attempt.gateway not in engine.gateways
        or engine.capabilities(attempt.gateway).lookup is Lookup.QUERY
        for attempt in unknown_attempts(engine, draft)
    )


def unknown_attempts(engine: Engine, draft: Draft) -> list[Attempt]:
    """Give every attempt that may have been sent and may still turn out either way."""
    return [
        attempt
        for attempt in draft.attempts
        if not attempt.closed
        and (attempt.sends or attempt.evidence)
        and isinstance(standing_in(engine, draft, attempt), Open | Absent | Waiting)
    ]


def next_look_while_held(draft: Draft, capabilities: Capabilities) -> datetime | None:
    """Give when a held charge is looked up again; None where only a notice or a person can tell."""
    return draft.now + retry.HOURLY if capabilities.lookup is Lookup.QUERY else None
