"""Starts a baseline: what somebody would write or take instead; see `bench.baselines`."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.faults import Unmeasured
from bench.servers.process import Server, free_port, started

NEEDS = {
    "aiosqlite_insert": "aiosqlite",
    "dbos_enqueue": "dbos",
    "dbos_steps": "dbos",
    "procrastinate_defer": "procrastinate",
    "postgres_insert": "psycopg_pool",
}
"""Packages of the group `bench` that a baseline or a crew needs."""


@contextmanager
def running_baseline(
    kind: str, folder: Path, *, database_url: str = "", name: str = "", plain: bool = False
) -> Iterator[Server]:
    """Start a baseline and wait until it listens.

    `plain` serves it by uvicorn's own choices, not by the server of external-gate.
    Raises `Unmeasured` when its package is not installed.
    """
    demand_package(kind)
    name, port = name or kind, free_port()
    command = baseline_command(kind, port, database_url=database_url, plain=plain)
    with started(name, command, port=port, log=folder / f"{name}.log") as server:
        yield server


def baseline_command(
    kind: str, port: int, *, database_url: str = "", plain: bool = False
) -> list[str]:
    """Give the command that starts a baseline."""
    command = [sys.executable, "-m", "bench.baselines", kind, str(port), database_url]
    return [*command, "plain"] if plain else command


def demand_package(kind: str) -> None:
    """Raise `Unmeasured` when the package of a baseline is not installed."""
    package = NEEDS.get(kind)
    if package is not None and importlib.util.find_spec(package) is None:
        raise Unmeasured(f"{package} is not installed; `make bench` installs it")
