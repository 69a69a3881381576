"""The command: which rows, how long, where the results go, and what counts as a failure."""

import dataclasses
import json
import signal
import sys
import time
from pathlib import Path

import click

from bench.faults import Fault, Unmeasured
from bench.machine import machine_facts
from bench.outcome import Outcome, Row
from bench.plan import Plan, full_plan, quick_plan
from bench.recorded import RECORD, losses, record
from bench.report import Report
from bench.rows import ON_REQUEST, ROWS
from bench.workshop import Workshop, open_workshop

PAGE = Path("docs/performance.md")


def _read_rows(_context: click.Context, _option: click.Parameter, text: str) -> tuple[Row, ...]:
    by_number = {str(row.number): row for row in (*ROWS, *ON_REQUEST)}
    if not text.strip():
        return ROWS
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in by_number]:
        raise click.BadParameter(f"no row {', '.join(unknown)}; there are {', '.join(by_number)}")
    return tuple(by_number[name] for name in wanted)


@click.command("bench")
@click.option("--quick", is_flag=True, help="Three short rounds: finds what is broken.")
@click.option(
    "--rows",
    default="",
    callback=_read_rows,
    help="Such as 1,2,8. Default: all but 12, replicas, for docs/scaling.md.",
)
@click.option("--rounds", type=click.IntRange(1), help="Instead of the plan's.")
@click.option("--seconds", type=click.FloatRange(0.1), help="Per contender and round.")
@click.option("--history", type=click.IntRange(1_000), help="Finished workflows, for row 7.")
@click.option("--seed", default=1, show_default=True, help="Of the order of turns.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Results as JSON.")
@click.option(
    "--report",
    "page",
    type=click.Path(path_type=Path),
    help=f"Where the page goes. Default: {PAGE} for all rows in full, else standard output.",
)
@click.option(
    "--fail-on-gross-loss",
    is_flag=True,
    help=f"Fail when a figure is three times worse than in {RECORD}, in every round.",
)
def main(
    *,
    quick: bool,
    rows: tuple[Row, ...],
    rounds: int | None,
    seconds: float | None,
    history: int | None,
    seed: int,
    json_path: Path | None,
    page: Path | None,
    fail_on_gross_loss: bool,
) -> None:
    """Measure external-gate against baselines in the same run.

    Ends with 0 whatever the figures are; with 1 when something broke: a crash, a wrong answer, a
    lost notification.
    """
    if fail_on_gross_loss and not RECORD.is_file():
        raise click.UsageError(
            f"{RECORD} is not here: run it in the repository, or make bench first"
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every server is ended too
    plan = quick_plan(seed=seed) if quick else full_plan(seed=seed)
    plan = dataclasses.replace(
        plan,
        rounds=rounds or plan.rounds,
        seconds=seconds or plan.seconds,
        history=history or plan.history,
    )
    report = _run(plan, rows, json_path)
    if page is None and not quick and rows == ROWS:
        page = PAGE
    _write(report, page, json_path)
    if page == PAGE:
        record(report.rows, RECORD)
    lost = losses(report.rows, RECORD) if fail_on_gross_loss else []
    for loss in lost:
        click.echo(str(loss), err=True)
    if lost or any(outcome.broken for _, outcome in report.rows):
        raise SystemExit(1)


def _run(plan: Plan, rows: tuple[Row, ...], json_path: Path | None) -> Report:
    """Measure row by row; what is done is written at once, so that nobody loses an hour of it."""
    began = time.monotonic()
    done: list[tuple[Row, Outcome]] = []
    with open_workshop(plan, tell=_tell) as workshop:
        for row in rows:
            _tell(f"{time.monotonic() - began:,.0f} s · row {row.number}: {row.title}")
            done.append((row, _measured(row, workshop)))
            _write_json(Report(plan, {}, done), json_path)
        facts = machine_facts(workshop.database_version)
    return Report(plan, {**facts, "Took": f"{time.monotonic() - began:,.0f} s"}, done)


def _measured(row: Row, workshop: Workshop) -> Outcome:
    """Measure one row; a fault is part of its outcome, so that the others are still measured."""
    outcome = Outcome()
    try:
        row.measure(workshop, outcome)
    except Unmeasured as reason:
        outcome.facts.append(f"Not measured: {reason}.")
    except Fault as fault:
        outcome.broken = f"{type(fault).__name__}: {fault}"
        click.echo(f"row {row.number} is broken: {outcome.broken}", err=True)
    return outcome


def _write(report: Report, page: Path | None, json_path: Path | None) -> None:
    if page is None:
        click.echo(report.markdown())
    else:
        page.write_text(report.markdown())
        click.echo(f"written: {page}", err=True)
    _write_json(report, json_path)


def _write_json(report: Report, json_path: Path | None) -> None:
    if json_path is not None:
        json_path.write_text(json.dumps(report.document(), indent=2) + "\n")


def _tell(text: str) -> None:
    click.echo(f"  {text}", err=True)
