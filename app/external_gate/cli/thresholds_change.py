"""What people do with thresholds: `set`, `enable`, `disable`. Shown, made, proven."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import click

from external_gate.cli import thresholds_follow
from external_gate.cli.config import config_option
from external_gate.cli.moments import DURATION, SINCE
from external_gate.cli.showing import as_json
from external_gate.cli.thresholds_desk import (
    NUMBER,
    Desk,
    confirm,
    contract_options,
    customer_option,
    with_desk,
)
from external_gate.cli.thresholds_text import plan_lines, proven_line, tell
from external_gate.domain.identifiers import ContractId, CustomerId
from external_gate.domain.workflow import Workflow
from external_gate.metronome.contracting import Gate, ThresholdKind
from external_gate.thresholds import by_hand
from external_gate.thresholds.applying import PATIENCE, Prepared, Proven
from external_gate.thresholds.once import NewContract
from external_gate.thresholds.planning import NO_TAX, Tax, Wish
from external_gate.thresholds.threshold_view import (
    prepared_view,
    threshold_view,
    workflow_row,
)

# Click's decorators give back what they decorate.
_Command = TypeVar("_Command", bound=Callable[..., Any])

_KINDS = click.Choice([kind.value for kind in ThresholdKind])
_GATES = click.Choice([gate.value.lower() for gate in Gate])


@dataclass(frozen=True, slots=True)
class Manner:
    """How a change is made."""

    dry_run: bool
    yes: bool
    wait: bool
    wait_for: timedelta
    json_wanted: bool
    patience: timedelta
    who: str
    config_path: Path | None


def _manner_options(command: _Command) -> _Command:
    """Add how a change is made; the command is called with `manner`'s fields."""
    options = (
        click.option("--dry-run", is_flag=True, help="Show the exact change; send nothing."),
        click.option("--yes", is_flag=True, help="Do not ask. Needed without a terminal."),
        click.option("--wait", is_flag=True, help="Wait for the workflow that follows."),
        click.option(
            "--wait-for", type=DURATION, default="10m", show_default=True,
            help="How long to wait for it at most.",
        ),
        click.option(
            "--patience", type=DURATION, default=f"{PATIENCE.seconds}s", show_default=True,
            help="How long the change may take to be read back.",
        ),
        click.option("--json", "json_wanted", is_flag=True, help="One JSON object for programs."),
        click.option(
            "--as", "who", envvar="USER", show_envvar=True, default="somebody",
            help="Who you are; kept with the failed payment that it comes after.",
        ),
        config_option,
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


_kind = click.option("--kind", type=_KINDS, help="Which; where the contract has not just one.")


@click.command("enable")
@contract_options
@_kind
@_manner_options
def enable(*, customer: str, contract: str, kind: str | None, **manner: Any) -> None:  # as Manner
    """Switch a threshold on; Metronome evaluates it at once.

    After a failed payment Metronome has switched it off. What is due then comes as a new workflow.

    \b
    Example:
      external-gate thresholds enable --customer ID --contract ID --yes --wait
    """
    wish = Wish(kind=_kind_of(kind), is_enabled=True)
    _change(customer, contract, None, wish, Manner(**manner))


@click.command("disable")
@contract_options
@_kind
@_manner_options
def disable(*, customer: str, contract: str, kind: str | None, **manner: Any) -> None:  # as Manner
    """Switch a threshold off: nothing more is charged for it until it is enabled.

    A workflow that is open already goes on.

    \b
    Example:
      external-gate thresholds disable --customer ID --contract ID --yes
    """
    wish = Wish(kind=_kind_of(kind), is_enabled=False)
    _change(customer, contract, None, wish, Manner(**manner))


@click.command("set")
@customer_option
@click.option("--contract", help="Metronome's id of the contract.")
@click.option("--new", is_flag=True, help="Make a new contract; needs --rate-card.")
@click.option("--rate-card", help="With --new, Metronome's id of its rate card.")
@click.option("--contract-name", help="With --new: two on one rate card need two names.")
@click.option("--starting-at", type=SINCE, help="With --new; the present hour when left out.")
@_kind
@click.option("--amount", type=NUMBER, help="The threshold, such as 50.00.")
@click.option("--recharge-to", type=NUMBER, help="Of a prepaid balance, such as 200.00.")
@click.option("--currency", help="Of the amounts: USD, or a custom pricing unit's name.")
@click.option("--product", help="Metronome's id of the product that the commit is sold as.")
@click.option("--commit-name", help="The name of the commit on the invoice.")
@click.option("--discount", type=NUMBER, help="Percent off the price; 0 removes it.")
@click.option("--tax", type=NUMBER, help="A tax worked out beforehand, such as 9.50.")
@click.option("--tax-name", help="With --tax, its name on the invoice.")
@click.option("--no-tax", is_flag=True, help="Take such a tax away.")
@click.option("--on/--off", "is_enabled", default=None, help="A new threshold is on.")
@click.option("--gate", type=_GATES, help="Who says that it is paid; a new one is external.")
@click.option(
    "--stripe-payment", type=click.Choice(["INVOICE", "PAYMENT_INTENT"]),
    help="With --gate stripe, how Metronome charges.",
)  # fmt: skip
@_manner_options
def set_threshold(
    *,
    customer: str,
    contract: str | None,
    new: bool,
    rate_card: str | None,
    contract_name: str | None,
    starting_at: datetime | None,
    kind: str | None,
    amount: Decimal | None,
    recharge_to: Decimal | None,
    currency: str | None,
    product: str | None,
    commit_name: str | None,
    discount: Decimal | None,
    tax: Decimal | None,
    tax_name: str | None,
    no_tax: bool,
    is_enabled: bool | None,
    gate: str | None,
    stripe_payment: str | None,
    **manner: Any,  # as Manner
) -> None:
    """Put a threshold on a contract, or change it; with --new on a contract that is made for it.

    What is left out stays as it is. The exact change is shown first; Metronome evaluates it at
    once. The same command again changes nothing.

    \b
    Example:
      external-gate thresholds set --customer ID --contract ID --product ID \\
        --kind spend --amount 50.00 --currency USD --dry-run
      external-gate thresholds set --customer ID --new --rate-card ID --product ID \\
        --amount 20.00 --recharge-to 100.00 --currency EUR --yes --wait
      external-gate thresholds set --customer ID --contract ID --gate none --yes
    """
    made = _new_contract(
        contract, new=new, rate_card=rate_card, name=contract_name, starting_at=starting_at
    )
    wish = Wish(
        kind=_kind_of(kind),
        is_enabled=is_enabled,
        amount=amount,
        recharge_to=recharge_to,
        unit=currency,
        product_id=product,
        commit_name=commit_name,
        discount_percent=discount,
        tax=_tax(tax, tax_name, no_tax=no_tax),
        gate=None if gate is None else Gate(gate.upper()),
        stripe_payment_type=stripe_payment,
    )
    _change(customer, contract, made, wish, Manner(**manner))


CHANGES = (set_threshold, enable, disable)
"""The commands, for the group."""


def _kind_of(kind: str | None) -> ThresholdKind | None:
    return None if kind is None else ThresholdKind(kind)


def _new_contract(
    contract: str | None,
    *,
    new: bool,
    rate_card: str | None,
    name: str | None,
    starting_at: datetime | None,
) -> NewContract | None:
    if new == (contract is not None):
        raise click.UsageError("say which contract with --contract, or make one with --new")
    if not new:
        if rate_card or name or starting_at:
            raise click.UsageError("--rate-card, --contract-name and --starting-at go with --new")
        return None
    if rate_card is None:
        raise click.UsageError("--new needs --rate-card: it decides prices and currency")
    return NewContract(rate_card, name, starting_at)


def _tax(amount: Decimal | None, name: str | None, *, no_tax: bool) -> Tax | None:
    if no_tax and amount is not None:
        raise click.UsageError("--tax and --no-tax exclude each other")
    if name is not None and amount is None:
        raise click.UsageError("--tax-name goes with --tax")
    if no_tax:
        return NO_TAX
    return None if amount is None else Tax(amount, name)


@dataclass(frozen=True, slots=True)
class _Made:
    """What came of a change."""

    prepared: Prepared
    now: datetime
    proven: Proven | None = None
    follower: Workflow | None = None


def _change(
    customer: str, contract: str | None, new: NewContract | None, wish: Wish, manner: Manner
) -> None:
    """Show the change, ask, make it, prove it, and wait for what follows."""

    async def work(desk: Desk) -> _Made:
        prepared = await _prepared(desk, CustomerId(customer), contract, new, wish)
        made = _Made(prepared, desk.clock.now())
        if not manner.json_wanted:
            ours = await thresholds_follow.known(desk.books, prepared)
            tell(plan_lines(prepared, ours, now=made.now), err=not manner.dry_run)
        if manner.dry_run:
            return made
        if not prepared.plan.is_done:
            confirm("Make this change at Metronome?", yes=manner.yes)
        before = await thresholds_follow.known(desk.books, prepared)
        proven = await desk.thresholds.apply(prepared)
        now = desk.clock.now()
        await by_hand.note(desk.store, prepared, proven, before, who=manner.who, now=now)
        if not manner.json_wanted:
            click.echo(proven_line(prepared, proven))
        follower = None
        if manner.wait:
            follower = await thresholds_follow.wait(
                desk.books, prepared, proven, before, up_to=manner.wait_for
            )
        return _Made(prepared, made.now, proven, follower)

    made = with_desk(manner.config_path, work, patience=manner.patience)
    if manner.json_wanted:
        click.echo(as_json(_view(made)))
    if manner.wait and made.proven is not None:
        thresholds_follow.end(made.prepared, made.proven, made.follower, manner.wait_for)


async def _prepared(
    desk: Desk, customer: CustomerId, contract: str | None, new: NewContract | None, wish: Wish
) -> Prepared:
    if new is not None:
        return await desk.thresholds.prepare_new(customer, new, wish)
    return await desk.thresholds.prepare(customer, ContractId(contract or ""), wish)


def _view(made: _Made) -> dict[str, object]:
    proven, follower = made.proven, made.follower
    result = None
    if proven is not None:
        result = {
            "was_sent": proven.was_sent,
            "contract_id": proven.contract.contract_id,
            "threshold": threshold_view(proven.threshold, made.prepared.tariff),
        }
    return {
        "plan": prepared_view(made.prepared, now=made.now),
        "result": result,
        "followed_by": None if follower is None else workflow_row(follower),
    }
