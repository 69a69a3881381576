"""The listing of what gateways sent, for `notifications list --gateways`."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import click

from external_gate.cli.moments import short_age
from external_gate.cli.opening import with_store
from external_gate.cli.showing import as_json, painted, table
from external_gate.engine.workflow_view import answer_view, notice_view
from external_gate.stores.store import Store
from external_gate.stores.store_records import KeptNotice

PAGE = 500
"""Rows read at once; they are small."""

_HEADER = ("NUMBER", "GATEWAY", "SAYS", "FINAL", "AGE", "DELIVERIES", "WORKFLOW", "KEY", "EVENT")


def list_notices(
    config_path: Path | None,
    *,
    limit: int,
    before: int | None,
    unmatched: bool,
    json_wanted: bool,
) -> None:
    """Print kept notices, newest first; a repeated delivery is one row."""

    async def work(store: Store) -> list[KeptNotice]:
        pages = _pages(store, limit=limit, before=before, unmatched=unmatched)
        return [each async for each in pages]

    rows = with_store(config_path, work)
    if json_wanted:
        click.echo(as_json([notice_view(each) for each in rows]))
        return
    _print_table(rows)
    if len(rows) == limit:
        click.echo(f"older ones: add --before {rows[-1].number}", err=True)


async def _pages(
    store: Store, *, limit: int, before: int | None, unmatched: bool
) -> AsyncIterator[KeptNotice]:
    while limit > 0:
        size = min(limit, PAGE)
        rows = await store.notices(limit=size, before=before, unmatched=unmatched)
        for row in rows:
            yield row
        if len(rows) < size:
            return
        limit -= size
        before = rows[-1].number


def _print_table(rows: list[KeptNotice]) -> None:
    if not rows:
        click.echo("there is no such notice", err=True)
        return
    now = datetime.now(UTC)
    header, *lines = table(_HEADER, [_cells(each, now) for each in rows])
    click.echo(header)
    for each, line in zip(rows, lines, strict=True):
        click.echo(line if each.workflow_id else painted(line, "yellow"))


def _cells(kept: KeptNotice, now: datetime) -> tuple[str, ...]:
    return (
        str(kept.number),
        kept.gateway,
        "look again" if kept.outcome is None else str(answer_view(kept.outcome)["answer"]),
        "yes" if kept.signed_and_final else "no",
        short_age(now - kept.received_at),
        str(kept.deliveries),
        kept.workflow_id or "-",
        kept.attempt_key,
        kept.event_id,
    )
