"""`external-gate thresholds list`: which contracts have a gate, at which amount, on or off."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from external_gate.cli.config import config_option
from external_gate.cli.moments import readable
from external_gate.cli.showing import as_json, painted, table
from external_gate.cli.thresholds_desk import Desk, with_desk
from external_gate.domain.identifiers import CustomerId
from external_gate.thresholds.remarks import facts
from external_gate.thresholds.survey import Progress, Survey, Surveyed
from external_gate.thresholds.threshold_view import surveyed_view

LINES_APART = 200
"""Customers between two lines of progress, where nothing can be overwritten."""

_HEADER = ("CUSTOMER", "NAME", "CONTRACT", "KIND", "GATE", "AT", "RECHARGE TO", "SWITCH")


@click.command("list")
@click.option("--customer", help="Only the contracts of this Metronome customer.")
@click.option("--all", "every_gate", is_flag=True, help="Those with other gates as well.")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON array for programs.")
@config_option
def list_thresholds(
    *, customer: str | None, every_gate: bool, json_wanted: bool, config_path: Path | None
) -> None:
    """List the thresholds with an external gate; one that is off, with the workflow that failed.

    Asks Metronome about every customer, eight at a time, and says on standard error how far it is.

    \b
    Example:
      external-gate thresholds list
      external-gate thresholds list --customer ID --all --json
    """

    async def work(desk: Desk) -> list[Surveyed]:
        survey = Survey(desk.thresholds, desk.books, tell_progress)
        customer_id = None if customer is None else CustomerId(customer)
        walk = survey.walk(customer_id=customer_id, every_gate=every_gate)
        found = [each async for each in walk]
        end_progress(survey.progress)
        return found

    found = with_desk(config_path, work)
    if json_wanted:
        click.echo(as_json([surveyed_view(each) for each in found]))
    else:
        _print(found)


def tell_progress(progress: Progress) -> None:
    """Say how far a walk is: over and over on a terminal, now and then elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"\r{_far(progress)}", err=True, nl=False)
    elif progress.customers % LINES_APART == 0:
        click.echo(_far(progress), err=True)


def end_progress(progress: Progress) -> None:
    """Say how far a walk came."""
    overwriting = "\r" if sys.stderr.isatty() else ""
    click.echo(f"{overwriting}{_far(progress)}", err=True)


def _far(progress: Progress) -> str:
    return (
        f"{progress.customers} customers, {progress.contracts} contracts, "
        f"{progress.thresholds} thresholds"
    )


def _print(found: Sequence[Surveyed]) -> None:
    if not found:
        click.echo("there is no such threshold", err=True)
        return
    header, *lines = table(_HEADER, [_cells(each) for each in found])
    click.echo(header)
    for each, line in zip(found, lines, strict=True):
        click.echo(line if each.threshold.is_enabled else painted(line, "yellow"))


def _cells(found: Surveyed) -> tuple[str, ...]:
    told = facts(found.threshold, found.tariff)
    return (
        found.contract.customer_id,
        found.customer.name,
        found.contract.contract_id,
        found.threshold.kind,
        found.threshold.gate,
        told["threshold"],
        told.get("recharge to", "-"),
        _switch(found),
    )


def _switch(found: Surveyed) -> str:
    if found.threshold.is_enabled:
        return "on"
    if found.failed is None:
        return "off"
    return f"off since {readable(found.failed.updated_at)}, {found.failed.workflow_id} failed"
