"""A deliberate fault as data, and a copy of the package that has it."""

import importlib.util
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

MUTANTS = Path(__file__).parent / "mutants"
"""One file for each fault; where one replacement alone does no harm, a comment says why."""

PROMISES = ("P1", "P2", "P3", "P4", "P5", "P6")
"""Only these catch a fault: a crash or a program that runs in circles is no broken promise."""


class Rotten(Exception):
    """A fault no longer fits the code that it is meant for: mend its file."""


@dataclass(frozen=True)
class Replacement:
    """One place of the code, and what stands there instead."""

    file: str
    """Under the package."""
    before: str
    """Must stand in the file exactly once."""
    after: str


@dataclass(frozen=True)
class Mutant:
    """One deliberate fault."""

    name: str
    fault: str
    """In the words of somebody who would make it."""
    promises: tuple[str, ...]
    """Which of them its harm may break first."""
    seeds: tuple[int, ...]
    """Recorded ones, that catch it as long as every world is drawn as before."""
    classes: tuple[str, ...]
    """Of gateways where it can do harm; empty for all."""
    replacements: tuple[Replacement, ...]


SOUND = Mutant("sound", "none", (*PROMISES, "P7", "P8", "bug", "hot"), (), (), ())
"""The package as it is: it must break nothing where a fault was caught."""


def known_mutants() -> list[Mutant]:
    """Read every fault, in the order of their names. Raises `Rotten` for one that says nonsense."""
    return [_read(path) for path in sorted(MUTANTS.glob("*.toml"))]


def _read(path: Path) -> Mutant:
    told = tomllib.loads(path.read_text())
    if not told["promises"] or set(told["promises"]) - set(PROMISES) or not told["replacements"]:
        raise Rotten(f"{path.name} names no promise that it breaks, or nothing that it replaces")
    return Mutant(
        path.stem,
        told["fault"],
        tuple(told["promises"]),
        tuple(told["seeds"]),
        tuple(told.get("classes", ())),
        tuple(_replacement(one) for one in told["replacements"]),
    )


def _replacement(told: dict[str, str]) -> Replacement:
    return Replacement(told["file"], told["before"].rstrip("\n"), told["after"].rstrip("\n"))


def record(mutant: Mutant, seed: int) -> None:
    """Write down the seed that has caught a fault."""
    path = MUTANTS / f"{mutant.name}.toml"
    text = re.sub(r"(?m)^seeds = .*$", f"seeds = [{seed}]", path.read_text(), count=1)
    path.write_text(text)


def plant(mutant: Mutant, folder: Path) -> Path:
    """Put a copy of the package with its fault into a folder, and give where the copy is.

    Raises `Rotten` when what is to be replaced does not stand exactly once in its file.
    """
    copy = folder / "external_gate"
    shutil.copytree(_package(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    for one in mutant.replacements:
        file = copy / one.file
        text = file.read_text()
        if (times := text.count(one.before)) != 1:
            raise Rotten(f"{mutant.name}: found {times} times in {one.file}:\n{one.before}")
        file.write_text(text.replace(one.before, one.after))
    return copy


def _package() -> Path:
    spec = importlib.util.find_spec("external_gate")
    if spec is None or spec.origin is None:
        raise Rotten("external_gate is not installed")
    return Path(spec.origin).parent
