"""`external-gate config`: is the configuration sound, and where does each value come from?

Also what every other command needs: the `--config` option, and loading or leaving with code 2.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from external_gate.cli.endings import WRONG_USE, endings
from external_gate.settings import CheckGateway, Fault, Loaded, SettingsFaulty, load
from external_gate.settings.report import rows, without_credentials

CHECK_GATEWAY = "external_gate.check_gateway"
"""Where the outermost command may leave, in `context.meta`, the check of gateways' own keys."""

# Click's decorators give back what they decorate.
_Command = TypeVar("_Command", bound=Callable[..., Any])


def config_option(command: _Command) -> _Command:
    """Add `--config`; the command is called with `config_path: Path | None`."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path),
        help="TOML file; else EXTERNAL_GATE_CONFIG, else ./config/external-gate.toml if there.",
    )(command)


def load_or_exit(path: Path | None, *, check_gateway: CheckGateway | None = None) -> Loaded:
    """Load the settings; with faults, write them to standard error and leave with code 2."""
    with endings():
        return load(path, os.environ, check_gateway=check_gateway or _check_from_context())


def _check_from_context() -> CheckGateway | None:
    context = click.get_current_context(silent=True)
    check: CheckGateway | None = context.meta.get(CHECK_GATEWAY) if context else None
    return check


@click.group("config")
def config() -> None:
    """Check the configuration, or show it without its secrets.

    \b
    Example:
      external-gate config check --config config/external-gate.toml
    """


@config.command("check")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def check(config_path: Path | None, as_json: bool) -> None:
    """Say ok, or name every fault with its cure and leave with code 2.

    \b
    Example:
      external-gate config check --json
    """
    if as_json:
        _check_as_json(config_path)
        return
    loaded = load_or_exit(config_path)
    click.echo("ok")
    for name, text in _summary(loaded).items():
        listed = ", ".join(text) if isinstance(text, list) else text
        click.echo(f"  {name.replace('_', ' ')}: {listed or 'none'}")


def _check_as_json(config_path: Path | None) -> None:
    try:
        loaded = load(config_path, os.environ, check_gateway=_check_from_context())
    except SettingsFaulty as faulty:
        _leave_with(faulty.faults)
    click.echo(_json({"ok": True, **_summary(loaded)}))


def _leave_with(faults: Iterable[Fault]) -> NoReturn:
    click.echo(_json({"ok": False, "faults": [asdict(fault) for fault in faults]}))
    sys.exit(WRONG_USE)


def _summary(loaded: Loaded) -> dict[str, str | list[str]]:
    settings = loaded.settings
    gateways = [f"{name} ({gateway.adapter})" for name, gateway in settings.gateways.items()]
    return {
        "file": str(loaded.file) if loaded.file else "",
        "store": without_credentials(settings.store.url),
        "metronome": settings.metronome.base_url,
        "payers": settings.payers.source,
        "gateways": gateways,
        "ignored_names": list(loaded.ignored_names),
    }


@config.command("show")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def show(config_path: Path | None, as_json: bool) -> None:
    """Show every key with its value and where the value came from; secrets are masked.

    \b
    Example:
      external-gate config show | grep EXTERNAL_GATE_
    """
    shown = rows(load_or_exit(config_path))
    if as_json:
        click.echo(_json([asdict(row) for row in shown]))
        return
    for row in shown:
        value = json.dumps(row.value, ensure_ascii=False)
        click.echo(f"{row.key} = {value}  # {row.source}")


def _json(answer: object) -> str:
    return json.dumps(answer, indent=2, ensure_ascii=False)
