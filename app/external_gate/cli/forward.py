"""`external-gate forward`: Metronome's notifications that are passed on, and sending them again."""

from datetime import UTC, datetime
from pathlib import Path

import click

from external_gate.cli.config import config_option
from external_gate.cli.endings import THE_ANSWER_IS_NO, leave
from external_gate.cli.moments import readable, short_age
from external_gate.cli.newest_first import Columns, show
from external_gate.cli.opening import with_store
from external_gate.cli.outbox_shelf import Shelf, deliveries_told, has_died
from external_gate.cli.showing import as_json, safe
from external_gate.domain.forwarding import FORWARD_PREFIX
from external_gate.domain.host_notice import DeliveryState, KeptHostNotice, NoticeFilter
from external_gate.engine.workflow_view import View, instant_view
from external_gate.stores.store import Store

SHELF = Shelf("forwarded notification", "forward", is_forwarded=True, prefix=FORWARD_PREFIX)

_STATES = click.Choice([state.value for state in DeliveryState])


@click.group("forward")
def forward() -> None:
    """See which of Metronome's notifications were passed on, and send them again.

    \b
    Example:
      external-gate forward list --state dead
      external-gate forward show 17
      external-gate forward resend 17
    """


@forward.command("list")
@click.option("--state", type=_STATES, help="Only those of which a delivery is in this state.")
@click.option("--endpoint", help="Only those for this endpoint, by its name in [forward].")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Most rows.")
@click.option(
    "--before", type=click.IntRange(1), help="Only below this number: the next page of a listing."
)
@click.option("--json", "json_wanted", is_flag=True, help="One JSON array for programs.")
@config_option
def list_forwarded(
    *,
    state: str | None,
    endpoint: str | None,
    limit: int,
    before: int | None,
    json_wanted: bool,
    config_path: Path | None,
) -> None:
    """List what is passed on, newest first.

    \b
    Example:
      external-gate forward list --state waiting --endpoint ledger --json
    """
    wanted = NoticeFilter(endpoint=endpoint, state=None if state is None else DeliveryState(state))

    async def read(store: Store) -> list[KeptHostNotice]:
        return await SHELF.listed(store, wanted, limit=limit, before=before)

    show(with_store(config_path, read), _COLUMNS, limit=limit, json_wanted=json_wanted)


def _cells(kept: KeptHostNotice, now: datetime) -> tuple[str, ...]:
    return (
        str(kept.number),
        kept.type,
        short_age(now - kept.at),
        str(kept.notification),
        SHELF.delivery_cell(kept),
    )


def forwarded_view(kept: KeptHostNotice) -> View:
    """Give what is passed on for programs, without its body."""
    return {
        "number": kept.number,
        "notification": kept.notification,
        "type": kept.type,
        "received_at": instant_view(kept.at),
        "deliveries": [SHELF.delivery_view(way) for way in kept.deliveries],
    }


_COLUMNS = Columns(
    kind="forwarded notification",
    header=("NUMBER", "TYPE", "AGE", "NOTIFICATION", "DELIVERIES"),
    cells=_cells,
    stands_out=has_died,
    view=forwarded_view,
)


@forward.command("show")
@click.argument("number", type=click.IntRange(1))
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object for programs.")
@config_option
def show_forwarded(*, number: int, json_wanted: bool, config_path: Path | None) -> None:
    """Show how the deliveries of NUMBER went; ends with 1 when there is none.

    Its body: external-gate notifications show, by the number of the notification.

    \b
    Example:
      external-gate forward show 17 --json
    """
    kept = with_store(config_path, lambda store: SHELF.one(store, number))
    if kept is None:
        leave(SHELF.unknown(number), THE_ANSWER_IS_NO)
    if json_wanted:
        click.echo(as_json(forwarded_view(kept)))
        return
    click.echo(f"forwarded notification {kept.number}: {safe(kept.type)}, {readable(kept.at)}")
    click.echo(f"  body        external-gate notifications show {kept.notification}")
    for way in kept.deliveries:
        click.echo(f"  {SHELF.delivery_line(way)}")


@forward.command("resend")
@click.argument("number", type=click.IntRange(1), required=False)
@click.option("--endpoint", help="Only to this endpoint, by its name in [forward].")
@click.option("--dead", is_flag=True, help="Everything that was given up, instead of one.")
@config_option
def resend(
    *, number: int | None, endpoint: str | None, dead: bool, config_path: Path | None
) -> None:
    """Send NUMBER again, delivered or not: the same bytes and headers, for three more days.

    Its signature keeps the date of Metronome's delivery; a receiver that takes no more than five
    minutes refuses it by then. Ends with 1 when there is no such number.

    \b
    Example:
      external-gate forward resend 17 --endpoint ledger
      external-gate forward resend --dead --endpoint ledger
    """
    if (number is None) != dead:
        raise click.UsageError("give the number of a forwarded notification, or --dead")

    async def work(store: Store) -> int:
        at = datetime.now(UTC)
        if number is None:
            return await SHELF.resend_dead(store, endpoint, at=at)
        return await SHELF.resend(store, number, endpoint, at=at)

    click.echo(deliveries_told(with_store(config_path, work)))
