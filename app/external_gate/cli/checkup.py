"""What `doctor` says about one thing, and how its findings together end the command. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from external_gate.cli.endings import THE_ANSWER_IS_NO, UNREACHABLE, WRONG_USE, exit_code_of
from external_gate.domain.errors import GateError
from external_gate.engine.workflow_view import View
from external_gate.settings import Fault


class Level(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"  # it works; a person should know
    FAIL = "fail"  # the service would not do its work


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    level: Level
    sentence: str
    cure: str = ""
    """What to do about it; empty when nothing is to be done."""
    exit_code: int = THE_ANSWER_IS_NO
    """How the command ends when this check failed and nothing worse did."""


def fine(name: str, sentence: str) -> Check:
    """Give a check that found nothing wrong."""
    return Check(name, Level.OK, sentence)


def warning(name: str, sentence: str, *, cure: str) -> Check:
    """Give a check that a person should know of."""
    return Check(name, Level.WARN, sentence, cure)


def failure(name: str, sentence: str, *, cure: str, exit_code: int = THE_ANSWER_IS_NO) -> Check:
    """Give a check that failed."""
    return Check(name, Level.FAIL, sentence, cure, exit_code)


def failed_by(name: str, error: GateError) -> Check:
    """Give the check that an error of ours failed; its sentence has the cure already."""
    return Check(name, Level.FAIL, str(error), exit_code=exit_code_of(error))


def failed_by_fault(name: str, fault: Fault) -> Check:
    """Give the check that a fault of the configuration failed."""
    sentence = f"{fault.key}: {fault.wrong}"
    return Check(name, Level.FAIL, sentence, fault.cure, WRONG_USE)


def exit_code(checks: Iterable[Check]) -> int:
    """Give 0 without a failure, else 2 for configuration, 1 for trouble here, 3 for outside.

    In this order: what is wrong here hides what is wrong there.
    """
    failed = {check.exit_code for check in checks if check.level is Level.FAIL}
    for code in (WRONG_USE, THE_ANSWER_IS_NO, UNREACHABLE):
        if code in failed:
            return code
    return 0


def check_view(check: Check) -> View:
    """Give a check for programs."""
    return {
        "name": check.name,
        "level": check.level.value,
        "sentence": check.sentence,
        "cure": check.cure,
    }
