"""Every cell of every table, run on all cores; the result is the same in whatever order."""

import asyncio
import multiprocessing
import os
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.states.drive import Laboratory, Result
from tests.states.groups import GROUPS

Table = list[list[Result]]
"""Results by row and column of a group."""

MEMORY = Path("/dev/shm")  # noqa: S108 - a place, not a predictable name: a directory is made in it
"""Thousands of commits to disk take a minute; where there is memory to write to, seconds."""

MOST_PROCESSES = 4


def measure() -> list[Table]:
    """Run everything; gives a table for every group, in their order."""
    place = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place, prefix="states-") as name:
        directory = Path(name)
        asyncio.run(Laboratory(directory).prepare())
        places = [(g, row) for g, group in enumerate(GROUPS) for row in range(len(group.rows))]
        found = dict(zip(places, _everywhere(directory, places), strict=True))
    return [
        [found[number, row] for row in range(len(group.rows))]
        for number, group in enumerate(GROUPS)
    ]


def _everywhere(directory: Path, places: list[tuple[int, int]]) -> Iterable[list[Result]]:
    processes = min(os.cpu_count() or 1, MOST_PROCESSES)
    # Spawned, because a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        return list(pool.map(partial(measure_row, directory), places))


def measure_row(directory: Path, place: tuple[int, int]) -> list[Result]:
    """Run one row of one group, all its columns at once."""
    return asyncio.run(_measure_row(directory, *place))


async def _measure_row(directory: Path, number: int, row: int) -> list[Result]:
    group, laboratory = GROUPS[number], Laboratory(directory)
    _, event = group.rows[row]
    return await asyncio.gather(*(laboratory.run(column, event) for column in group.columns))
