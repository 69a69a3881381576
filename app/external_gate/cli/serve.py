"""`external-gate serve` and `external-gate worker`: the service itself."""

import asyncio
from pathlib import Path

import click

from external_gate.assembly import check_gateway
from external_gate.cli.config import config_option, load_or_exit
from external_gate.cli.endings import endings
from external_gate.cli.running import Run, configure_logs, opened, spare_collections
from external_gate.settings import Loaded


@click.command("serve")
@config_option
@click.option("--no-worker", is_flag=True, help="Only receive; `external-gate worker` works.")
def serve(config_path: Path | None, no_worker: bool) -> None:
    """Receive Metronome's webhooks, charge, and release; until SIGTERM.

    On SIGTERM readiness turns red, then the listener closes, then charges in flight end and are
    saved. Nothing that was acknowledged is lost, whatever happens.

    \b
    Example:
      external-gate serve --config config/external-gate.toml
    """
    loaded = load_or_exit(config_path, check_gateway=check_gateway)
    _run(loaded, with_web=True, with_worker=not no_worker)


@click.command("worker")
@config_option
def worker(config_path: Path | None) -> None:
    """Charge and release without receiving; until SIGTERM.

    With SQLite one process does both (`serve`): a second one on the same file is refused.

    \b
    Example:
      external-gate worker --config config/external-gate.toml
    """
    loaded = load_or_exit(config_path, check_gateway=check_gateway)
    _run(loaded, with_web=False, with_worker=True)


def _run(loaded: Loaded, *, with_web: bool, with_worker: bool) -> None:
    configure_logs(loaded)
    with endings():
        asyncio.run(_until_signal(loaded, with_web=with_web, with_worker=with_worker))


async def _until_signal(loaded: Loaded, *, with_web: bool, with_worker: bool) -> None:
    async with opened(loaded, exclusive=True) as service:
        run = Run(service, with_web=with_web, with_worker=with_worker)
        spare_collections()
        await run.until_signal()
