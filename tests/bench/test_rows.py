"""A row from end to end, tiny; and that a lost notification would be found."""

import dataclasses
import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.command import main
from bench.faults import LostNotification
from bench.load.load_process import Sent
from bench.load.notifications import notification_id
from bench.machine import machine_facts
from bench.outcome import Outcome
from bench.plan import quick_plan
from bench.report import Report
from bench.rows import ceiling
from bench.servers.kept import prove_nothing_lost
from bench.workshop import open_workshop

TINY = dataclasses.replace(
    quick_plan(seed=1),
    rounds=1,
    seconds=0.1,
    slices=1,
    warm_up_seconds=0.1,
    connections=(8,),
)


@pytest.mark.slow
def test_a_tiny_row_runs_from_end_to_end_and_is_reported() -> None:
    outcome = Outcome()
    with open_workshop(TINY, tell=lambda _text: None) as workshop:
        ceiling.measure(workshop, outcome)

    report = Report(TINY, machine_facts("not used"), [(ceiling.CEILING, outcome)])
    page, document = report.markdown(), json.loads(json.dumps(report.document()))
    assert "none lost" in outcome.facts[0]
    assert all(finding.range.median > 0 for finding in outcome.findings)
    assert f"## 1. {ceiling.CEILING.title}" in page
    assert page.count("| requests/s, 8 connections |") == 2
    assert document["rows"][0]["findings"][0]["verdict"] in {"met", "missed", "not resolved"}


def test_an_acknowledged_notification_that_is_not_kept_is_found(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "gate.db") as connection:
        connection.execute("CREATE TABLE inbox (body BLOB)")
        connection.execute("CREATE TABLE notifications (notification_id TEXT)")
        rows = [(notification_id(1, number),) for number in (0, 1, 3)]
        connection.executemany("INSERT INTO notifications VALUES (?)", rows)
    connection.close()
    url = f"sqlite:///{tmp_path}/gate.db"

    assert prove_nothing_lost(url, [Sent(1, 4, frozenset({2}))]) == 3
    with pytest.raises(LostNotification, match="1 of 4"):
        prove_nothing_lost(url, [Sent(1, 4, frozenset())])


def test_a_row_that_does_not_exist_is_named() -> None:
    ended = CliRunner().invoke(main, ["--rows", "1,99"])

    assert ended.exit_code == 2
    assert "no row 99" in ended.output
