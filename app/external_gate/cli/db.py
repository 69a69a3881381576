"""`external-gate db`: the database itself."""

import asyncio
import os
import sys
from pathlib import Path

import click

from external_gate.assembly import make_store
from external_gate.cli.config import config_option
from external_gate.cli.endings import THE_ANSWER_IS_NO, endings
from external_gate.cli.opening import configure_quiet_logs
from external_gate.settings import Settings, load
from external_gate.stores.choosing import lacking


@click.group("db")
def db() -> None:
    """Look after the database.

    \b
    Example:
      external-gate db migrate --check
    """


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


async def _open(settings: Settings) -> None:
    store = make_store(settings, exclusive=False)
    try:
        await store.open()
    finally:
        await store.close()
