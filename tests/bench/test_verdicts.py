"""What a run may say about a target."""

import pytest

from bench.outcome import Outcome, Row
from bench.plan import quick_plan
from bench.report import Report
from bench.verdicts import Finding, Target, Verdict, at_least, at_most, spread


def finding(
    *rounds: float, target: Target | None, same: tuple[float, ...] = (0.9, 1.0, 1.1)
) -> Finding:
    return Finding(
        measured="speed", against="another", unit="×", rounds=rounds, target=target, same=same
    )


@pytest.mark.parametrize(
    ("rounds", "target", "verdict"),
    [
        ((1.2, 1.3, 1.4), at_least(1.0), Verdict.MET),
        ((0.6, 0.7, 0.8), at_least(1.0), Verdict.MISSED),
        ((1.0, 1.05, 1.1), at_least(1.0), Verdict.NOT_RESOLVED),
        ((0.9, 0.95, 1.0), at_least(1.0), Verdict.NOT_RESOLVED),
        ((1.0, 1.1, 1.2), at_most(1.5), Verdict.MET),
        ((1.8, 1.9, 2.0), at_most(1.5), Verdict.MISSED),
        ((1.4, 1.45, 1.9), at_most(1.5), Verdict.NOT_RESOLVED),
        ((1.0, 2.0, 3.0), None, Verdict.NO_TARGET),
    ],
)
def test_the_median_decides_unless_the_target_lies_within_the_spread(
    rounds: tuple[float, ...], target: Target | None, verdict: Verdict
) -> None:
    assert finding(*rounds, target=target).verdict is verdict


def test_one_wild_round_of_the_pair_leaves_nothing_resolved() -> None:
    calm = finding(0.8, 0.8, 0.8, target=at_least(1.0), same=(1.0, 1.05, 0.95))
    wild = finding(0.8, 0.8, 0.8, target=at_least(1.0), same=(1.0, 1.05, 0.5))

    assert calm.verdict is Verdict.MISSED
    assert wild.verdict is Verdict.NOT_RESOLVED


def test_the_spread_counts_slower_like_faster() -> None:
    assert spread((1.0, 0.5)) == spread((1.0, 2.0)) == 2.0
    assert spread(()) == 1.0


def test_exact_counts_need_no_pair() -> None:
    assert finding(0.0, target=at_most(0), same=()).verdict is Verdict.MET
    assert finding(1.0, target=at_most(0), same=()).verdict is Verdict.MISSED


def test_rounds_that_have_no_pair_must_agree() -> None:
    late_once = finding(0.0, 0.0, 7.0, target=at_most(0), same=())
    never_late = finding(0.0, 0.0, 0.0, target=at_most(0), same=())

    assert late_once.verdict is Verdict.NOT_RESOLVED
    assert never_late.verdict is Verdict.MET


@pytest.mark.parametrize(("met", "told"), [(True, False), (False, True)])
def test_what_stands_in_the_way_is_told_where_a_target_is_not_met(met: bool, told: bool) -> None:
    row = Row(1, "Speed", "measured", lambda _workshop, _outcome: None, limit="the wind")
    outcome = Outcome()
    outcome.findings.append(finding(*[1.5 if met else 0.5] * 3, target=at_least(1.0)))

    page = Report(quick_plan(seed=1), {}, [(row, outcome)]).markdown()

    assert ("the wind" in page) == told
