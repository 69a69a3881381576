"""From state to step: what a worker does with a claimed workflow until it must wait."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from external_gate.domain.errors import Broken, LeaseLost
from external_gate.domain.workflow import ENDED, HeldReason, State
from external_gate.engine import (
    charging,
    concluding,
    looking,
    looks_while_held,
    refunding,
    releasing,
)
from external_gate.engine.case import Case
from external_gate.engine.lanes import LaneFull
from external_gate.stores.store_records import HoldWanted, UnreadEvidence

Step = Callable[[Case], Awaitable[None]]

MOST_STEPS = 25
"""In one claim; no way through the table is nearly as long: more means that it runs in circles."""

HOLDABLE = frozenset(
    {State.RECEIVED, State.READY, State.UNRESOLVED, State.PENDING, State.PAID, State.DECLINED}
)
"""Where a wanted hold takes effect: wherever no call can be on the wire."""


async def rest(case: Case) -> None:
    """Save that there is nothing to do: late evidence has been read, or the end is reached."""
    draft = case.draft()
    draft.set(due_at=None)
    await case.save(draft, give_back=True)


async def watch(case: Case) -> None:
    """Look on while held where a proof may still come; everything else waits for a person."""
    if looks_while_held.is_still_asked(case.engine, case.draft()):
        await looking.look(case)
    else:
        await rest(case)


STEPS: Mapping[State, Step] = {
    State.RECEIVED: charging.advance,
    State.READY: charging.advance,
    State.CHARGING: looking.take_over,
    State.UNRESOLVED: looking.look,
    State.PENDING: looking.wait,
    State.PAID: releasing.release,
    State.DECLINED: releasing.release,
    State.HELD: watch,
    State.REFUNDING: refunding.give_back,
    **dict.fromkeys(ENDED, rest),
}


_LOOK_BY_THEMSELVES = frozenset({State.UNRESOLVED, State.PENDING, State.HELD})


async def advance(case: Case, *, may_go_on: Callable[[], bool] = lambda: True) -> None:
    """Take one step after another until the workflow must wait, has ended, or is lost.

    Between steps `may_go_on` is asked: a draining worker finishes the step it is in and no more.
    """
    try:
        if case.dossier.newest_evidence > case.workflow.evidence_read:
            await concluding.read_and_decide(case)
        for _ in range(MOST_STEPS):
            if case.given_back or not may_go_on():
                return
            await _one_step(case)
        await _cool_down(case)
    except LeaseLost:
        case.given_back = True
        case.engine.observer.lease_lost(case.workflow)


async def _one_step(case: Case) -> None:
    if case.workflow.hold_wanted is not None and case.workflow.state in HOLDABLE:
        await _hold(case, case.workflow.hold_wanted)
        return
    step = _step_of(case)
    try:
        _keep_to_lane(case, step)
        await step(case)
    except LaneFull as full:
        await _stand_aside(case, full.gateway)
    except UnreadEvidence:
        await concluding.read_and_decide(case)
    except HoldWanted:
        await case.reread()


def _step_of(case: Case) -> Step:
    """Give the step to take now; a look that a notice asked for comes before anything else."""
    state, due_at = case.workflow.state, case.workflow.due_at
    is_due = due_at is not None and due_at <= case.engine.clock.now()
    if looking.is_asked(case):
        # Where nobody knows what is on the wire, and where the step that is due looks anyway, the
        # ordinary step comes first.
        looks_anyway = state is State.CHARGING or (is_due and state in _LOOK_BY_THEMSELVES)
        return STEPS[state] if looks_anyway else looking.look_again
    if is_due:
        return STEPS[state]
    return rest if due_at is None else _wait


def _keep_to_lane(case: Case, step: Step) -> None:
    """Enter the lane of the gateway that the step will ask. Raises `LaneFull`."""
    if case.lanes is None:
        return
    facts, attempt = case.workflow.facts, case.attempt
    if step in _ASK_NO_GATEWAY:
        case.lanes.leave(facts.workflow_id)
    elif attempt is not None:
        case.enter_lane(attempt.gateway)
    elif step is charging.advance:  # which finds out by itself who is to be asked
        if gateway := case.lanes.guess(facts.customer_id):
            case.lanes.check(facts.workflow_id, gateway, facts.customer_id)
    elif case.dossier.attempts:
        case.enter_lane(case.dossier.attempts[-1].gateway)


async def _stand_aside(case: Case, gateway: str) -> None:
    """Leave the place to others; the worker fetches the workflow when the lane has room.

    What a notice asked for is due at once whenever it is given back: its lease runs out instead.
    """
    if case.lanes is not None and not looking.is_asked(case):
        await _give_back(case, case.engine.clock.now() + case.lanes.aside_for(gateway))
    case.given_back = True


async def _wait(case: Case) -> None:
    """Leave alone what is due later."""
    await _give_back(case, case.workflow.due_at)


_ASK_NO_GATEWAY = frozenset({rest, _wait, looking.take_over, releasing.release})


async def _hold(case: Case, reason: HeldReason) -> None:
    draft = case.draft()
    draft.hold(reason, case.workflow.hold_wanted_detail)
    await case.save(draft, give_back=True)


async def _cool_down(case: Case) -> None:
    """Leave a workflow that runs in circles alone for a minute, and say so."""
    stuck = Broken(f"workflow {case.workflow.workflow_id} takes step after step and stays put")
    case.engine.observer.step_failed(case.workflow, stuck)
    await _give_back(case, case.engine.clock.now() + timedelta(minutes=1))


async def _give_back(case: Case, due_at: datetime | None) -> None:
    """End the lease of a workflow whose next step lies in the future."""
    fenced = [(case.workflow.workflow_id, case.fence)]
    await case.engine.store.give_back(fenced, due_at=due_at)
    case.given_back = True
