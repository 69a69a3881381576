"""A group of commands known by a table; the module of a command is imported when it is used."""

import gc
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is, and what the list of commands says about it."""

    target: str
    """`module:attribute`."""
    help: str


class LazyGroup(click.Group):
    """A group that knows its commands by table and imports the one that is used."""

    def __init__(self, *, places: Mapping[str, Place], **attributes: Any) -> None:  # click's own
        super().__init__(**attributes)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the names in the order of the table."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None when there is none of that name."""
        place = self.places.get(cmd_name)
        if place is None:
            return None
        command: click.Command = imported(place.target)
        _end_rest()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in self.places.items()])


def imported(target: str) -> Any:  # whatever the table names
    """Import what `module:attribute` names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _end_rest() -> None:
    """Let the garbage collector go on that rested meanwhile, and pass over what was loaded."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
