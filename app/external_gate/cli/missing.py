"""`external-gate workflows missing`: purchases behind our gate of which we never heard."""

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click

from external_gate.cli.config import config_option
from external_gate.cli.endings import THE_ANSWER_IS_NO
from external_gate.cli.moments import DURATION, SINCE, readable
from external_gate.cli.showing import as_json, safe, table
from external_gate.cli.thresholds_desk import Desk, of_contract, with_desk
from external_gate.cli.thresholds_list import end_progress, tell_progress
from external_gate.domain.gate_report import KeptReport
from external_gate.domain.identifiers import CustomerId
from external_gate.domain.money import bare_currency
from external_gate.thresholds.survey import Survey
from external_gate.thresholds.threshold_view import unanswered_view, unreceived_view
from external_gate.thresholds.unreceived import Fate, Search, Unreceived

_HEADER = ("INVOICE", "ISSUED", "AMOUNT", "FATE", "CUSTOMER", "CONTRACT")


@click.command("missing")
@click.option("--customer", help="Only of this Metronome customer.")
@click.option(
    "--since", type=SINCE, default="30d", show_default=True,
    help="Only invoices issued since then: 24h, 7d, 2026-11-22T09:00Z.",
)  # fmt: skip
@click.option(
    "--older-than", type=DURATION, default="15m", show_default=True,
    help="Only invoices older than this; the webhook of a younger one may be on its way.",
)  # fmt: skip
@click.option("--all", "every_fate", is_flag=True, help="Those that somebody else released, too.")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON array for programs.")
@config_option
def missing(
    *,
    customer: str | None,
    since: datetime,
    older_than: timedelta,
    every_fate: bool,
    json_wanted: bool,
    config_path: Path | None,
) -> None:
    """Find commit purchases of external gates for which no workflow was ever received.

    Compares Metronome's invoices with our books, and says what can be done. Lists as well the
    thresholds that Metronome reported as reached and that no payment_gate.external_initiate
    followed. Ends with 1 when there are any.

    \b
    Example:
      external-gate workflows missing --since 7d
    """

    async def work(desk: Desk) -> tuple[list[Unreceived], list[KeptReport], int]:
        whose = None if customer is None else CustomerId(customer)
        survey = Survey(desk.thresholds, desk.books, tell_progress)
        search = Search(survey, since=since, until=desk.clock.now() - older_than)
        walk = search.walk(customer_id=whose)
        found = [each async for each in walk if every_fate or each.fate is not Fate.COMMITTED]
        end_progress(survey.progress)
        unanswered = await desk.books.unanswered(since=since, customer_id=whose)
        return found, list(unanswered), (await desk.store.counts()).inbox

    found, unanswered, unrecorded = with_desk(config_path, work)
    if json_wanted:
        views = [unreceived_view(each) for each in found]
        click.echo(as_json(views + [unanswered_view(each) for each in unanswered]))
    else:
        _print(found)
        _print_unanswered(unanswered)
    if unrecorded:
        click.echo(_UNRECORDED.format(count=unrecorded), err=True)
    if unanswered or any(each.fate is not Fate.COMMITTED for each in found):
        sys.exit(THE_ANSWER_IS_NO)


_UNRECORDED = (
    "deliveries acknowledged and not recorded yet: {count}; what is listed may be among them, so "
    "ask again before you do anything"
)


def _print_unanswered(unanswered: Sequence[KeptReport]) -> None:
    if not unanswered:
        return
    cells = [
        (
            str(told.notification),
            readable(told.report.happened_at(told.received_at)),
            told.report.customer_id,
            told.report.contract_id,
        )
        for told in unanswered
    ]
    for line in table(("NOTIFICATION", "REACHED", "CUSTOMER", "CONTRACT"), cells):
        click.echo(line)
    click.echo(
        "these thresholds were reached, and no payment_gate.external_initiate followed: its "
        "webhook was lost. Once Metronome has its invoice, that is listed with what can be done",
        err=True,
    )


def _print(found: Sequence[Unreceived]) -> None:
    if not found:
        click.echo("every purchase has its workflow", err=True)
        return
    for line in table(_HEADER, [_cells(each) for each in found]):
        click.echo(line)
    for each in found:
        for line in _way_out(each):
            click.echo(line, err=True)


def _cells(found: Unreceived) -> tuple[str, ...]:
    bought, contract = found.purchase, found.where.contract
    issued = "unknown" if bought.issued_at is None else f"since {readable(bought.issued_at)}"
    return (
        bought.invoice_id,
        issued,
        _amount(found),
        found.fate,
        contract.customer_id,
        contract.contract_id,
    )


def _amount(found: Unreceived) -> str:
    bought, tariff = found.purchase, found.where.tariff
    currency = bare_currency(bought.credit_type_name)
    if tariff is not None and tariff.fiat.name == currency:
        return tariff.fiat.shown(bought.total)
    return f"{bought.total:f} {currency} (unit unknown)"


_LOST = (
    "its workflow's id came only in the webhook that was lost, so it cannot be released; see first "
    "that webhooks arrive (external-gate doctor), then ask Metronome to send it again, or void the "
    "invoice there and let the threshold be evaluated anew, which brings a new workflow"
)


def _way_out(found: Unreceived) -> Sequence[str]:
    """Say what Metronome allows; a workflow's id comes in its webhook alone."""
    contract, invoice = found.where.contract, safe(found.purchase.invoice_id)
    whose = of_contract(contract)
    enable = f"  external-gate thresholds enable {whose} --yes --wait"
    if found.notification is not None:
        return (
            f"invoice {invoice} is named by a notification that was not understood:",
            f"  external-gate notifications replay {found.notification}",
        )
    match found.fate:
        case Fate.COMMITTED:
            return (f"invoice {invoice}: released by somebody else; nothing is to be done",)
        case Fate.VOID:
            return (f"invoice {invoice}: it is over and void; when the threshold is off:", enable)
        case Fate.WAITING:
            return (
                f"invoice {invoice}: {_LOST}:",
                f"  external-gate thresholds disable {whose} --yes",
                enable,
            )
