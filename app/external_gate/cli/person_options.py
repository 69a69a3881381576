"""Who acts on the command line, and why: both are kept for ever (P8)."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from external_gate.cli.endings import endings
from external_gate.engine.operations import Person

# Click's decorators give back what they decorate.
_Command = TypeVar("_Command", bound=Callable[..., Any])


def person_options(command: _Command) -> _Command:
    """Add `--as` and `--reason`; the command is called with `who` and `reason`, both `str`."""
    command = click.option("--reason", required=True, help="Why; kept for ever.")(command)
    return click.option(
        "--as",
        "who",
        envvar="USER",
        show_envvar=True,
        required=True,
        help="Who you are; kept for ever.",
    )(command)


def person(who: str, reason: str) -> Person:
    """Give who acts; leaves with code 2 when a name or a reason is blank."""
    with endings():
        return Person(who, reason)
