"""What the commands around thresholds share: opening, options, and asking before a change."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

from external_gate.assembly import SystemClock, open_thresholds
from external_gate.cli.endings import THE_ANSWER_IS_NO, endings, leave
from external_gate.cli.opening import open_store
from external_gate.cli.showing import pasteable
from external_gate.domain.clock import Clock
from external_gate.metronome.contracting import ContractTerms
from external_gate.notices.endpoints import subscriptions_of
from external_gate.settings import load
from external_gate.stores.store import Store
from external_gate.thresholds.applying import PATIENCE, Thresholds
from external_gate.thresholds.contract_books import ContractBooks

Result = TypeVar("Result")

# Click's decorators give back what they decorate.
_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Desk:
    """Metronome's contracts on one side, our books on the other."""

    thresholds: Thresholds
    books: ContractBooks
    clock: Clock

    @property
    def store(self) -> Store:
        """Give our books."""
        return self.books.store


def with_desk(
    config_path: Path | None,
    work: Callable[[Desk], Coroutine[Any, Any, Result]],  # what asyncio.run takes
    *,
    patience: timedelta = PATIENCE,
) -> Result:
    """Do `work` at an opened desk; our errors end the command with their exit code."""

    async def opened() -> Result:
        clock = SystemClock()
        settings = load(config_path, os.environ).settings
        async with (
            open_store(config_path) as store,
            open_thresholds(settings, clock=clock, patience=patience) as thresholds,
        ):
            store.keep_notices(subscriptions_of(settings.notices))
            return await work(Desk(thresholds, ContractBooks(store, clock), clock))

    with endings():
        return asyncio.run(opened())


def of_contract(contract: ContractTerms) -> str:
    """Give the options that name a contract, as they can be pasted into a shell."""
    customer_id, contract_id = pasteable(contract.customer_id), pasteable(contract.contract_id)
    return f"--customer {customer_id} --contract {contract_id}"


def contract_options(command: _Command) -> _Command:
    """Add `--customer` and `--contract`, both required."""
    command = click.option("--contract", required=True, help="Metronome's id of the contract.")(
        command
    )
    return customer_option(command)


def customer_option(command: _Command) -> _Command:
    """Add `--customer`, required."""
    option = click.option("--customer", required=True, help="Metronome's id of the customer.")
    return option(command)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before Metronome is changed; without a terminal only `--yes` will do."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            "this changes the contract at Metronome: look with --dry-run, then add --yes"
        )
    if not click.confirm(question, err=True):
        leave("nothing was changed", THE_ANSWER_IS_NO)


class NumberType(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 only
    """A decimal number such as `50.00`, without thousands separators."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Read it, or say how it is written."""
        if isinstance(value, Decimal):
            return value
        written = str(value)
        try:
            found = Decimal(written)
        except InvalidOperation:
            found = Decimal("NaN")
        is_plain = written.isascii() and set(written) <= set("0123456789.")
        if not is_plain or not found.is_finite():
            self.fail(f"{written} is no number; write it like 50.00", param, ctx)
        return found


NUMBER = NumberType()
