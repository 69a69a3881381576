"""A fault in the configuration: which key, what is wrong, the cure. Values are never repeated."""

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from external_gate.domain.errors import Broken

MASK = "********"
"""Stands for any secret; it tells neither length nor beginning."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend in the configuration; carries no value, since any value may be a secret."""

    key: str
    """The dotted key, or the environment name or file where no key is known."""
    wrong: str
    cure: str

    def __str__(self) -> str:
        """Write it on one line: `server.port: must be a whole number. Cure: …`."""
        return f"{self.key}: {self.wrong}. Cure: {self.cure}"


class SettingsFaulty(Broken):
    """The configuration cannot be used; `faults` holds everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def dotted(path: Iterable[str]) -> str:
    """Write a path of keys as TOML does, quoting what is not bare: `gateways."my shop".url`."""
    return ".".join(part if _BARE.fullmatch(part) else json.dumps(part) for part in path)


def did_you_mean(given: str, known: Iterable[str]) -> str | None:
    """Give the key that was most likely meant: its last part elsewhere, or close letters."""
    candidates = list(known)
    last = given.rpartition(".")[2]
    moved = [key for key in candidates if key.rpartition(".")[2] == last]
    close = difflib.get_close_matches(given, candidates, n=1)
    return next(iter(moved if len(moved) == 1 else close), None)


def faults_from(error: ValidationError, *, under: str = "") -> list[Fault]:
    """Turn every error of a pydantic model into a fault; `under` is the dotted key of the model.

    For adapters too: `faults_from(error, under="gateways.main")`. Values given are left out.
    """
    details = error.errors(include_input=False, include_url=False, include_context=False)
    faults = [
        Fault(
            key=".".join(part for part in (under, dotted(_path(detail["loc"]))) if part),
            wrong=_sentence(detail["msg"]),
            cure=_cure(detail["type"]),
        )
        for detail in details
    ]
    # Once each: a list may have the same fault in every one of its entries.
    return list(dict.fromkeys(faults))


def _path(location: tuple[int | str, ...]) -> list[str]:
    """Leave out pydantic's own marks: positions in a list, and that a key itself is at fault."""
    return [part for part in location if isinstance(part, str) and part != "[key]"]


def _sentence(message: str) -> str:
    own = message.removeprefix("Value error, ").replace("Input should be", "must be")
    return own.partition(", unable to")[0].rstrip(".")


def _cure(kind: str) -> str:
    match kind:
        case "missing":
            return "set it"
        case "extra_forbidden":
            return "remove it, or mend its spelling"
        case _:
            return "mend the value"
