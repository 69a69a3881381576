"""How answers look on a terminal: nothing from outside can write to it as it likes."""

import json
import os
import shlex
from collections.abc import Iterator, Sequence

import click


def safe(text: str) -> str:
    """Give text that only prints: every other character is escaped, line ends too.

    What came from outside may hold sequences that move the cursor or hide what follows.
    """
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def pasteable(outside_id: str) -> str:
    """Give an id as it can be pasted into a shell; whatever it holds, it stays one word."""
    return shlex.quote(safe(outside_id))


def as_json(answer: object) -> str:
    """Give JSON in plain ASCII, so that it is as safe to print as anything else."""
    return json.dumps(answer, indent=2)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Give the lines of a table, the header first; cells are made safe."""
    every = [list(header), *([safe(cell) for cell in row] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*every, strict=True)]
    for row in every:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def painted(text: str, color: str) -> str:
    """Give coloured text, unless NO_COLOR is set; click leaves colours out of files and pipes."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=color)
