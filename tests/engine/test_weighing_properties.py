"""What must hold of every decision whatever the evidence is, and wherever the workflow stands."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from external_gate.domain.charge import Capabilities
from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.outcome import Answer, Succeeded, Unknown
from external_gate.domain.standing import Dead, Taken
from external_gate.domain.workflow import ENDED, MOVES, Actor, HeldReason, State, Verdict, Workflow
from external_gate.engine.context import Engine, Policy
from external_gate.engine.draft import Draft
from external_gate.engine.looks_while_held import look_on
from external_gate.engine.scales import standing_in
from external_gate.engine.undone import keeps_money, took_money
from external_gate.engine.weighing import weigh
from external_gate.guards.rules import GuardRules
from external_gate.stores.store import Store
from external_gate.stores.store_records import Dossier
from tests.domain.test_standing_properties import NOW, attempts, capabilities, everything
from tests.domain.test_workflow import FACTS, NOON
from tests.engine.world import (
    BookkeepingBilling,
    BookkeepingGateway,
    FixedPayers,
    HandClock,
    Heard,
)

VERDICTS = {
    State.PAID: [Verdict.PAID],
    State.RELEASED: [Verdict.PAID],
    State.DECLINED: [Verdict.FAILED],
    State.CANCELLED: [Verdict.FAILED],
    State.HELD: [None, *Verdict],
    State.REFUNDING: [None, *Verdict],
    State.REFUNDED: [None, *Verdict],
}
SENT = sorted(set(State) - {State.RECEIVED})
"""Before the first intent there is no attempt, and no evidence."""


@st.composite
def workflows(draw: st.DrawFn, *, undecided: bool = False) -> Workflow:
    state = draw(st.sampled_from([s for s in SENT if s not in VERDICTS] if undecided else SENT))
    return Workflow(
        FACTS,
        state,
        received_at=NOON,
        updated_at=NOON,
        held_reason=draw(st.sampled_from(HeldReason)) if state is State.HELD else None,
        verdict=draw(st.sampled_from(VERDICTS.get(state, [None]))),
        trying_since=draw(st.sampled_from([None, NOW, NOW - timedelta(days=2)])),
        pending_deadline=draw(st.sampled_from([None, NOW, NOW + timedelta(days=1)])),
        restored_at=draw(st.sampled_from([None, NOW])),
        undo_asked_at=draw(st.sampled_from([None, NOW])),
    )


def no_money(_source: Source, answer: Answer) -> bool:
    return not isinstance(answer, Succeeded)


@st.composite
def dossiers(draw: st.DrawFn, *, undecided: bool = False) -> Dossier:
    """A workflow with one attempt that may have been sent, perhaps after a dead one."""
    poor = draw(st.booleans())
    tries = attempts(least_sends=1, allowed=no_money if poor else everything)
    dead = [replace(draw(tries), closed=True)] if draw(st.booleans()) else []
    last = replace(draw(tries), number=len(dead) + 1)
    return Dossier(draw(workflows(undecided=undecided)), (*dead, last))


schedules = st.sampled_from([(), (timedelta(hours=1),)])


def engine(able: Capabilities, schedule: tuple[timedelta, ...] = ()) -> Engine:
    clock = HandClock(NOW)
    return Engine(
        store=cast("Store", None),  # weighing is pure: it reads and writes nothing
        billing=BookkeepingBilling(),
        gateways={"main": BookkeepingGateway(clock, able)},
        payers=FixedPayers(),
        rules=GuardRules(),
        policy=Policy(default_gateway="main", soft_decline_schedule=schedule),
        clock=clock,
        random=Random(1),  # noqa: S311 - jitter, not a secret
        observer=Heard(),
    )


def weighed(world: Engine, dossier: Dossier) -> Draft:
    draft = Draft(dossier, NOW)
    weigh(world, draft)
    look_on(world, draft)
    return draft


def moves(draft: Draft) -> list[tuple[State, State]]:
    told = draft.change(fence=1, give_back=True).history
    return [(e.from_state, e.to_state) for e in told if e.from_state and e.to_state]


@settings(max_examples=300)
@given(dossiers(), capabilities, schedules)
def test_evidence_moves_only_as_the_table_lets_the_engine(
    dossier: Dossier, able: Capabilities, schedule: tuple[timedelta, ...]
) -> None:
    for move in moves(weighed(engine(able, schedule), dossier)):
        assert Actor.ENGINE in MOVES[move]


@settings(max_examples=300)
@given(dossiers(), capabilities, schedules)
def test_what_is_decided_is_changed_by_no_evidence(
    dossier: Dossier, able: Capabilities, schedule: tuple[timedelta, ...]
) -> None:
    before = dossier.workflow
    after = weighed(engine(able, schedule), dossier).after

    if before.verdict is not None or before.state is State.REFUNDING:
        assert after.verdict is before.verdict
        assert after.state in {before.state, State.HELD}
    if before.state in ENDED:
        assert after.state is before.state


@settings(max_examples=400)
@given(dossiers(undecided=True), capabilities, schedules)
def test_paid_is_decided_only_on_matching_money_of_the_open_attempt(
    dossier: Dossier, able: Capabilities, schedule: tuple[timedelta, ...]
) -> None:
    world = engine(able, schedule)
    draft = weighed(world, dossier)

    if dossier.workflow.verdict is None and draft.after.verdict is Verdict.PAID:
        opened = dossier.attempt
        assert opened is not None
        assert isinstance(standing_in(world, Draft(dossier, NOW), opened), Taken)
        assert not any(keeps_money(draft.after, a) for a in dossier.attempts if a.closed)
        assert draft.after.state is State.PAID


@settings(max_examples=400)
@given(dossiers(undecided=True), capabilities, schedules)
def test_failed_is_decided_only_when_every_attempt_is_dead_and_none_took_money(
    dossier: Dossier, able: Capabilities, schedule: tuple[timedelta, ...]
) -> None:
    world = engine(able, schedule)
    draft = weighed(world, dossier)

    if dossier.workflow.verdict is None and draft.after.verdict is Verdict.FAILED:
        assert not any(map(took_money, dossier.attempts))
        plain = Draft(dossier, NOW)
        for attempt in dossier.attempts:
            assert attempt.closed or isinstance(standing_in(world, plain, attempt), Dead)


@settings(max_examples=300)
@given(dossiers(), capabilities, st.sampled_from([HeldReason.OPERATOR, HeldReason.CONTRADICTION]))
def test_no_evidence_moves_what_was_left_to_people(
    dossier: Dossier, able: Capabilities, reason: HeldReason
) -> None:
    held = replace(dossier.workflow, state=State.HELD, verdict=None, held_reason=reason)

    assert moves(weighed(engine(able), replace(dossier, workflow=held))) == []


@settings(max_examples=300)
@given(dossiers(undecided=True), capabilities, schedules, st.integers(0, 50 * 3600), st.booleans())
def test_unknown_changes_no_decision(
    dossier: Dossier,
    able: Capabilities,
    schedule: tuple[timedelta, ...],
    seconds: int,
    of_the_send: bool,
) -> None:
    at = NOW - timedelta(seconds=seconds)
    source, send = (Source.CHARGE, 1) if of_the_send else (Source.LOOKUP, 0)
    unknown = Evidence(source, Unknown("timeout"), asked_at=at, at=at, send=send)
    *others, last = dossier.attempts
    more = replace(dossier, attempts=(*others, _with(last, unknown)))

    without = weighed(engine(able, schedule), dossier).after
    with_it = weighed(engine(able, schedule), more).after

    assert with_it.verdict is without.verdict
    decided = {State.PAID, State.DECLINED}
    assert (with_it.state in decided) == (without.state in decided)


def _with(attempt: Attempt, piece: Evidence) -> Attempt:
    return replace(attempt, evidence=(*attempt.evidence, piece))


@settings(max_examples=300)
@given(dossiers(), capabilities, schedules)
def test_held_with_something_to_ask_is_asked_and_everything_else_waits(
    dossier: Dossier, able: Capabilities, schedule: tuple[timedelta, ...]
) -> None:
    draft = weighed(engine(able, schedule), dossier)

    if draft.after.state is State.HELD and draft.after.due_at is not None:
        assert draft.after.due_at >= NOW + timedelta(hours=1)
        assert not any(
            isinstance(piece.answer, Succeeded)
            for attempt in draft.attempts
            if not attempt.closed
            for piece in attempt.evidence
        )
