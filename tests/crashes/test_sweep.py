"""SIGKILL at every durable step and network edge: afterwards all books agree, nobody paid twice.

Real processes: service, emulator, host and people. What is swept stands in `points.py`; one point
is repeated with `python -m tests.crashes.sweep --play charged --at "before charge"`.
"""

import pytest

from tests.crashes.conftest import complaint_about
from tests.crashes.doom import Point
from tests.crashes.judgement import Harm
from tests.crashes.points import (
    EDGES,
    STEPS,
    Target,
    moves_of_the_table,
    targets_of_moves,
    targets_of_steps,
)
from tests.crashes.scenarios import LIE, PLAYS
from tests.crashes.sweep import Sweep
from tests.tallies import count


def test_every_move_of_the_table_has_a_play() -> None:
    """A new state, or a new actor, is swept the day it is born."""
    played = {move for play in PLAYS.values() for move in play.moves}

    assert played == moves_of_the_table()


def test_every_network_edge_is_swept_before_after_and_in_mid_call() -> None:
    swept = {(what, when) for _, what, whens in STEPS for when in whens if what in EDGES}

    assert swept == {(edge, when) for edge in EDGES for when in ("before", "after", "midway")}


@pytest.mark.slow
@pytest.mark.parametrize("target", targets_of_moves(), ids=str)
def test_killed_at_the_save_of_a_move(sweep: Sweep, target: Target) -> None:
    assert complaint_about(sweep, target) == ""

    if target.point is not None and target.point.when == "after":
        count("crash sweep: moves of the table swept, each by each actor")


@pytest.mark.slow
@pytest.mark.parametrize("target", targets_of_steps(), ids=str)
def test_killed_at_another_step_or_a_network_edge(sweep: Sweep, target: Target) -> None:
    assert complaint_about(sweep, target) == ""


@pytest.mark.slow
@pytest.mark.parametrize("target", [Target(LIE)], ids=str)
def test_a_host_that_breaks_its_word_is_found_out(sweep: Sweep, target: Target) -> None:
    """The sweep itself can fail: this host takes the money twice, and both books are read."""
    assert [harm for harm, _ in sweep.report(target).found] == [Harm.SECOND_CHARGE]


@pytest.mark.slow
@pytest.mark.parametrize("target", [Target(PLAYS["charged"], Point("before", "cancel"))], ids=str)
def test_a_point_that_is_never_come_by_is_a_failure(sweep: Sweep, target: Target) -> None:
    assert sweep.report(target).complaint == "the point was never come by"
