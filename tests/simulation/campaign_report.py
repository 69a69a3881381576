"""What a campaign came to, written for somebody who was not there."""

import platform
import sqlite3
import subprocess
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.gateway_kinds import CLASSES
from tests.simulation.truth import Harm

if TYPE_CHECKING:
    from tests.simulation.campaign import Tally

PROMISES = ("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8")
OUR_OWN = {
    "cap": "money above a customer's cap",
    "bug": "errors of the engine's own",
    "hot": "workflows that ran in circles",
}


def written(tally: "Tally", *, start: int, began: datetime, took: timedelta) -> list[str]:
    """Write the report of a campaign, line by line."""
    harms = ((harm.value, tally.harms[harm], tally.harm_checks[harm]) for harm in Harm)
    promises = ((name, tally.breaks[name], tally.checks[name]) for name in PROMISES)
    own = ((what, tally.breaks[name], "-") for name, what in OUR_OWN.items())
    return [
        "# Campaign of the simulation",
        "",
        *_table(("", ""), _circumstances(tally, start=start, began=began, took=took)),
        "## What must never happen",
        "",
        *_table(("what", "times", "comparisons with the truth"), harms),
        f"## Promises: {tally.breaks.total()} broken in {tally.checks.total()} comparisons",
        "",
        *_table(("promise", "broken", "comparisons with the truth"), (*promises, *own)),
        *(f"- seed {seed} ({name}): {text}" for seed, name, text in tally.broken),
        *([""] if tally.broken else []),
        f"## Workflows by their end: {tally.ends.total()}",
        "",
        *_counted("end", tally.ends),
        f"## Faults by kind: {tally.struck.total()}",
        "",
        *_counted("fault", tally.struck),
    ]


def _circumstances(
    tally: "Tally", *, start: int, began: datetime, took: timedelta
) -> Iterable[tuple[str, object]]:
    return (
        ("seeds", f"{start} to {start + tally.seeds - 1}"),
        *((f"of them {home}", count) for home, count in sorted(tally.homes.items())),
        ("classes of gateways", len(CLASSES)),
        ("began", f"{began:%Y-%m-%d %H:%M} UTC"),
        ("took", f"{took.total_seconds():.0f} s"),
        ("commit", _commit()),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("SQLite", sqlite3.sqlite_version),
    )


def _commit() -> str:
    """Give what is being tested; unknown where there is no repository."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],  # noqa: S607 - whichever git there is
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


def _counted(what: str, counted: Mapping[str, int]) -> list[str]:
    most_first = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return _table((what, "times"), most_first)


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    lines = (head, ("---",) * len(head), *rows)
    return [*(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines), ""]
