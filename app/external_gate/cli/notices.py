"""`external-gate notices`: what the host application was told, and telling it again."""

from datetime import UTC, datetime
from pathlib import Path

import click

from external_gate.cli.config import config_option
from external_gate.cli.endings import THE_ANSWER_IS_NO, leave
from external_gate.cli.moments import readable, short_age
from external_gate.cli.newest_first import Columns, show
from external_gate.cli.notice_sinks import sinks
from external_gate.cli.opening import with_store
from external_gate.cli.outbox_shelf import Shelf, deliveries_told, has_died
from external_gate.cli.showing import as_json, safe
from external_gate.domain.host_notice import DeliveryState, KeptHostNotice, NoticeFilter
from external_gate.domain.identifiers import WorkflowId
from external_gate.engine.workflow_view import View, instant_view
from external_gate.stores.store import Store

SHELF = Shelf("notice", "notices", is_forwarded=False)

_STATES = click.Choice([state.value for state in DeliveryState])


@click.group("notices")
def notices() -> None:
    """See what your application was told, and tell it again.

    \b
    Example:
      external-gate notices list --state dead
      external-gate notices show 17
      external-gate notices resend 17
    """


notices.add_command(sinks)


@notices.command("list")
@click.option("--state", type=_STATES, help="Only those of which a delivery is in this state.")
@click.option("--endpoint", help="Only those for this endpoint, by its name in [notices].")
@click.option("--workflow", help="Only of this workflow.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Most rows.")
@click.option(
    "--before", type=click.IntRange(1), help="Only below this number: the next page of a listing."
)
@click.option("--json", "json_wanted", is_flag=True, help="One JSON array for programs.")
@config_option
def list_notices(
    *,
    state: str | None,
    endpoint: str | None,
    workflow: str | None,
    limit: int,
    before: int | None,
    json_wanted: bool,
    config_path: Path | None,
) -> None:
    """List notices to your application, newest first.

    \b
    Example:
      external-gate notices list --state waiting --endpoint erp --json
    """
    wanted = NoticeFilter(
        endpoint=endpoint,
        state=None if state is None else DeliveryState(state),
        workflow_id=None if workflow is None else WorkflowId(workflow),
    )

    async def read(store: Store) -> list[KeptHostNotice]:
        return await SHELF.listed(store, wanted, limit=limit, before=before)

    show(with_store(config_path, read), _COLUMNS, limit=limit, json_wanted=json_wanted)


def _cells(kept: KeptHostNotice, now: datetime) -> tuple[str, ...]:
    return (
        str(kept.number),
        kept.type,
        short_age(now - kept.at),
        kept.workflow_id or "-",
        str(kept.sequence),
        SHELF.delivery_cell(kept),
    )


def notice_view(kept: KeptHostNotice) -> View:
    """Give a notice for programs, without its body."""
    return {
        "number": kept.number,
        "message_id": kept.message_id,
        "type": kept.type,
        "at": instant_view(kept.at),
        "workflow_id": kept.workflow_id,
        "sequence": kept.sequence,
        "deliveries": [SHELF.delivery_view(way) for way in kept.deliveries],
    }


_COLUMNS = Columns(
    kind="notice",
    header=("NUMBER", "TYPE", "AGE", "WORKFLOW", "SEQUENCE", "DELIVERIES"),
    cells=_cells,
    stands_out=has_died,
    view=notice_view,
)


@notices.command("show")
@click.argument("number", type=click.IntRange(1))
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object for programs.")
@config_option
def show_notice(*, number: int, json_wanted: bool, config_path: Path | None) -> None:
    """Show notice NUMBER, how its deliveries went, and its body; ends with 1 when there is none.

    \b
    Example:
      external-gate notices show 17 --json
    """
    kept = with_store(config_path, lambda store: SHELF.one(store, number))
    if kept is None:
        leave(SHELF.unknown(number), THE_ANSWER_IS_NO)
    if json_wanted:
        click.echo(as_json({**notice_view(kept), "body": kept.body}))
        return
    click.echo(f"notice {kept.number}: {safe(kept.type)}, {readable(kept.at)}")
    click.echo(f"  message id  {safe(kept.message_id)}")
    click.echo(f"  workflow    {safe(kept.workflow_id or 'none')}, sequence {kept.sequence}")
    for way in kept.deliveries:
        click.echo(f"  {SHELF.delivery_line(way)}")
    click.echo("")
    click.echo(safe(kept.body))


@notices.command("resend")
@click.argument("number", type=click.IntRange(1), required=False)
@click.option("--endpoint", help="Only to this endpoint, by its name in [notices].")
@click.option("--dead", is_flag=True, help="Every notice that was given up, instead of one.")
@config_option
def resend(
    *, number: int | None, endpoint: str | None, dead: bool, config_path: Path | None
) -> None:
    """Send notice NUMBER again, delivered or not: the same bytes, for three more days.

    To every endpoint that it was meant for, or to the one that you name. A running service sends
    it within a second. Ends with 1 when there is no such notice.

    \b
    Example:
      external-gate notices resend 17 --endpoint erp
      external-gate notices resend --dead --endpoint erp
    """
    if (number is None) != dead:
        raise click.UsageError("give the number of a notice, or --dead")

    async def work(store: Store) -> int:
        at = datetime.now(UTC)
        if number is None:
            return await SHELF.resend_dead(store, endpoint, at=at)
        return await SHELF.resend(store, number, endpoint, at=at)

    click.echo(deliveries_told(with_store(config_path, work)))
