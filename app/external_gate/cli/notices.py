"""`external-gate notices`: what the host application was told, and telling it again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from external_gate.cli.config import config_option
from external_gate.cli.endings import THE_ANSWER_IS_NO, leave
from external_gate.cli.moments import readable, short_age
from external_gate.cli.newest_first import Columns, read_pages, show
from external_gate.cli.notice_sinks import sinks
from external_gate.cli.opening import with_store
from external_gate.cli.showing import as_json, safe
from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.host_notice import (
    DeliveryState,
    KeptHostNotice,
    NoticeDelivery,
    NoticeFilter,
)
from external_gate.domain.identifiers import WorkflowId
from external_gate.engine.workflow_view import View, instant_view
from external_gate.stores.store import Store

PAGE = 500
"""Rows read at once: enough to make the round trips not matter."""

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
        return await _listed(store, wanted, limit=limit, before=before)

    show(with_store(config_path, read), _COLUMNS, limit=limit, json_wanted=json_wanted)


async def _listed(
    store: Store, wanted: NoticeFilter, *, limit: int, before: int | None = None
) -> list[KeptHostNotice]:
    one_page = partial(_page, store, wanted)
    return await read_pages(one_page, page=PAGE, limit=limit, before=before)


async def _page(
    store: Store, wanted: NoticeFilter, size: int, before: int | None
) -> Sequence[KeptHostNotice]:
    page = NoticeFilter(
        endpoint=wanted.endpoint,
        state=wanted.state,
        workflow_id=wanted.workflow_id,
        limit=size,
        before=before,
    )
    return await store.host_notices(page)


def _cells(kept: KeptHostNotice, now: datetime) -> tuple[str, ...]:
    return (
        str(kept.number),
        kept.type,
        short_age(now - kept.at),
        kept.workflow_id or "-",
        str(kept.sequence),
        ", ".join(f"{way.endpoint}: {way.state}" for way in kept.deliveries) or "-",
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
        "deliveries": [_delivery_view(way) for way in kept.deliveries],
    }


def _delivery_view(way: NoticeDelivery) -> View:
    return {
        "endpoint": way.endpoint,
        "state": way.state.value,
        "tries": way.tries,
        "outcome": way.outcome,
        "due_at": _instant(way.due_at),
        "give_up_at": instant_view(way.give_up_at),
        "tried_at": _instant(way.tried_at),
        "ended_at": _instant(way.ended_at),
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant_view(instant)


def _has_died(kept: KeptHostNotice) -> bool:
    return any(way.state is DeliveryState.DEAD for way in kept.deliveries)


_COLUMNS = Columns(
    kind="notice",
    header=("NUMBER", "TYPE", "AGE", "WORKFLOW", "SEQUENCE", "DELIVERIES"),
    cells=_cells,
    stands_out=_has_died,
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
    kept = with_store(config_path, lambda store: store.host_notice(number))
    if kept is None:
        leave(_unknown(number), THE_ANSWER_IS_NO)
    if json_wanted:
        click.echo(as_json({**notice_view(kept), "body": kept.body}))
        return
    click.echo(f"notice {kept.number}: {safe(kept.type)}, {readable(kept.at)}")
    click.echo(f"  message id  {safe(kept.message_id)}")
    click.echo(f"  workflow    {safe(kept.workflow_id or 'none')}, sequence {kept.sequence}")
    for way in kept.deliveries:
        click.echo(f"  {_told(way)}")
    click.echo("")
    click.echo(safe(kept.body))


def _told(way: NoticeDelivery) -> str:
    tries = f"{way.tries} tr{'y' if way.tries == 1 else 'ies'}"
    until = f", next {readable(way.due_at)}" if way.due_at else ""
    came = f": {safe(way.outcome)}" if way.outcome else ""
    return f"{safe(way.endpoint)}  {way.state} after {tries}{came}{until}"


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
            return await _resend_dead(store, endpoint, at)
        kept = await store.host_notice(number)
        if kept is None:
            raise Refused(_unknown(number))
        ways = [endpoint] if endpoint else [way.endpoint for way in kept.deliveries]
        _must_be_known(ways, kept)
        await store.resend_notice(number, endpoints=ways, at=at)
        return len(ways)

    count = with_store(config_path, work)
    click.echo(f"{count} deliver{'y' if count == 1 else 'ies'} will be tried again")


def _must_be_known(ways: Sequence[str], kept: KeptHostNotice) -> None:
    """Catch a misspelled endpoint: nobody would ever serve it."""
    meant = {way.endpoint for way in kept.deliveries}
    for name in ways:
        if name not in meant:
            known = ", ".join(sorted(meant))
            raise BadInput(f"notice {kept.number} was not meant for {safe(name)}, but for {known}")


async def _resend_dead(store: Store, endpoint: str | None, at: datetime) -> int:
    wanted = NoticeFilter(endpoint=endpoint, state=DeliveryState.DEAD)
    count = 0
    before: int | None = None
    while found := await _page(store, wanted, PAGE, before):
        for kept in found:
            ways = [
                way.endpoint
                for way in kept.deliveries
                if way.state is DeliveryState.DEAD and endpoint in (None, way.endpoint)
            ]
            await store.resend_notice(kept.number, endpoints=ways, at=at)
            count += len(ways)
        before = found[-1].number
    return count


def _unknown(number: int) -> str:
    return f"no notice {number} is kept here; see: external-gate notices list"
