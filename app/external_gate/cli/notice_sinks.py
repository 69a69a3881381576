"""`external-gate notices sinks`: how notices can travel, ours and plugins."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from external_gate.assembly import SystemClock, resolve
from external_gate.cli.config import config_option
from external_gate.cli.plugin_listing import end_listing, is_configured, print_plugin
from external_gate.cli.showing import as_json, safe
from external_gate.domain.errors import GateError
from external_gate.notices.notice_sink import SinkSurroundings
from external_gate.notices.sink_registry import build_sink, installed_sinks
from external_gate.outbound.calls import Call, CallEnd, NeverSent
from external_gate.settings import Fault, SettingsFaulty, load
from external_gate.settings.installed_plugins import InstalledPlugin
from external_gate.settings.model import NoticeEndpoint


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """One endpoint of the configuration."""

    name: str
    sink: str
    fault: str | None
    """Why it cannot be used."""


@dataclass(frozen=True, slots=True)
class _Used:
    """What the configuration says about notices."""

    endpoints: Sequence[_Endpoint] = ()
    unreadable: Sequence[Fault] = field(default=())

    def by(self, sink: str) -> list[str]:
        """Name the endpoints of a sink."""
        return [one.name for one in self.endpoints if one.sink == sink]


@click.command("sinks")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object for programs.")
@config_option
def sinks(*, json_wanted: bool, config_path: Path | None) -> None:
    """List how notices can travel: what notices.NAME.sink may name. Sends nothing.

    A plugin is any installed distribution with an entry point in the group
    external_gate.notice_sinks. One that is broken is listed with its fault and the cure. Ends with
    0, with 1 when a configured endpoint cannot be used, with 2 when the configuration cannot be
    read.

    \b
    Example:
      external-gate notices sinks
      external-gate notices sinks --json
    """
    with redirect_stdout(sys.stderr):  # a plugin may print while it is imported
        found, used = installed_sinks(), _used(config_path)
    if json_wanted:
        click.echo(as_json(_view(found, used)))
    else:
        _print(found, used)
    is_one_unusable = any(one.fault for one in used.endpoints)
    end_listing(used.unreadable, is_one_unusable=is_one_unusable)


def _used(config_path: Path | None) -> _Used:
    if not is_configured(config_path, section="notices"):
        return _Used()
    try:
        endpoints = load(config_path, os.environ).settings.notices.every_endpoint()
    except SettingsFaulty as faulty:
        return _Used(unreadable=faulty.faults)
    return _Used(tuple(_judged(endpoints)))


def _judged(endpoints: Mapping[str, NoticeEndpoint]) -> list[_Endpoint]:
    return [_Endpoint(name, one.sink, _fault(name, one)) for name, one in endpoints.items()]


def _fault(name: str, endpoint: NoticeEndpoint) -> str | None:
    try:
        build_sink(endpoint, SinkSurroundings(name, _Silence(), SystemClock(), resolve))
    except GateError as error:
        return str(error)
    return None


def _view(found: Sequence[InstalledPlugin], used: _Used) -> dict[str, object]:
    return {
        "sinks": [
            {**asdict(one), "loads": one.fault is None, "used_by": used.by(one.name)}
            for one in found
        ],
        "endpoints": [asdict(one) for one in used.endpoints],
    }


def _print(found: Sequence[InstalledPlugin], used: _Used) -> None:
    for one in found:
        names = used.by(one.name)
        print_plugin(one, used=f"used by {', '.join(names)}" if names else "")
    for endpoint in used.endpoints:
        if endpoint.fault is not None:
            click.echo(safe(f"notices.{endpoint.name} cannot be used: {endpoint.fault}"), err=True)


class _Silence:
    """A caller that lets nothing out: a sink sends nothing while it is made."""

    async def call(self, _call: Call) -> CallEnd:
        return NeverSent("nothing is sent while sinks are listed")
