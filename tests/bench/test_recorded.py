"""A run is compared with what the latest full one recorded: a factor of three, in every round."""

import json
from pathlib import Path

import pytest

from bench.outcome import Outcome, Row
from bench.recorded import RECORD, losses, record
from bench.rows import ROWS
from bench.verdicts import Finding, Target, at_least, at_most

ROW = Row(7, "A row", "measured", lambda _workshop, _outcome: None)


def done(
    *rounds: float, target: Target | None, measured: str = "requests/s, 64 connections"
) -> list[tuple[Row, Outcome]]:
    """Give a run of one finding."""
    outcome = Outcome()
    finding = Finding(measured=measured, against="nothing", unit="×", rounds=rounds, target=target)
    outcome.findings.append(finding)
    return [(ROW, outcome)]


@pytest.mark.parametrize(
    ("target", "recorded", "rounds", "is_lost"),
    [
        (at_least(1.0), 0.9, (0.2, 0.29, 0.29), True),
        (at_least(1.0), 0.9, (0.2, 0.2, 0.31), False),  # one round was as before: noise
        (at_least(10.0), 0.9, (0.5, 0.5, 0.5), False),  # far from its target, but not from before
        (at_most(1.5), 2.0, (6.1, 7.0, 9.0), True),
        (at_most(1.5), 2.0, (5.9, 7.0, 9.0), False),
        (at_most(0), 0.0, (9.0, 9.0, 9.0), False),  # nothing is three times nothing
        (None, 0.9, (0.1, 0.1, 0.1), False),
    ],
)
def test_a_gross_loss_is_threefold_in_every_round(
    tmp_path: Path,
    target: Target | None,
    recorded: float,
    rounds: tuple[float, ...],
    is_lost: bool,
) -> None:
    path = tmp_path / "record.json"
    record(done(recorded, target=target), path)

    found = losses(done(*rounds, target=target), path)

    assert bool(found) is is_lost
    if is_lost:
        assert "recorded were" in str(found[0])


def test_sizes_in_names_do_not_count_and_the_worst_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    few = done(0.4, target=at_least(1.0), measured="requests/s, 32 connections")
    many = done(0.9, target=at_least(1.0), measured="requests/s, 2,000 connections")
    record([*few, *many], path)

    assert json.loads(path.read_text()) == {"7: requests/s, n connections against nothing": 0.4}
    assert (
        losses(done(0.14, target=at_least(1.0), measured="requests/s, 8 connections"), path) == []
    )


def test_what_was_never_recorded_is_no_loss(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    record([], path)

    assert losses(done(0.01, target=at_least(1.0)), path) == []


def test_every_row_of_the_page_is_recorded() -> None:
    named = {name.split(":")[0] for name in json.loads(RECORD.read_text())}

    assert named == {str(row.number) for row in ROWS}
