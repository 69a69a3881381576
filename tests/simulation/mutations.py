"""Shows that the simulation bites: deliberate faults of the engine are caught by broken promises.

`python -m tests.simulation.mutations` searches seeds for every fault and exits with 1 when one
survives; `--quick` lives recorded seeds first; `--record` writes down those that were found. When
worlds are drawn anew and recorded seeds catch nothing any more: `--quick --record --limit 5000`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tests.simulation.mutant import SOUND, Mutant, Rotten, known_mutants, plant, record

ROOT = Path(__file__).parents[2]

LIMIT = 3000
"""How many seeds are lived until a fault has survived."""

QUICK_LIMIT = 150
"""The same after the recorded seeds, which catch nothing any more once worlds are drawn anew."""

LIVES_AT_MOST_SECONDS = 1800.0


@dataclass(frozen=True)
class Trial:
    """What came of living seeds with a fault."""

    mutant: Mutant
    lived: int
    otherwise: int
    """In how many seeds something else went wrong, which catches nothing."""
    seed: int | None = None
    """Which one caught it; None when it survived."""
    promise: str = ""
    sentence: str = ""


def try_out(mutant: Mutant, *, seeds: Sequence[int] = (), start: int = 0, limit: int = 0) -> Trial:
    """Live seeds, then as many as `limit` from `start` on, until the fault is caught.

    Raises `Rotten` when the fault does not fit the code.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name).resolve()
        told = {
            "package": [plant(mutant, folder)],
            "promises": mutant.promises,
            "seeds": seeds,
            "start": [start],
            "limit": [limit],
            "classes": mutant.classes,
        }
        options = [str(word) for key, words in told.items() for word in (f"--{key}", *words)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation.mutant_life", *options],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            timeout=LIVES_AT_MOST_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        raise Rotten(f"{mutant.name}: its process failed\n{done.stderr}")
    return Trial(mutant, **json.loads(done.stdout))


def search(*, start: int = 0, limit: int = LIMIT, processes: int) -> list[Trial]:
    """Search seeds for every fault; one that escapes must not escape its recorded seeds."""

    def how(mutant: Mutant) -> Trial:
        found = try_out(mutant, start=start, limit=limit)
        if found.seed is not None or not mutant.seeds:
            return found
        again = try_out(mutant, seeds=mutant.seeds)
        return replace(again, lived=found.lived + again.lived)

    return _try_all(how, processes)


def repeat(*, limit: int = QUICK_LIMIT, processes: int) -> list[Trial]:
    """Live every fault's recorded seeds, and some more where these are out of date."""
    return _try_all(lambda mutant: try_out(mutant, seeds=mutant.seeds, limit=limit), processes)


def _try_all(how: Callable[[Mutant], Trial], processes: int) -> list[Trial]:
    with ThreadPoolExecutor(processes) as pool:
        return list(pool.map(how, known_mutants()))


def try_sound(trials: Sequence[Trial]) -> Trial:
    """Live with the sound package every seed that has caught a fault: it must break nothing."""
    return try_out(SOUND, seeds=sorted({one.seed for one in trials if one.seed is not None}))


def table(trials: Sequence[Trial], sound: Trial) -> list[str]:
    """Write what came of it, for a report."""
    caught = sum(trial.seed is not None for trial in trials)
    verdict = "broke nothing" if _is_sound(sound) else f"broke: {sound.sentence or 'it crashed'}"
    return [
        f"## Deliberate faults caught: {caught} of {len(trials)}",
        "",
        f"The sound package, in the same {sound.lived} worlds, {verdict}.",
        "",
        "| fault | broken promise | seed | lived |",
        "|---|---|---|---|",
        *(_row(trial) for trial in trials),
        "",
    ]


def _row(trial: Trial) -> str:
    broken = trial.sentence or f"**it survives** ({trial.otherwise} worlds went wrong otherwise)"
    seed = "-" if trial.seed is None else trial.seed
    return f"| {trial.mutant.fault} | {broken} | {seed} | {trial.lived} |"


def _is_sound(trial: Trial) -> bool:
    return trial.seed is None and trial.otherwise == 0


def all_caught(trials: Sequence[Trial], sound: Trial) -> bool:
    """Tell whether every fault was caught, and the sound package broke nothing."""
    return _is_sound(sound) and all(trial.seed is not None for trial in trials)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try every fault and print the table; 1 when one survives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="live the recorded seeds first")
    parser.add_argument("--record", action="store_true", help="write down the seeds found")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--limit", type=int, help=f"{LIMIT}, or {QUICK_LIMIT} with --quick")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    if asked.quick:
        limit = QUICK_LIMIT if asked.limit is None else asked.limit
        trials = repeat(limit=limit, processes=asked.processes)
    else:
        limit = LIMIT if asked.limit is None else asked.limit
        trials = search(start=asked.start, limit=limit, processes=asked.processes)
    sound = try_sound(trials)
    for trial in trials:
        if asked.record and trial.seed is not None:
            record(trial.mutant, trial.seed)
    sys.stdout.write("\n".join(table(trials, sound)))
    return 0 if all_caught(trials, sound) else 1


if __name__ == "__main__":
    sys.exit(main())
