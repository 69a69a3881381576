"""Runs seeds of the simulation, replays one, and writes what came of it.

`python -m tests.simulation.campaign --seeds 100000 --mutations --report report.md`, or `--seed 15`;
with `--postgres` every seed is lived on a PostgreSQL server.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.simulation import campaign_report, mutations
from tests.simulation.gateway_kinds import CLASSES
from tests.simulation.homes import Home, homes
from tests.simulation.refusing_guard import installed
from tests.simulation.universe import Outcome, run_seed
from tests.throwaway_postgres import URL_VARIABLE, Cluster, found_binaries, running_cluster

CHUNK = 50
"""Seeds in one piece of work."""


@dataclass
class Tally:
    """What many seeds came to."""

    seeds: int = 0
    homes: Counter[str] = field(default_factory=Counter)
    """On which database they were lived."""
    struck: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    breaks: Counter[str] = field(default_factory=Counter)
    """Comparisons with the truth that failed, by promise; `bug` and `hot` are the engine's own."""
    harm_checks: Counter[str] = field(default_factory=Counter)
    harms: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    """Seed, class of its gateway, and the first promise that was broken."""

    def add(self, outcome: Outcome, home: Home) -> None:
        """Count one seed."""
        self.seeds += 1
        self.homes[home.name] += 1
        self.struck.update(outcome.struck)
        self.checks.update(outcome.checks)
        self.breaks.update(broken.promise for broken in outcome.broken)
        self.harm_checks.update(outcome.harm_checks)
        self.harms.update(outcome.harms)
        self.ends.update(outcome.ends)
        if outcome.broken:
            self.broken.append((outcome.seed, outcome.gateway_class, str(outcome.broken[0])))

    def merge(self, other: "Tally") -> None:
        """Add what other seeds came to."""
        self.seeds += other.seeds
        for mine, theirs in (
            (self.homes, other.homes),
            (self.struck, other.struck),
            (self.checks, other.checks),
            (self.breaks, other.breaks),
            (self.harm_checks, other.harm_checks),
            (self.harms, other.harms),
            (self.ends, other.ends),
        ):
            mine.update(theirs)
        self.broken += other.broken


def class_of(seed: int) -> str:
    """Give the class of gateway that a seed is run with."""
    return CLASSES[seed % len(CLASSES)]


def run_seeds(
    seeds: Iterable[int], *, postgres: Cluster | None = None, limited: bool = False
) -> Tally:
    """Run seeds one after another; on PostgreSQL where a server is given."""
    tally = Tally()
    with installed(), homes(postgres) as home_of:
        for seed in seeds:
            home = home_of(seed)
            name = class_of(seed)
            tally.add(run_seed(seed, name, database=home.database, limited=limited), home)
    return tally


def run_campaign(
    *, start: int, seeds: int, processes: int, postgres: Cluster | None, limited: bool = False
) -> Tally:
    """Run many seeds on all processors."""
    tally = Tally()
    chunks = [
        range(at, min(at + CHUNK, start + seeds)) for at in range(start, start + seeds, CHUNK)
    ]
    with ProcessPoolExecutor(processes) as pool:
        run = partial(run_seeds, postgres=postgres, limited=limited)
        for done in pool.map(run, chunks):
            tally.merge(done)
            for seed, name, text in done.broken:
                sys.stderr.write(f"\r--seed {seed} ({name}): {text}\n")
            sys.stderr.write(f"\r{tally.seeds} of {seeds} seeds, {len(tally.broken)} broken ")
    sys.stderr.write("\n")
    return tally


def replay(seed: int, *, postgres: Cluster | None, limited: bool = False) -> int:
    """Run one seed and print its timeline; 1 when a promise is broken."""
    with installed(), homes(postgres) as home_of:
        home, name = home_of(seed), class_of(seed)
        outcome = run_seed(seed, name, database=home.database, tell=True, limited=limited)
    sys.stdout.write(f"{outcome.timeline}\n")
    for broken in outcome.broken:
        sys.stdout.write(f"BROKEN {broken}\n")
    return 1 if outcome.broken else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; 1 when a promise is broken or a deliberate fault survives."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.postgres and not (os.environ.get(URL_VARIABLE) or found_binaries()):
        parser.error(f"PostgreSQL is not installed: install it, or set {URL_VARIABLE}")
    with running_cluster() if asked.postgres else nullcontext() as postgres:
        return _run(asked, postgres)


def _run(asked: argparse.Namespace, postgres: Cluster | None) -> int:
    if asked.seed is not None:
        return replay(asked.seed, postgres=postgres, limited=asked.limits)
    began = datetime.now(UTC)
    tally = run_campaign(
        start=asked.start,
        seeds=asked.seeds,
        processes=asked.processes,
        postgres=postgres,
        limited=asked.limits,
    )
    took = datetime.now(UTC) - began
    lines = campaign_report.written(tally, start=asked.start, began=began, took=took)
    good = not tally.broken
    if asked.mutations:
        trials = mutations.search(start=asked.start, processes=asked.processes)
        sound = mutations.try_sound(trials)
        lines += mutations.table(trials, sound)
        good = good and mutations.all_caught(trials, sound)
    report = "\n".join(lines)
    sys.stdout.write(report)
    if asked.report is not None:
        asked.report.write_text(report)
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one and print its timeline")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--postgres", action="store_true", help="live every seed on PostgreSQL")
    parser.add_argument("--limits", action="store_true", help="worlds of few customers with caps")
    parser.add_argument("--mutations", action="store_true", help="catch deliberate faults as well")
    parser.add_argument("--report", type=Path, help="write a report into this file")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
