"""What the listings of plugins have in common: is there a configuration, the lines, the end."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from external_gate.cli.endings import THE_ANSWER_IS_NO, WRONG_USE, tell_faults
from external_gate.cli.showing import painted, safe
from external_gate.settings import Fault
from external_gate.settings.installed_plugins import InstalledPlugin
from external_gate.settings.keys import ENVIRONMENT_PREFIX
from external_gate.settings.loading import USUAL_FILE
from external_gate.settings.sources import CONFIG_NAME


def is_configured(config_path: Path | None, *, section: str) -> bool:
    """Tell whether somebody configures anything, as opposed to: has only just installed us.

    A file is enough, or a name in the environment for a key of `section`.
    """
    named = config_path is not None or CONFIG_NAME in os.environ or USUAL_FILE.exists()
    prefix = f"{ENVIRONMENT_PREFIX}{section}__".upper()
    return named or any(name.upper().startswith(prefix) for name in os.environ)


def headline(one: InstalledPlugin, *, used: str) -> str:
    """Give the line of one plugin: name, origin, whether it loads, and what uses it."""
    whose = f"{one.distribution} {one.version}" if one.distribution else "unknown distribution"
    state = painted("ok", "green") if one.fault is None else painted("broken", "red")
    return f"{safe(one.name)}  {safe(whose)}  {state}" + (f"  {safe(used)}" if used else "")


def print_plugin(one: InstalledPlugin, *, used: str) -> None:
    """Write the line of one plugin, and below it what is wrong with it."""
    click.echo(headline(one, used=used))
    if one.fault is not None:
        click.echo(safe(f"  fault: {one.fault}"))
        click.echo(safe(f"  cure: {one.cure}"))


def end_listing(unreadable: Sequence[Fault], *, is_one_unusable: bool) -> None:
    """End with 2 when the configuration cannot be read, with 1 when what it names is unusable."""
    if unreadable:
        tell_faults(unreadable)
        sys.exit(WRONG_USE)
    if is_one_unusable:
        sys.exit(THE_ANSWER_IS_NO)
