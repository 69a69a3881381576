"""`external-gate db copy`: move from SQLite to PostgreSQL."""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from external_gate.assembly import SystemClock
from external_gate.cli.config import config_option
from external_gate.cli.endings import endings
from external_gate.cli.opening import configure_quiet_logs
from external_gate.cli.showing import as_json, table
from external_gate.domain.errors import BadInput, Unavailable
from external_gate.settings import load
from external_gate.settings.model import StoreSettings
from external_gate.stores import copy_source
from external_gate.stores.choosing import postgres_address, uses_postgres
from external_gate.stores.sqlite_connection import path_of

if TYPE_CHECKING:
    from external_gate.stores.copying import Copied, Progress

_FROM_HELP = "sqlite:///… of the service so far; store.url without it."
_TO_HELP = "postgresql://… to move to; store.url without it."


@click.command("copy")
@click.option("--from", "source", metavar="URL", help=_FROM_HELP)
@click.option("--to", "target", metavar="URL", help=_TO_HELP)
@click.option("--namespace", help="Schema to move to; store.namespace without it.")
@click.option("--verify", "only_verify", is_flag=True, help="Copy nothing; compare every row.")
@click.option("--take-back", is_flag=True, help="Let the file be served again, on purpose.")
@click.option("--json", "wants_json", is_flag=True, help="Answer as JSON.")
@config_option
def copy(
    *,
    source: str | None,
    target: str | None,
    namespace: str | None,
    only_verify: bool,
    take_back: bool,
    wants_json: bool,
    config_path: Path | None,
) -> None:
    """Move a SQLite file to PostgreSQL, compare every row, and hand over.

    Stop the service first: what is sent meanwhile is sent again. However this ends, run it again
    with the same arguments: it goes on where it stopped. From its beginning on no service starts on
    the file, and none on the schema before its end. Then name the schema in store.url and start.

    --take-back gives the move up. After its end the file is an older copy: what happened on
    PostgreSQL is not in it, and the next send of every unfinished workflow begins with a lookup.
    See first that nothing works on PostgreSQL any more.

    \b
    Example:
      external-gate db copy --from sqlite:///external-gate.db --to postgresql://gate@db/gate
      external-gate db copy --verify --from sqlite:///external-gate.db
      external-gate db copy --take-back --from sqlite:///external-gate.db
    """
    if only_verify and take_back:
        raise click.UsageError("--verify and --take-back exclude each other")
    with endings():
        settings = load(config_path, os.environ).settings
        configure_quiet_logs(settings)
        path = _path(settings.store, source)
        patience = timedelta(seconds=settings.store.busy_timeout_seconds)
        if take_back:
            now = SystemClock().now()
            _tell_taken_back(path, copy_source.take_back(path, now=now, patience=patience))
            return
        there = _there(settings.store, target, namespace)
        _tell_copied(_copied(path, there, patience, only_verify=only_verify), wants_json=wants_json)


def _path(configured: StoreSettings, url: str | None) -> Path:
    if url is None and uses_postgres(configured):
        raise BadInput("store.url names PostgreSQL: say with --from sqlite:///… what is to move")
    return path_of(configured.url if url is None else url)


def _there(configured: StoreSettings, url: str | None, namespace: str | None) -> StoreSettings:
    """Give the settings of the store to move to. What was given may hold a password."""
    changed = {"url": url, "namespace": namespace}
    there = configured.model_copy(
        update={name: value for name, value in changed.items() if value is not None}
    )
    if not uses_postgres(there):
        raise BadInput("say with --to postgresql://user@host/database where to move")
    return there


def _copied(
    path: Path, there: StoreSettings, patience: timedelta, *, only_verify: bool
) -> "Copied":
    address = postgres_address(there)
    from external_gate.stores import copying  # noqa: PLC0415 - an extra

    work = copying.verify if only_verify else copying.move
    try:
        return work(path, address, tell=_teller(), patience=patience)
    except Unavailable as error:
        raise Unavailable(f"{error}\nRun the same command again: it goes on from here.") from error


def _teller() -> "Callable[[Progress], None]":
    """Tell every step on a terminal in one line; elsewhere the last one of each table."""
    on_terminal = sys.stderr.isatty()

    def tell(progress: "Progress") -> None:
        whole = progress.done >= progress.total
        if on_terminal or whole:
            line = f"{progress.doing} {progress.table}: {progress.done:,} of {progress.total:,}"
            end = "\n" if whole else "\r"
            click.echo(f"{line}{end}", err=True, nl=False)

    return tell


def _tell_copied(copied: "Copied", *, wants_json: bool) -> None:
    if wants_json:
        click.echo(as_json(_view(copied)))
        return
    if not copied.tables:
        click.echo(f"{copied.source} was moved to {copied.target} already: nothing to do.")
        return
    rows = [(each.name, f"{each.rows:,}", each.sha256[:16]) for each in copied.tables]
    click.echo("\n".join(table(("table", "rows", "sha256"), rows)))
    click.echo(f"Every row of {copied.source} is the same in {copied.target}.")
    if copied.is_handed_over:
        click.echo("The file is not served any more: name the schema in store.url and start.")


def _view(copied: "Copied") -> dict[str, object]:
    return {
        "source": copied.source,
        "target": copied.target,
        "copy_id": copied.copy_id,
        "handed_over": copied.is_handed_over,
        "rows_brought": copied.brought,
        "tables": [
            {"name": each.name, "rows": each.rows, "sha256": each.sha256} for each in copied.tables
        ],
    }


def _tell_taken_back(path: Path, marked: int | None) -> None:
    click.echo(f"{path} can be served again.")
    if marked is not None:
        workflows = "1 workflow" if marked == 1 else f"{marked} workflows"
        click.echo(f"{workflows} marked: the next send of each begins with a lookup.")
        click.echo("See that nothing works on PostgreSQL any more.")
