"""docs/states.md says what the code does, and the code does what the design allows."""

import asyncio
from pathlib import Path

import pytest

from external_gate.domain.ledger import IncidentKind
from external_gate.domain.workflow import ENDED, MOVES, Actor, HeldReason, State, Verdict
from tests.databases import Schemas
from tests.states.drive import IMPOSSIBLE, REFUSED, Result, run_on
from tests.states.groups import GROUPS
from tests.states.measure import Table, measure
from tests.states.render import document
from tests.tallies import count

PAGE = Path(__file__).parents[2] / "docs/states.md"

EVERY = 31
"""Of the cells this one is measured on PostgreSQL too; prime, so that no row is always left out."""

NEVER_MADE = {
    # Takes several sends and a decline that fits none of them for sure: tests/engine goes there.
    (State.PENDING, State.UNRESOLVED, Actor.ENGINE),
}
"""Moves that the table allows and no event makes."""

RAISED_ELSEWHERE = {
    IncidentKind.PAYMENT_STATUS_CONTRADICTED,  # by what Metronome reports: the store's checks
    IncidentKind.THRESHOLD_NOT_ENABLED,  # after a failed payment: tests/thresholds
}
"""Incidents that no event of these tables raises, because no move of a workflow does."""


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    return measure()


@pytest.fixture(scope="module")
def results(tables: list[Table]) -> dict[str, Result]:
    """Every cell in which the event happened, by where it stands."""
    return {
        f"{group.title} / {label} / {column.name}": result
        for group, table in zip(GROUPS, tables, strict=True)
        for (label, _), row in zip(group.rows, table, strict=True)
        for column, result in zip(group.columns, row, strict=True)
        if result.text != IMPOSSIBLE
    }


def test_the_page_says_what_the_code_does(tables: list[Table]) -> None:
    assert PAGE.read_text() == document(tables), "run `make states` and read what has changed"


def test_an_event_does_the_same_on_postgres(tables: list[Table], schemas: Schemas) -> None:
    """Some cells of every table: all of them would take a minute."""
    cells = [
        (result, column, event)
        for group, table in zip(GROUPS, tables, strict=True)
        for (_, event), row in zip(group.rows, table, strict=True)
        for column, result in zip(group.columns, row, strict=True)
    ]
    for result, column, event in cells[::EVERY]:
        with schemas.lent() as schema:
            assert asyncio.run(run_on(schema.store(), column, event)) == result, column.name
    count("states: cells that are the same on PostgreSQL", len(cells[::EVERY]))


def test_no_event_makes_a_worker_stumble(results: dict[str, Result]) -> None:
    assert {place: r.text for place, r in results.items() if "BUG" in r.text} == {}


def test_every_state_reason_and_incident_is_reached(results: dict[str, Result]) -> None:
    seen = [s for r in results.values() for s in (r.before, r.after) if s is not None]

    assert {one.state for one in seen} == set(State)
    assert {one.held_reason for one in seen} - {None} == set(HeldReason)
    raised = {kind for one in seen for kind in one.incidents}
    assert raised == set(IncidentKind) - RAISED_ELSEWHERE


def test_every_move_of_the_table_is_made(results: dict[str, Result]) -> None:
    made = set().union(*(r.moves for r in results.values()))

    allowed = {(*move, actor) for move, actors in MOVES.items() for actor in actors}
    assert allowed - made == NEVER_MADE


def test_the_end_is_the_end(results: dict[str, Result]) -> None:
    left = {
        place
        for place, r in results.items()
        if r.before and r.after and r.before.state in ENDED and r.after.state is not r.before.state
    }

    assert left == set()


def test_a_decided_outcome_turns_round_only_when_the_money_went_back(
    results: dict[str, Result],
) -> None:
    """P5: after a refund `failed` may follow `paid`; nothing else ever turns."""
    turned = {
        place.split(" / ")[0]
        for place, r in results.items()
        if r.before and r.after and r.before.verdict and r.before.verdict is not r.after.verdict
    }

    assert turned == {"Refund answers"}


def test_nobody_is_told_failed_by_time_trouble_or_silence(results: dict[str, Result]) -> None:
    """P4, P6: a timer is no proof, absence is none, and our own trouble is none."""
    silent = ("Time, and workers", "Invoice, payer", "Notifications from")
    told = {
        place
        for place, r in results.items()
        if place.startswith(silent)
        and r.before
        and r.after
        and r.before.verdict is None
        and r.after.verdict is Verdict.FAILED
    }

    assert told == set()


def test_what_a_person_is_offered_is_not_refused(results: dict[str, Result]) -> None:
    """Some of it only after accepting that an attempt is unknown: the refusal says so."""
    refused = set()
    for place, result in results.items():
        group, act, column = place.split(" / ")
        if not group.startswith("People") or act.strip("`") not in result.offered:
            continue
        accepting = results.get(f"{group} / `{act.strip('`')} --accept-unknown` / {column}", result)
        if {result.text, accepting.text} == {REFUSED}:
            refused.add(place)

    assert refused == set()
