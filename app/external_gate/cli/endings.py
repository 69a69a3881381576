"""How a command ends: the pinned exit codes, and which error of ours leads to which."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from external_gate.domain.errors import GateError, Refused, Unavailable
from external_gate.settings import Fault, SettingsFaulty

THE_ANSWER_IS_NO = 1
"""A rule said no, or what was asked for does not exist."""

WRONG_USE = 2
"""Wrong use or configuration."""

UNREACHABLE = 3
"""Something outside is down, full or busy: try again later."""


@contextmanager
def endings(*, when_refused: str = "") -> Iterator[None]:
    """Turn our errors into a sentence on standard error and the pinned exit code.

    `when_refused` is one more line after a rule said no: the command to go on with.
    """
    try:
        yield
    except SettingsFaulty as faulty:
        tell_faults(faulty.faults)
        sys.exit(WRONG_USE)
    except Refused as error:
        leave(f"{error}\n{when_refused}" if when_refused else str(error), exit_code_of(error))
    except GateError as error:
        leave(str(error), exit_code_of(error))


def exit_code_of(error: GateError) -> int:
    """Give the exit code of an error that ends a command."""
    match error:
        case Refused():
            return THE_ANSWER_IS_NO
        case Unavailable():
            return UNREACHABLE
        case _:
            return WRONG_USE


def leave(sentence: str, exit_code: int) -> NoReturn:
    """End the command with a sentence on standard error."""
    click.echo(sentence, err=True)
    sys.exit(exit_code)


def tell_faults(faults: Iterable[Fault]) -> None:
    """Write every fault of the configuration to standard error."""
    listed = list(faults)
    count = f"{len(listed)} fault{'' if len(listed) == 1 else 's'}"
    click.echo(f"The configuration has {count}:", err=True)
    for fault in listed:
        click.echo(f"  {fault}", err=True)
