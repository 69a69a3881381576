"""Runs seeds of the simulation, replays one, and writes what came of it.

`python -m tests.simulation.campaign --seeds 100000 --start 0 --report report.md`, or `--seed 15`.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.simulation.gateway_kinds import CLASSES
from tests.simulation.refusing_guard import installed
from tests.simulation.universe import Outcome, run_seed

CHUNK = 50
"""Seeds in one piece of work."""


@dataclass
class Tally:
    """What many seeds came to."""

    seeds: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    """Seed, class of its gateway, and the first promise that was broken."""

    def add(self, outcome: Outcome) -> None:
        """Count one seed."""
        self.seeds += 1
        self.struck.update(outcome.struck)
        self.checks.update(outcome.checks)
        self.ends.update(outcome.ends)
        if outcome.broken:
            self.broken.append((outcome.seed, outcome.gateway_class, str(outcome.broken[0])))

    def merge(self, other: "Tally") -> None:
        """Add what other seeds came to."""
        self.seeds += other.seeds
        for mine, theirs in (
            (self.struck, other.struck),
            (self.checks, other.checks),
            (self.ends, other.ends),
        ):
            mine.update(theirs)
        self.broken += other.broken


def class_of(seed: int) -> str:
    """Give the class of gateway that a seed is run with."""
    return CLASSES[seed % len(CLASSES)]


def run_seeds(seeds: Iterable[int]) -> Tally:
    """Run seeds one after another."""
    tally = Tally()
    with installed():
        for seed in seeds:
            tally.add(run_seed(seed, class_of(seed)))
    return tally


def run_campaign(*, start: int, seeds: int, processes: int) -> Tally:
    """Run many seeds on all processors."""
    tally = Tally()
    chunks = [
        range(at, min(at + CHUNK, start + seeds)) for at in range(start, start + seeds, CHUNK)
    ]
    with ProcessPoolExecutor(processes) as pool:
        for done in pool.map(run_seeds, chunks):
            tally.merge(done)
            sys.stderr.write(f"\r{tally.seeds} of {seeds} seeds, {len(tally.broken)} broken ")
    sys.stderr.write("\n")
    return tally


def report_of(tally: Tally, *, start: int, took: float) -> str:
    """Write the report of a campaign."""
    seeds = f"seeds {start} to {start + tally.seeds - 1}"
    lines = [
        "# Campaign of the simulation",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}: {seeds}, {took:.0f} s, gateways of {len(CLASSES)} classes.",
        "",
        *_table("Promises broken", Counter(text.split(":")[0] for _, _, text in tally.broken)),
        *(f"- seed {seed} ({name}): {text}" for seed, name, text in tally.broken),
        *_table("Checks against the truth", tally.checks),
        *_table("Ends of workflows", tally.ends),
        *_table("Faults injected", tally.struck),
    ]
    return "\n".join(lines) + "\n"


def _table(title: str, counted: Counter[str]) -> list[str]:
    rows = [f"| {name} | {count} |" for name, count in counted.most_common()]
    return [f"## {title}: {counted.total()}", "", "| what | times |", "|---|---|", *rows, ""]


def replay(seed: int) -> int:
    """Run one seed and print its timeline; 1 when a promise is broken."""
    with installed():
        outcome = run_seed(seed, class_of(seed), tell=True)
    sys.stdout.write(f"{outcome.timeline}\n")
    for broken in outcome.broken:
        sys.stdout.write(f"BROKEN {broken}\n")
    return 1 if outcome.broken else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one and print its timeline")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--report", type=Path, help="write a report into this file")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        return replay(asked.seed)
    began = datetime.now(UTC)
    tally = run_campaign(start=asked.start, seeds=asked.seeds, processes=asked.processes)
    took = (datetime.now(UTC) - began).total_seconds()
    report = report_of(tally, start=asked.start, took=took)
    sys.stdout.write(report)
    if asked.report is not None:
        asked.report.write_text(report)
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
