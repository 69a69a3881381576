"""`external-gate payers sources`: where payers can come from, ours and plugins."""

import os
import sys
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from external_gate.assembly import SystemClock
from external_gate.cli.config import config_option
from external_gate.cli.plugin_listing import end_listing, is_configured, print_plugin
from external_gate.cli.showing import as_json, safe
from external_gate.domain.charge import Payer
from external_gate.domain.errors import GateError
from external_gate.domain.identifiers import CustomerId
from external_gate.outbound.calls import Call, CallEnd, NeverSent
from external_gate.payers.payer_source import PayerSurroundings
from external_gate.payers.source_registry import (
    build_payer_source,
    installed_sources,
)
from external_gate.settings import Fault, SettingsFaulty, load
from external_gate.settings.installed_plugins import InstalledPlugin
from external_gate.settings.model import PayersSettings


@dataclass(frozen=True, slots=True)
class _Used:
    """What the configuration says about payers."""

    source: str | None = None
    fault: str | None = None
    """Why the configured source cannot be used."""
    unreadable: tuple[Fault, ...] = ()


@click.command("sources")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object for programs.")
@config_option
def sources(*, json_wanted: bool, config_path: Path | None) -> None:
    """List where payers can come from: what payers.source may name. Asks nobody.

    A plugin is any installed distribution with an entry point in the group external_gate.payers.
    One that is broken is listed with its fault and the cure. Ends with 0, with 1 when the
    configured source cannot be used, with 2 when the configuration cannot be read.

    \b
    Example:
      external-gate payers sources
      external-gate payers sources --json
    """
    with redirect_stdout(sys.stderr):  # a plugin may print while it is imported
        found, used = installed_sources(), _used(config_path)
    if json_wanted:
        click.echo(as_json(_view(found, used)))
    else:
        _print(found, used)
    end_listing(used.unreadable, is_one_unusable=bool(used.fault))


def _used(config_path: Path | None) -> _Used:
    if not is_configured(config_path, section="payers"):
        return _Used()
    try:
        settings = load(config_path, os.environ).settings.payers
    except SettingsFaulty as faulty:
        return _Used(unreadable=faulty.faults)
    return _Used(settings.source, _fault(settings))


def _fault(settings: PayersSettings) -> str | None:
    surroundings = PayerSurroundings(_Silence(), SystemClock(), _nobody)
    try:
        build_payer_source(settings, surroundings)
    except GateError as error:
        return str(error)
    return None


def _view(found: list[InstalledPlugin], used: _Used) -> dict[str, object]:
    return {
        "sources": [
            {**asdict(one), "loads": one.fault is None, "used": one.name == used.source}
            for one in found
        ],
        "configured": None if used.source is None else {"source": used.source, "fault": used.fault},
    }


def _print(found: list[InstalledPlugin], used: _Used) -> None:
    for one in found:
        print_plugin(one, used="used" if one.name == used.source else "")
    if used.fault is not None:
        click.echo(safe(f"the configured source cannot be used: {used.fault}"), err=True)


async def _nobody(_customer_id: CustomerId) -> Payer | None:
    return None


class _Silence:
    """A caller that lets nothing out: a source asks nobody while it is made."""

    async def call(self, _call: Call) -> CallEnd:
        return NeverSent("nobody is asked while sources are listed")
