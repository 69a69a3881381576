"""`external-gate thresholds`: put payment gates on contracts, see them, and switch them."""

from pathlib import Path

import click

from external_gate.cli import thresholds_change, thresholds_list
from external_gate.cli.config import config_option
from external_gate.cli.moments import readable
from external_gate.cli.showing import as_json, safe
from external_gate.cli.thresholds_desk import Desk, contract_options, of_contract, with_desk
from external_gate.domain.identifiers import ContractId, CustomerId
from external_gate.domain.workflow import Workflow
from external_gate.metronome.contracting import ContractTerms
from external_gate.thresholds.contract_books import latest_failure
from external_gate.thresholds.remarks import facts
from external_gate.thresholds.tariff import Tariff
from external_gate.thresholds.threshold_view import contract_view


@click.group("thresholds")
def thresholds() -> None:
    """Put payment gates on contracts, and switch them; every change is read back.

    Amounts are written as people do, --amount 50.00 --currency USD; the contract's rate card
    decides what Metronome is sent. What Metronome's rules forbid, and a change that it does not
    show afterwards, are a no: exit code 1.

    \b
    Example:
      external-gate thresholds list
      external-gate thresholds set --customer ID --contract ID --product ID \\
        --kind spend --amount 50.00 --currency USD --dry-run
    """


thresholds.add_command(thresholds_list.list_thresholds)
for change in thresholds_change.CHANGES:
    thresholds.add_command(change)


@thresholds.command("show")
@contract_options
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object for programs.")
@config_option
def show_thresholds(
    *, customer: str, contract: str, json_wanted: bool, config_path: Path | None
) -> None:
    """Show the thresholds of a contract, and what our books know about its workflows.

    \b
    Example:
      external-gate thresholds show --customer ID --contract ID
    """

    async def work(desk: Desk) -> tuple[ContractTerms, Tariff | None, list[Workflow]]:
        found = await desk.thresholds.contract(CustomerId(customer), ContractId(contract))
        tariff = await desk.thresholds.tariff(found.rate_card_id)
        return found, tariff, await desk.books.workflows(found.customer_id, found.contract_id)

    found, tariff, workflows = with_desk(config_path, work)
    if json_wanted:
        click.echo(as_json(contract_view(found, tariff, workflows)))
    else:
        _print(found, tariff, workflows)


def _print(found: ContractTerms, tariff: Tariff | None, workflows: list[Workflow]) -> None:
    named = "" if found.name is None else f" ({found.name})"
    unit = "currency unknown" if tariff is None else tariff.fiat.name
    click.echo(safe(f"contract {found.contract_id}{named} of customer {found.customer_id}: {unit}"))
    for threshold in found.thresholds.values():
        click.echo(f"{threshold.kind} threshold")
        for what, told in facts(threshold, tariff).items():
            click.echo(safe(f"  {what:<12} {told}"))
    if not found.thresholds:
        click.echo("it has no threshold; put one on it: external-gate thresholds set", err=True)
    failed = latest_failure(workflows)
    if failed is not None and not all(each.is_enabled for each in found.thresholds.values()):
        _print_failure(found, failed)
    if workflows:
        newest = workflows[0]
        click.echo(safe(f"newest workflow: {newest.workflow_id} is {newest.state}"))


def _print_failure(found: ContractTerms, failed: Workflow) -> None:
    since = readable(failed.updated_at)
    click.echo(safe(f"off since {since}: workflow {failed.workflow_id} failed"))
    again = f"external-gate thresholds enable {of_contract(found)}"
    click.echo(f"switch it on again: {again}", err=True)
