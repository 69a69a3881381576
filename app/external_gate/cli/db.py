"""`external-gate db`: the database itself."""

import asyncio
import os
import sys
from pathlib import Path

import click

from external_gate.assembly import SystemClock, make_store
from external_gate.cli.config import config_option
from external_gate.cli.db_copy import copy
from external_gate.cli.endings import THE_ANSWER_IS_NO, endings
from external_gate.cli.opening import configure_quiet_logs, with_store
from external_gate.settings import Settings, load
from external_gate.stores.choosing import lacking
from external_gate.stores.store import Store


@click.group("db")
def db() -> None:
    """Look after the database.

    \b
    Example:
      external-gate db migrate --check
      external-gate db restored
      external-gate db copy --from sqlite:///external-gate.db --to postgresql://gate@db/gate
    """


db.add_command(copy)


@db.command("migrate")
@click.option("--check", "only_check", is_flag=True, help="Only say what is lacking.")
@config_option
def migrate(*, only_check: bool, config_path: Path | None) -> None:
    """Bring the database up to date. A start does so by itself; this does it before.

    Running services go on: a database may be one version ahead of them. With --check nothing
    changes, and the command ends with 1 when something is lacking.

    \b
    Example:
      external-gate db migrate --config config/external-gate.toml
    """
    with endings():
        settings = load(config_path, os.environ).settings
        configure_quiet_logs(settings)
        names = lacking(settings.store)
        if names and not only_check:
            asyncio.run(_open(settings))
    verb = "is lacking" if only_check else "was applied"
    click.echo("\n".join(f"{name} {verb}" for name in names) or "The database is up to date.")
    if only_check and names:
        sys.exit(THE_ANSWER_IS_NO)


@db.command("restored")
@config_option
def restored(config_path: Path | None) -> None:
    """Say that the database was restored from a backup, before any service starts on it.

    The next send of every unfinished workflow then begins with a lookup at its gateway, as does
    that of every workflow which is told again: the lost life may have charged it already. SQLite
    finds this out by itself, and so does every process that ran on before the restore.

    \b
    Example:
      external-gate db restored --config config/external-gate.toml
    """
    marked = with_store(config_path, _mark_restored)
    workflows = "1 workflow" if marked == 1 else f"{marked} workflows"
    click.echo(f"{workflows} marked: the next send of each begins with a lookup.")


async def _mark_restored(store: Store) -> int:
    return await store.mark_restored(SystemClock().now())


async def _open(settings: Settings) -> None:
    store = make_store(settings, exclusive=False)
    try:
        await store.open()
    finally:
        await store.close()
