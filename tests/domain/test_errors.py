"""The one tree of errors: what the catcher does next depends on nothing else."""

import ast
import builtins
import inspect
import re
from pathlib import Path

import pytest

import external_gate
from external_gate.domain import errors
from external_gate.domain.errors import (
    BadInput,
    Broken,
    GateError,
    LeaseLost,
    Refused,
    Unavailable,
)

BRANCHES = (BadInput, Refused, Unavailable, Broken)

OUTSIDE_OF_THE_TREE = {
    "Refusal",  # the emulator shares no code with us
    "_TransactionLost",  # private to the writer, never leaves it
    "Shortfall",  # what a check of the kit found; it never leaves the check
}


def ours() -> dict[str, list[str]]:
    """Every class that is written anywhere in the package, with its bases, by name."""
    found: dict[str, list[str]] = {}
    for file in Path(external_gate.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name] = [ast.unparse(base) for base in node.bases]
    return found


def ancestors(name: str, bases: dict[str, list[str]]) -> set[str]:
    return {name}.union(*(ancestors(base, bases) for base in bases.get(name, [])))


def is_builtin_exception(name: str) -> bool:
    found = getattr(builtins, name, None)
    return inspect.isclass(found) and issubclass(found, BaseException)


def test_every_error_of_ours_says_what_to_do_next() -> None:
    bases = ours()
    branches = {branch.__name__ for branch in BRANCHES}
    seen = 0
    for name in bases.keys() - OUTSIDE_OF_THE_TREE - {"GateError"}:
        above = ancestors(name, bases)
        if any(map(is_builtin_exception, above)):
            seen += 1
            assert len(above & branches) == 1, f"{name} lies on {above & branches or 'no branch'}"
    assert seen > len(branches)


@pytest.mark.parametrize("branch", BRANCHES)
def test_branches_do_not_overlap(branch: type[GateError]) -> None:
    assert branch.__bases__ == (GateError,)


def test_lost_lease_is_dropped_like_any_refusal() -> None:
    assert issubclass(LeaseLost, Refused)


def test_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"── (\w+)", errors.__doc__ or "")

    classes = [name for name, each in vars(errors).items() if inspect.isclass(each)]

    assert sorted([*drawn, "GateError"]) == sorted(classes)
