"""Every check of the kit, read from `checks.toml`: its stable id, its demand, and the cure."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

AREAS = (
    "charging",
    "honesty",
    "keys",
    "lookup",
    "undoing",
    "amounts",
    "notifications",
    "secrets",
    "manners",
    "whole life",
)
"""In the order of the report."""

WHOLE_LIFE = "whole life"


@dataclass(frozen=True, slots=True)
class Check:
    """One demand on an adapter."""

    id: str
    """Stable: reports of different versions are compared by it."""
    area: str
    demand: str
    """What a good adapter does."""
    cure: str
    explained_by: frozenset[str] = frozenset()
    """Checks whose failure brings this one along: then it is told as their consequence."""


def _read() -> tuple[Check, ...]:
    text = files(__package__).joinpath("checks.toml").read_text("utf-8")
    return tuple(
        Check(
            id=said["id"],
            area=said["area"],
            demand=said["demand"],
            cure=said["cure"],
            explained_by=frozenset(said.get("explained_by", ())),
        )
        for said in tomllib.loads(text)["check"]
    )


ALL = _read()
"""In the order of the report."""

BY_ID = {check.id: check for check in ALL}


def explanations(check: Check) -> frozenset[str]:
    """Give the checks whose failure explains that of `check`."""
    if check.area == WHOLE_LIFE:
        # The last net: whatever failed before explains what it led to.
        before = frozenset(other.id for other in ALL if other.area != WHOLE_LIFE)
        return before | check.explained_by
    return check.explained_by
