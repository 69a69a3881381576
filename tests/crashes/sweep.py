"""Kills the service at every durable step and every network edge, and judges what comes of it.

`python -m tests.crashes.sweep` sweeps the full product: every boundary that any play comes by, each
before, after, inside of its commit and in mid-call; on files, or on PostgreSQL with `--postgres`.
`--of ci` takes what CI takes, `--play NAME --at "before charge"` repeats one point and keeps
everybody's logs.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from tests.crashes.company import Company
from tests.crashes.doom import Point
from tests.crashes.judgement import Books, Harm, harms
from tests.crashes.nursery import Nursery
from tests.crashes.places import Place, place_in
from tests.crashes.points import (
    Target,
    boundaries_in,
    read_point,
    targets_of_ci,
    targets_on_postgres,
)
from tests.crashes.scenarios import PLAYS
from tests.crashes.stage import Stage
from tests.databases import Schemas
from tests.throwaway_postgres import running_cluster

LANES = 5
"""Runs at once. Each mostly waits for somebody; more of them than processors pay off."""


@dataclass(frozen=True)
class Report:
    """What came of one target."""

    target: Target
    struck: bool
    end: str
    found: Sequence[tuple[Harm, str]]
    boundaries: frozenset[Point]
    """Every boundary that was come by."""
    seconds: float
    trouble: str = ""
    """Why the play could not be played to its end; empty when it was."""

    @property
    def is_as_expected(self) -> bool:
        """Whether it ended as it does when nobody dies."""
        return self.end == self.target.play.ends

    @property
    def complaint(self) -> str:
        """Say what is wrong; empty when nothing is."""
        wrong = [f"{harm}: {why}" for harm, why in self.found]
        if self.target.point is not None and not self.struck:
            wrong.append("the point was never come by")
        if not (self.trouble or self.is_as_expected or self.end.startswith("held")):
            wrong.append(f"it ended as {self.end}")
        return "; ".join([*wrong, self.trouble] if self.trouble else wrong)


@dataclass
class Sweep:
    """Runs targets, several at once, over one nursery."""

    folder: Path
    nursery: Nursery
    pool: ThreadPoolExecutor
    http: httpx.Client
    schemas: Schemas | None = None
    """Of the server for what is swept on PostgreSQL."""
    keeps_all: bool = False
    """Whether the files of a run stay also when nothing is wrong."""
    reports: dict[Target, Future[Report]] = field(default_factory=dict)

    def begin(self, targets: Iterable[Target]) -> None:
        """Submit what is not submitted yet."""
        for target in targets:
            if target not in self.reports:
                folder = self.folder / f"run-{len(self.reports)}"
                self.reports[target] = self.pool.submit(self._run, target, folder)

    def report(self, target: Target) -> Report:
        """Wait for one report."""
        self.begin([target])
        return self.reports[target].result()

    def _run(self, target: Target, folder: Path) -> Report:
        folder.mkdir(parents=True)
        with place_in(folder, self.schemas if target.on_postgres else None) as place:
            return self._run_in(place, target, folder)

    def _run_in(self, place: Place, target: Target, folder: Path) -> Report:
        began = time.monotonic()
        company = Company(self.nursery, self.http, folder, target.point, place)
        stage, trouble, books = Stage(company), "", None
        try:
            try:
                company.start(**target.play.knobs)
                target.play.act(stage)
                stage.until_over()
            except AssertionError as error:  # the books may tell more
                trouble = f"{folder}: {error}"
            books = _books_of(stage)
        except (httpx.HTTPError, OSError) as error:
            trouble = f"{trouble} {folder}: {type(error).__name__}: {error}"
        finally:
            company.end()
        report = Report(
            target,
            company.was_struck,
            books.end if books else "",
            harms(books) if books else [],
            boundaries_in(folder / "boundaries"),
            time.monotonic() - began,
            trouble,
        )
        if not (report.complaint or self.keeps_all):
            shutil.rmtree(folder, ignore_errors=True)
        return report


def _books_of(stage: Stage) -> Books | None:
    told = stage.company.metronome.books()
    if not told["workflows"]:
        return None
    (workflow,) = told["workflows"]
    mine = [d for d in told["deliveries"] if d["workflow_id"] == workflow["workflow_id"]]
    return Books(stage.row(), workflow, mine, stage.company.host.charges())


@contextmanager
def sweeping(
    folder: Path,
    *,
    lanes: int = LANES,
    schemas: Schemas | None = None,
    keeps_all: bool = False,
) -> Iterator[Sweep]:
    """Give a sweep; every process has ended afterwards."""
    nursery = Nursery()
    try:
        with (
            httpx.Client(trust_env=False, timeout=30) as http,
            ThreadPoolExecutor(lanes) as pool,
        ):
            yield Sweep(folder, nursery, pool, http, schemas, keeps_all)
            pool.shutdown(cancel_futures=True)
    finally:
        nursery.close()


def full_product(sweep: Sweep) -> list[Report]:
    """Play every play once, then kill at every boundary that was come by."""
    on_postgres = sweep.schemas is not None
    undisturbed = [Target(play, None, on_postgres) for play in PLAYS.values()]
    sweep.begin(undisturbed)
    reports = []
    targets: list[Target] = []
    for target in undisturbed:
        report = sweep.report(target)
        reports.append(report)
        targets += [replace(target, point=point) for point in sorted(report.boundaries, key=str)]
    targets = list(dict.fromkeys(targets))
    sweep.begin(targets)
    for number, target in enumerate(targets, 1):
        reports.append(sweep.report(target))
        if number % 50 == 0:
            sys.stderr.write(f"{number} of {len(targets)} points\n")
    return reports


def table(reports: Sequence[Report]) -> str:
    """Write what came of it."""
    kills = [report for report in reports if report.target.point is not None]
    ends = Counter(_kind_of_end(report) for report in kills)
    harm = Counter(harm for report in reports for harm, _ in report.found)
    lines = [
        "# Crash sweep",
        "",
        "| what | number |",
        "|---|---|",
        f"| points swept | {len(kills)} |",
        f"| different boundaries | {len({r.target.point for r in kills})} |",
        *(f"| ended {end} | {number} |" for end, number in ends.most_common()),
        *(f"| {kind} | {harm[kind]} |" for kind in Harm),
        "",
    ]
    wrong = [report for report in reports if report.complaint]
    lines += [f"- {report.target}: {report.complaint}" for report in wrong]
    others = [r for r in kills if not r.complaint and not r.is_as_expected]
    lines += ["", "| killed at | in the play | ended | instead of |", "|---|---|---|---|"]
    lines += [
        f"| {r.target.point} | {r.target.play.name} | {r.end} | {r.target.play.ends} |"
        for r in others
    ]
    return "\n".join(lines) + "\n"


def _kind_of_end(report: Report) -> str:
    if report.complaint:
        return "badly"
    return "as without a kill" if report.is_as_expected else "held for a person instead"


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep what the arguments ask for; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--of", choices=["all", "ci"], default="all")
    parser.add_argument("--play", choices=sorted(PLAYS))
    parser.add_argument("--at", help='such as "before charge" or "after record #2"')
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, not on files")
    parser.add_argument("--lanes", type=int, default=LANES)
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="crash-sweep-"))
    with (
        running_cluster() if asked.postgres else nullcontext() as cluster,
        sweeping(
            folder,
            lanes=asked.lanes,
            schemas=Schemas(cluster) if cluster else None,
            keeps_all=bool(asked.play),
        ) as sweep,
    ):
        if asked.play:
            point = read_point(asked.at) if asked.at else None
            reports = [sweep.report(Target(PLAYS[asked.play], point, asked.postgres))]
        elif asked.of == "ci":
            targets = targets_on_postgres() if asked.postgres else targets_of_ci()
            sweep.begin(targets)
            reports = [sweep.report(target) for target in targets]
        else:
            reports = full_product(sweep)
    text = table(reports)
    sys.stdout.write(text)
    sys.stderr.write(f"the files of what went wrong, and of a single play: {folder}\n")
    if asked.report:
        asked.report.write_text(text)
    return 1 if any(report.complaint for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
