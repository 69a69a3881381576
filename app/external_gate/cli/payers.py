"""`external-gate payers`: our own table of payers, which `payers.source = "table"` reads."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from external_gate.cli.config import config_option
from external_gate.cli.endings import THE_ANSWER_IS_NO, endings, leave
from external_gate.cli.opening import open_store
from external_gate.cli.payer_sources import sources
from external_gate.domain.charge import Payer
from external_gate.domain.errors import BadInput
from external_gate.domain.identifiers import CustomerId
from external_gate.payers.csv_import import checked_customer_id, read_payers
from external_gate.payers.payer_source import checked_payer
from external_gate.stores.store import Store

StoreOpener = Callable[[Path | None], AbstractAsyncContextManager[Store]]
"""From the path of a configuration to its opened store; tests hand one in as click's `obj`."""

Result = TypeVar("Result")

PAGE = 500
"""Rows read at once: enough to make the round trips not matter."""


@click.group("payers")
def payers() -> None:
    """See and change who pays for a Metronome customer.

    The table is read when payers.source is "table"; changes count from the next charge on.

    \b
    Example:
      external-gate payers list
    """


payers.add_command(sources)


@payers.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for programs.")
@config_option
@click.pass_context
def list_payers(context: click.Context, *, as_json: bool, config_path: Path | None) -> None:
    """List all payers by Metronome customer.

    \b
    Example:
      external-gate payers list --json
    """

    async def work(store: Store) -> list[dict[str, str | None]]:
        return [_shown(customer_id, payer) async for customer_id, payer in _all(store)]

    rows = _with_store(context, config_path, work)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo("  ".join(f"{name}={value}" for name, value in row.items() if value))
    if not rows:
        click.echo("no payers yet; see: external-gate payers set --help", err=True)


@payers.command("set")
@click.argument("customer_id")
@click.option("--customer", required=True, help="The customer's id at the gateway.")
@click.option("--payment-method", default="", help="The payment method's id at the gateway.")
@click.option("--gateway", default="", help="A gateway of the configuration, if not the default.")
@config_option
@click.pass_context
def set_payer(
    context: click.Context,
    *,
    customer_id: str,
    customer: str,
    payment_method: str,
    gateway: str,
    config_path: Path | None,
) -> None:
    """Say who pays for the Metronome customer CUSTOMER_ID, in place of what was said before.

    \b
    Example:
      external-gate payers set 13117714-3f05-48e5-a6e9-a66093f13b4d --customer cus_123
    """
    with endings():
        wanted = {
            checked_customer_id(customer_id): checked_payer(
                customer=customer, payment_method=payment_method, gateway=gateway
            )
        }
    _with_store(context, config_path, lambda store: store.put_payers(wanted))
    click.echo(f"set the payer of {customer_id}")


@payers.command("remove")
@click.argument("customer_id")
@config_option
@click.pass_context
def remove_payer(context: click.Context, *, customer_id: str, config_path: Path | None) -> None:
    """Forget who pays for CUSTOMER_ID; ends with 1 when nobody did.

    \b
    Example:
      external-gate payers remove 13117714-3f05-48e5-a6e9-a66093f13b4d
    """
    known = CustomerId(customer_id.strip())
    if not _with_store(context, config_path, lambda store: store.remove_payer(known)):
        leave(f"{customer_id} has no payer in the table", THE_ANSWER_IS_NO)
    click.echo(f"removed the payer of {customer_id}")


@payers.command("import")
@click.argument("file", type=click.File("rb"))
@config_option
@click.pass_context
def import_payers(context: click.Context, *, file: BinaryIO, config_path: Path | None) -> None:
    """Set the payers of a CSV FILE, all or none; - reads standard input.

    The first line is customer_id,customer,payment_method,gateway; the last two may be missing.
    Customers that the file does not name keep their payers.

    \b
    Example:
      external-gate payers import payers.csv
    """
    with endings():
        wanted = read_payers(_text(file.read()))
    _with_store(context, config_path, lambda store: store.put_payers(wanted))
    click.echo(f"set {len(wanted)} payers")


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput("the file is not UTF-8; save it as CSV UTF-8") from error


def _with_store(
    context: click.Context,
    config_path: Path | None,
    work: Callable[[Store], Coroutine[Any, Any, Result]],  # what asyncio.run takes
) -> Result:
    opener: StoreOpener = context.obj or open_store

    async def opened() -> Result:
        async with opener(config_path) as store:
            return await work(store)

    with endings():
        return asyncio.run(opened())


async def _all(store: Store) -> AsyncIterator[tuple[CustomerId, Payer]]:
    after: CustomerId | None = None
    while page := await store.payers(limit=PAGE, after=after):
        for row in page:
            yield row
        after = page[-1][0]


def _shown(customer_id: CustomerId, payer: Payer) -> dict[str, str | None]:
    return {
        "customer_id": customer_id,
        "customer": payer.customer,
        "payment_method": payer.payment_method,
        "gateway": payer.gateway,
    }
