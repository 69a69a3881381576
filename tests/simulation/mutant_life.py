"""Lives seeds with the copy of the package that comes first on the path, and says what broke.

Every deliberate fault has a process of its own, which `mutations` starts.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import external_gate
from tests.simulation.campaign import class_of
from tests.simulation.refusing_guard import installed
from tests.simulation.universe import Outcome, run_seed


def live(seeds: Iterable[int], promises: frozenset[str]) -> dict[str, Any]:
    """Live seeds until one of these promises is broken; what goes wrong otherwise is counted."""
    lived = otherwise = 0
    with installed():
        for seed in seeds:
            lived += 1
            try:
                outcome = run_seed(seed, class_of(seed))
            except Exception:  # noqa: BLE001 - a crash of any kind is no broken promise
                otherwise += 1
                continue
            caught = _caught(outcome, promises)
            if caught:
                return {"lived": lived, "otherwise": otherwise, "seed": seed, **caught}
            otherwise += bool(outcome.broken)
    return {"lived": lived, "otherwise": otherwise}


def _caught(outcome: Outcome, promises: frozenset[str]) -> dict[str, str]:
    found = (broken for broken in outcome.broken if broken.promise in promises)
    return next(({"promise": one.promise, "sentence": str(one)} for one in found), {})


def _search(start: int, limit: int, classes: Sequence[str]) -> Iterator[int]:
    fitting = (seed for seed in count(start) if not classes or class_of(seed) in classes)
    return islice(fitting, limit)


def main(arguments: Sequence[str] | None = None) -> None:
    """Live what the arguments ask for, and write one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, required=True, help="where it must come from")
    parser.add_argument("--promises", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="*", type=int, default=[], help="lived first")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--limit", type=int, default=0, help="how many more, from the start on")
    parser.add_argument("--classes", nargs="*", default=[], help="of gateways; all without it")
    asked = parser.parse_args(arguments)
    found = Path(external_gate.__file__).parent
    if found != asked.package:
        sys.exit(f"the package comes from {found} instead of {asked.package}")
    seeds = chain(asked.seeds, _search(asked.start, asked.limit, asked.classes))
    sys.stdout.write(json.dumps(live(seeds, frozenset(asked.promises))))


if __name__ == "__main__":
    main()
