"""`external-gate notifications`: what Metronome sent, byte for byte, and reading it once more.

What gateways sent is listed as it was understood.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from external_gate.assembly import Service
from external_gate.cli.config import config_option
from external_gate.cli.endings import THE_ANSWER_IS_NO, leave
from external_gate.cli.gateway_notice_list import list_notices
from external_gate.cli.moments import readable, short_age
from external_gate.cli.newest_first import Columns, read_pages, show
from external_gate.cli.opening import with_service, with_store
from external_gate.cli.person_options import person, person_options
from external_gate.cli.showing import as_json, pasteable, safe
from external_gate.domain.errors import BadInput, Refused
from external_gate.engine.workflow_view import View, instant_view
from external_gate.stores.store import Store
from external_gate.stores.store_records import Notification, Receipt, Recorded

PAGE = 200
"""Rows read at once; each carries its body, of up to 256 KiB."""


@click.group("notifications")
def notifications() -> None:
    """See what Metronome sent, and read it once more.

    \b
    Example:
      external-gate notifications list --flawed
      external-gate notifications show 17
    """


@notifications.command("list")
@click.option("--flawed", is_flag=True, help="Only those that were not understood.")
@click.option("--gateways", is_flag=True, help="What gateways sent, instead of Metronome.")
@click.option("--unmatched", is_flag=True, help="Of gateways' only those that fit no attempt.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Most rows.")
@click.option(
    "--before", type=click.IntRange(1), help="Only below this number: the next page of a listing."
)
@click.option("--json", "json_wanted", is_flag=True, help="One JSON array for programs.")
@config_option
def list_notifications(
    *,
    flawed: bool,
    gateways: bool,
    unmatched: bool,
    limit: int,
    before: int | None,
    json_wanted: bool,
    config_path: Path | None,
) -> None:
    """List what was kept, newest first; a repeated delivery is one row.

    \b
    Example:
      external-gate notifications list --limit 200 --json
      external-gate notifications list --gateways --unmatched
    """
    if gateways or unmatched:
        if flawed:
            raise click.UsageError("--flawed is about Metronome's notifications, not gateways'")
        list_notices(
            config_path, limit=limit, before=before, unmatched=unmatched, json_wanted=json_wanted
        )
        return

    async def read(store: Store) -> list[Notification]:
        one_page = partial(_page, store, flawed=flawed)
        return await read_pages(one_page, page=PAGE, limit=limit, before=before)

    show(with_store(config_path, read), _COLUMNS, limit=limit, json_wanted=json_wanted)


async def _page(
    store: Store, size: int, before: int | None, *, flawed: bool
) -> Sequence[Notification]:
    return await store.notifications(limit=size, before=before, flawed=flawed)


def _cells(kept: Notification, now: datetime) -> tuple[str, ...]:
    return (
        str(kept.number),
        kept.type or "-",
        short_age(now - kept.received_at),
        str(kept.deliveries),
        kept.workflow_id or "-",
        kept.notification_id,
        kept.flaw or "",
    )


def notification_view(kept: Notification) -> View:
    """Give a kept notification for programs, without its body."""
    return {
        "number": kept.number,
        "notification_id": kept.notification_id,
        "type": kept.type,
        "received_at": instant_view(kept.received_at),
        "signed_at": instant_view(kept.signed_at),
        "deliveries": kept.deliveries,
        "flaw": kept.flaw,
        "workflow_id": kept.workflow_id,
        "digest": kept.digest,
    }


_COLUMNS = Columns(
    kind="notification",
    header=("NUMBER", "TYPE", "AGE", "DELIVERIES", "WORKFLOW", "ID", "FLAW"),
    cells=_cells,
    stands_out=lambda kept: kept.flaw is not None,
    view=notification_view,
)


@notifications.command("show")
@click.argument("number", type=click.IntRange(1))
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object for programs.")
@config_option
def show_notification(*, number: int, json_wanted: bool, config_path: Path | None) -> None:
    """Show notification NUMBER with its body as it came; ends with 1 when there is none.

    \b
    Example:
      external-gate notifications show 17
    """
    kept = with_store(config_path, lambda store: store.notification(number))
    if kept is None:
        leave(_unknown(number), THE_ANSWER_IS_NO)
    if json_wanted:
        click.echo(as_json({**notification_view(kept), "body": _text(kept.body)}))
        return
    click.echo(f"notification {kept.number}: {safe(kept.type) or 'no type'}")
    for name, text in _facts(kept).items():
        click.echo(f"  {name:<12}{safe(text)}")
    click.echo("")
    # Line ends of the body stay; everything else that does not print is escaped.
    for line in _text(kept.body).split("\n"):
        click.echo(safe(line))


def _facts(kept: Notification) -> dict[str, str]:
    return {
        "id": kept.notification_id,
        "received": readable(kept.received_at),
        "signed": readable(kept.signed_at),
        "deliveries": str(kept.deliveries),
        "workflow": kept.workflow_id or "none",
        "flaw": kept.flaw or "none",
        "sha256": kept.digest,
    }


def _text(body: bytes) -> str:
    """Give a body as text; bytes that are none are written as `\\xff`."""
    return body.decode("utf-8", errors="backslashreplace")


@notifications.command("replay")
@click.argument("number", type=click.IntRange(1))
@person_options
@config_option
def replay(*, number: int, who: str, reason: str, config_path: Path | None) -> None:
    """Read notification NUMBER once more and begin the workflow that it did not begin before.

    For notifications that an older version did not understand. A workflow that is known already
    is not begun again, whatever was sent. Ends with 1 when it begins none.

    \b
    Example:
      external-gate notifications replay 17 --reason "understood since version 0.2"
    """
    operator = person(who, reason)

    async def work(service: Service) -> Recorded:
        if await service.store.notification(number) is None:
            raise Refused(_unknown(number))
        try:
            return await service.receiver.replay(number, who=operator.name, reason=operator.reason)
        except BadInput as error:
            raise Refused(str(error)) from error

    recorded = with_service(config_path, work)
    workflow_id = safe(recorded.workflow_id or "")
    see = f"see: external-gate workflows show {pasteable(recorded.workflow_id or '')}"
    if recorded.conflict:
        leave(f"workflow {workflow_id} is known with other facts\n{see}", THE_ANSWER_IS_NO)
    if recorded.receipt is Receipt.DUPLICATE:
        leave(
            f"workflow {workflow_id} was begun before and stays as it is\n{see}", THE_ANSWER_IS_NO
        )
    click.echo(f"workflow {workflow_id} has begun")
    click.echo(see, err=True)


def _unknown(number: int) -> str:
    return f"no notification {number} is kept here; see: external-gate notifications list"
