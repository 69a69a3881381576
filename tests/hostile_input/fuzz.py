"""Looks for hostile inputs with coverage as a guide; atheris comes by `make fuzz`, on Linux.

`python -m tests.hostile_input.fuzz envelope --seconds 60`, `--all`, or `envelope --replay FILE`.
What is learnt is kept in `build/fuzz` for the next run. An input that breaks a contract is kept
there too; once mended it goes to `tests/hostile_input/found/TARGET` and is replayed by every test.
"""

import argparse
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

KEPT = Path("build/fuzz")

INSTRUMENTED = ["external_gate", "tomllib", "email._parseaddr", "csv", "json"]
"""What coverage is measured in: our package, and parsers of Python that it hands bytes to."""

LONGEST_SECONDS = 60
"""Of one input, by the clock: only what would never end takes so long."""

MOST_MEGABYTES = 2048

PROGRESS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)")
WRITTEN = re.compile(r"Test unit written to (\S+)")

CURE = "atheris is missing; `make fuzz` installs it from requirements-fuzz.lock (Linux only)"


@dataclass
class Run:
    """What came of one target."""

    name: str
    executions: int = 0
    covered: int = 0
    features: int = 0
    corpus: int = 0
    broken_by: str | None = None
    """The file with the input that broke the contract."""
    ended_badly: bool = False

    def __str__(self) -> str:
        """Write it as one line of the report."""
        verdict = "BROKEN" if self.broken_by or self.ended_badly else "ok"
        return (
            f"{self.name:22} {self.executions:>9,} executions  {self.covered:>5} edges"
            f"  {self.features:>6} features  {self.corpus:>5} inputs kept  {verdict}"
        )


def fuzz_inside(name: str, seconds: int) -> None:
    """Run one target in this process; libFuzzer ends the process itself."""
    atheris: Any = importlib.import_module("atheris")  # no types, and not installed everywhere
    with atheris.instrument_imports(include=INSTRUMENTED):
        targets = importlib.import_module("tests.hostile_input.all_targets").TARGETS
    warping = importlib.import_module("tests.hostile_input.warping")
    target = targets[name]

    def mutate(data: bytes, most_bytes: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311 # nothing secret hangs on it
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, most_bytes))
        return bytes(warping.warped(data, random)[:most_bytes])

    corpus = _corpus(name, target.seeds, warping.BYTES)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={target.longest}",
        f"-timeout={LONGEST_SECONDS}",
        f"-rss_limit_mb={MOST_MEGABYTES}",
        f"-artifact_prefix={KEPT / name}/",
        f"-dict={KEPT / name / 'words'}",
        "-print_final_stats=1",
    ]
    with target.stage() as judge:
        atheris.Setup([sys.argv[0], *options, str(corpus)], judge, custom_mutator=mutate)
        atheris.Fuzz()


def _corpus(name: str, seeds: Sequence[bytes], words: Sequence[bytes]) -> Path:
    """Write the inputs to begin with beside those that earlier runs have kept."""
    folder = KEPT / name / "corpus"
    folder.mkdir(parents=True, exist_ok=True)
    found = Path(__file__).with_name("found") / name
    for number, seed in enumerate([*seeds, *(file.read_bytes() for file in found.glob("*"))]):
        (folder / f"seed-{number}").write_bytes(seed)
    escaped = ["".join(f"\\x{byte:02x}" for byte in word) for word in words if len(word) < 60]
    (KEPT / name / "words").write_text("".join(f'"{word}"\n' for word in escaped))
    return folder


def fuzz(name: str, seconds: int) -> Run:
    """Run one target in a process of its own and read what it reports."""
    run = Run(name)
    program = [sys.executable, "-m", "tests.hostile_input.fuzz", name]
    program += ["--seconds", str(seconds), "--inside"]
    told: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "TMPDIR": folder}  # what a stage leaves goes with it
        process = subprocess.Popen(
            program, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace",
        )  # fmt: skip
        for line in process.stdout or ():
            _read_line(run, line)
            told += [] if line.startswith(("#", "0x")) else [line[:500]]
        run.ended_badly = process.wait() != 0
    if run.ended_badly:
        sys.stdout.write("".join(told[-40:]))
    return run


def _read_line(run: Run, line: str) -> None:
    if found := PROGRESS.match(line):
        run.executions, run.covered, run.features, run.corpus = map(int, found.groups())
    elif found := WRITTEN.search(line):
        run.broken_by = found[1]


def replay(name: str, file: Path) -> None:
    """Run one input; what it breaks comes out as the error that it is."""
    targets = importlib.import_module("tests.hostile_input.all_targets").TARGETS
    with targets[name].stage() as judge:
        judge(file.read_bytes())
    sys.stdout.write(f"{name} keeps its contract with {file}\n")


def report(runs: Sequence[Run]) -> int:
    """Print what came of every target; 1 when a contract was broken."""
    for run in runs:
        if run.broken_by:
            command = f"python -m tests.hostile_input.fuzz {run.name} --replay {run.broken_by}"
            sys.stdout.write(
                f"{run.name} is broken by {run.broken_by}; once more with: {command}\n"
            )
    broken = [run for run in runs if run.broken_by or run.ended_badly]
    executions = sum(run.executions for run in runs)
    sys.stdout.write(f"{len(runs)} targets, {executions:,} executions, {len(broken)} broken\n")
    return 1 if broken else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?")
    parser.add_argument("--all", action="store_true", help="every target, one after the other")
    parser.add_argument("--seconds", type=int, default=60, help="how long each target is run")
    parser.add_argument("--minutes", type=float, help="how long all of them together are run")
    parser.add_argument("--replay", type=Path, help="run this one input, without atheris")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.inside:
        fuzz_inside(asked.target, asked.seconds)
        return 0
    targets = importlib.import_module("tests.hostile_input.all_targets").TARGETS
    if not asked.all and asked.target not in targets:
        parser.error(f"name one of {', '.join(targets)}, or --all")
    if asked.replay is not None:
        replay(asked.target, asked.replay)
        return 0
    if importlib.util.find_spec("atheris") is None:
        parser.error(CURE)
    names = list(targets) if asked.all else [asked.target]
    seconds = max(1, int(asked.minutes * 60 / len(names))) if asked.minutes else asked.seconds
    runs = []
    for name in names:
        runs.append(fuzz(name, seconds))
        sys.stdout.write(f"{runs[-1]}\n")
        sys.stdout.flush()
    return report(runs)


if __name__ == "__main__":
    sys.exit(main())
