"""The table of moves: against the design, walked exhaustively, and walked at random."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain import workflow as module
from external_gate.domain.errors import Broken, Refused
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.workflow import (
    BEFORE_A_DECISION,
    ENDED,
    MOVES,
    Actor,
    Facts,
    HeldReason,
    State,
    Verdict,
    Workflow,
    check_move,
)

DESIGN: dict[str, str] = {
    "received": "ready held declined",
    "ready": "charging held declined",
    "charging": "paid declined ready pending unresolved held",
    "unresolved": "paid declined ready pending held",
    "pending": "paid declined ready unresolved held",
    "paid": "released held refunding",
    "declined": "cancelled held",
    # By proof `paid` and `declined`; by a person what retry, settle and refund allow.
    "held": "paid declined ready unresolved pending refunding",
    "refunding": "refunded declined held",
    "released": "",
    "cancelled": "",
    "refunded": "",
}
"""The table of the design, section 4: which state leaves to which."""

PEOPLE_HOLD = {
    State.RECEIVED,
    State.READY,
    State.UNRESOLVED,
    State.PENDING,
    State.PAID,
    State.DECLINED,
}
"""`hold` takes effect wherever no charge and no refund may be on the wire."""

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FACTS = Facts(
    WorkflowId("wf"),
    "spend",
    CustomerId("cus"),
    ContractId("con"),
    InvoiceId("inv"),
    Decimal(1500),
    "USD",
)


def workflow(state: State, verdict: Verdict | None = None) -> Workflow:
    return Workflow(FACTS, state, received_at=NOON, updated_at=NOON, verdict=verdict)


def is_allowed(given: Workflow, to: State, actor: Actor) -> bool:
    try:
        check_move(given, to, actor)
    except (Broken, Refused):
        return False
    return True


@dataclass(frozen=True)
class Place:
    """Where a walk has come to, with all that may be remembered on the way."""

    state: State = State.RECEIVED
    verdict: Verdict | None = None
    gave_back: bool = False
    """Whether a refund was begun since the outcome was decided."""

    def steps(self) -> Iterator["Place"]:
        """Every place that anybody may move to; the first outcome is decided with its move."""
        here = workflow(self.state, self.verdict)
        for to in State:
            if any(is_allowed(here, to, actor) for actor in Actor):
                yield self._moved(to)

    def _moved(self, to: State) -> "Place":
        decided = {State.PAID: Verdict.PAID, State.DECLINED: Verdict.FAILED}.get(to)
        begun = self.gave_back or to is State.REFUNDING
        return Place(to, decided or self.verdict, begun)


def everywhere() -> dict[Place, set[Place]]:
    """Every place that can be reached at all, with the steps from there."""
    found: dict[Place, set[Place]] = {}
    waiting = [Place()]
    while waiting:
        here = waiting.pop()
        if here not in found:
            found[here] = set(here.steps())
            waiting.extend(found[here])
    return found


REACHABLE = everywhere()


def test_moves_are_those_of_the_design() -> None:
    table = {state: {to for (begun, to) in MOVES if begun is state} for state in State}

    assert table == {State(s): {State(to) for to in DESIGN[s].split()} for s in DESIGN}


def test_every_state_is_reached() -> None:
    assert {place.state for place in REACHABLE} == set(State)


def test_ended_workflows_leave_nowhere() -> None:
    assert {state for state in State if not DESIGN[state]} == ENDED
    for state in ENDED:
        assert not [to for (begun, to) in MOVES if begun is state]
        assert workflow(state).has_ended
    assert not any(workflow(state).has_ended for state in set(State) - ENDED)


def test_every_unfinished_state_can_still_end() -> None:
    ends = {place for place in REACHABLE if place.state in ENDED}
    while more := {here for here, steps in REACHABLE.items() if steps & ends} - ends:
        ends |= more

    assert ends == set(REACHABLE)


def test_failed_is_never_followed_by_released() -> None:
    for here, steps in REACHABLE.items():
        if here.verdict is Verdict.FAILED:
            assert not {to for to in steps if to.state in {State.PAID, State.RELEASED}}


def test_paid_is_never_cancelled_unless_the_money_goes_back() -> None:
    for here, steps in REACHABLE.items():
        if here.verdict is Verdict.PAID and not here.gave_back:
            assert not {to for to in steps if to.state in {State.DECLINED, State.CANCELLED}}


def test_outcome_turns_only_from_paid_to_failed_and_only_after_a_refund() -> None:
    turned = [
        (here, to)
        for here, steps in REACHABLE.items()
        for to in steps
        if here.verdict is not None and to.verdict is not here.verdict
    ]

    assert turned
    for here, to in turned:
        assert here.state is State.REFUNDING
        assert (here.verdict, to.verdict) == (Verdict.PAID, Verdict.FAILED)


def test_decided_workflow_is_never_charged_again() -> None:
    for here, steps in REACHABLE.items():
        if here.verdict is not None:
            assert not {to for to in steps if to.state in BEFORE_A_DECISION}


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("to", [State.READY, State.UNRESOLVED, State.PENDING])
def test_retry_of_a_decided_workflow_charges_nobody(to: State, verdict: Verdict) -> None:
    check_move(workflow(State.HELD), to, Actor.PERSON)
    with pytest.raises(Refused):
        check_move(workflow(State.HELD, verdict), to, Actor.PERSON)


def test_undone_money_is_only_refunded_and_never_released() -> None:
    for here, steps in REACHABLE.items():
        if here.state is State.REFUNDING:
            assert {to.state for to in steps} <= {State.REFUNDED, State.DECLINED, State.HELD}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("to", State)
def test_only_listed_actors_make_listed_moves(state: State, to: State) -> None:
    for actor in Actor:
        listed = MOVES.get((state, to))
        if listed is None:
            with pytest.raises(Broken):
                check_move(workflow(state), to, actor)
        elif actor not in listed:
            with pytest.raises(Refused):
                check_move(workflow(state), to, actor)
        else:
            check_move(workflow(state), to, actor)


def test_people_never_charge_and_never_end_a_workflow() -> None:
    by_people = {move for move, actors in MOVES.items() if Actor.PERSON in actors}

    assert {to for _, to in by_people}.isdisjoint({State.CHARGING, *ENDED})
    assert {begun for begun, to in by_people if to is State.HELD} == PEOPLE_HOLD
    assert {begun for begun, to in by_people if to is not State.HELD} == {State.HELD}


def test_intake_moves_nothing_by_itself() -> None:
    assert not {move for move, actors in MOVES.items() if Actor.INTAKE in actors}


def test_engine_leaves_held_only_by_proof() -> None:
    by_engine = {
        to
        for (begun, to), actors in MOVES.items()
        if begun is State.HELD and Actor.ENGINE in actors
    }

    assert by_engine == {State.PAID, State.DECLINED}


def test_charge_that_was_interrupted_is_never_followed_by_another_at_once() -> None:
    assert {begun for begun, to in MOVES if to is State.CHARGING} == {State.READY}
    assert (State.CHARGING, State.CHARGING) not in MOVES


@pytest.mark.parametrize(
    ("decided", "verdict"), [(Verdict.PAID, Verdict.FAILED), (Verdict.FAILED, Verdict.PAID)]
)
def test_verdict_that_is_handed_in_cannot_turn_a_decision_round(
    decided: Verdict, verdict: Verdict
) -> None:
    to = State.PAID if decided is Verdict.PAID else State.DECLINED

    check_move(workflow(State.HELD, decided), to, Actor.PERSON, decided)
    with pytest.raises(Refused):
        check_move(workflow(State.HELD, decided), to, Actor.PERSON, verdict)


@given(st.data())
def test_random_walks_keep_every_decision(data: st.DataObject) -> None:
    here, path = workflow(State.RECEIVED), [State.RECEIVED]
    decisions: list[Verdict] = []
    for _ in range(data.draw(st.integers(1, 25))):
        moves = [(to, a) for to in State for a in Actor if is_allowed(here, to, a)]
        if not moves:
            break
        to, actor = data.draw(st.sampled_from(moves))
        assert actor in MOVES[here.state, to]
        verdict = {State.PAID: Verdict.PAID, State.DECLINED: Verdict.FAILED}.get(to)
        here = replace(here, state=to, verdict=verdict or here.verdict)
        path.append(to)
        if here.verdict is not None and decisions[-1:] != [here.verdict]:
            decisions.append(here.verdict)

    # Failed after paid is what follows a refund; nothing else follows a decision.
    assert decisions in ([], [Verdict.PAID], [Verdict.FAILED], [Verdict.PAID, Verdict.FAILED])
    if decisions == [Verdict.PAID, Verdict.FAILED]:
        assert State.REFUNDING in path
    if path[-1] is State.RELEASED:
        assert decisions == [Verdict.PAID]
        assert State.DECLINED not in path
    if path[-1] is State.CANCELLED:
        assert decisions[-1] is Verdict.FAILED


@pytest.mark.parametrize("listed", [State, HeldReason, Actor, Verdict])
def test_every_member_has_a_value_of_its_own_that_can_be_stored(listed: type[State]) -> None:
    values = [member.value for member in listed]

    assert len(values) == len(set(values))
    assert all(re.fullmatch("[a-z_]+", value) for value in values)


@pytest.mark.parametrize("listed", [State, HeldReason])
def test_every_state_and_reason_says_what_it_means(listed: type[State]) -> None:
    lines = inspect.getsource(listed).splitlines()
    explained = {
        found[1] for line in lines if (found := re.match(r" +\w+ = \"(\w+)\"  # .{10,}", line))
    }

    assert explained == {member.value for member in listed}
    assert inspect.getdoc(module)
