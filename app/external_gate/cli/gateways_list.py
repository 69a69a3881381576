"""`external-gate gateways list`: installed adapters, who uses them, and what they promise."""

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import click

from external_gate.cli.capability_text import capabilities_line, capabilities_view
from external_gate.cli.config import config_option
from external_gate.cli.gateway_inventory import (
    ConfiguredGateway,
    Inventory,
    ListedAdapter,
    take_inventory,
)
from external_gate.cli.plugin_listing import end_listing, headline
from external_gate.cli.showing import as_json, painted, safe
from external_gate.settings import Fault


@click.command("list")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object for programs.")
@config_option
def list_gateways(*, json_wanted: bool, config_path: Path | None) -> None:
    """List the installed adapters, ours and plugins, with what they promise. Calls nobody.

    A plugin is any installed distribution with an entry point in the group
    external_gate.gateways. One that is broken is listed with its fault and the cure. With a
    configuration, every gateway stands under its adapter. Ends with 0, with 1 when a configured
    gateway cannot be used, with 2 when the configuration cannot be read.

    \b
    Example:
      external-gate gateways list
      external-gate gateways list --json | jq '.adapters[] | select(.fault)'
    """
    with redirect_stdout(sys.stderr):  # a plugin may print while it is imported
        found = take_inventory(config_path)
    if json_wanted:
        click.echo(as_json(_view(found)))
    else:
        for line in _lines(found):
            click.echo(line)
    is_one_unusable = any(gateway.faults for gateway in found.gateways)
    end_listing(found.unreadable, is_one_unusable=is_one_unusable)


def _view(found: Inventory) -> dict[str, object]:
    return {
        "adapters": [_adapter_view(one) for one in found.adapters],
        "gateways": [_gateway_view(one) for one in found.gateways],
    }


def _adapter_view(listed: ListedAdapter) -> dict[str, object]:
    known = listed.capabilities
    return {
        "name": listed.installed.name,
        "distribution": listed.installed.distribution,
        "version": listed.installed.version,
        "target": listed.installed.target,
        "loads": listed.installed.fault is None,
        "fault": listed.installed.fault,
        "cure": listed.installed.cure,
        "used_by": [gateway.name for gateway in listed.gateways],
        "capabilities": capabilities_view(known) if known else None,
        "capabilities_with": listed.known_from,
        "settings": [
            {
                "key": key.key,
                "required": key.is_required,
                "default": key.default,
                "description": key.description,
            }
            for key in listed.keys
        ],
    }


def _gateway_view(gateway: ConfiguredGateway) -> dict[str, object]:
    promised = gateway.capabilities
    return {
        "name": gateway.name,
        "adapter": gateway.adapter,
        "usable": not gateway.faults,
        "faults": [
            {"key": fault.key, "wrong": fault.wrong, "cure": fault.cure} for fault in gateway.faults
        ],
        "capabilities": capabilities_view(promised) if promised else None,
    }


def _lines(found: Inventory) -> Iterator[str]:
    for listed in found.adapters:
        yield _headline(listed)
        yield from (f"  {safe(line)}" for line in _details(listed))
    installed = {listed.installed.name for listed in found.adapters}
    for gateway in found.gateways:
        if gateway.adapter not in installed:
            yield f"{safe(gateway.name)}: {painted('not usable', 'red')}"
            yield from (f"  {safe(_told(fault))}" for fault in gateway.faults)


def _headline(listed: ListedAdapter) -> str:
    used = ", ".join(gateway.name for gateway in listed.gateways)
    return headline(listed.installed, used=f"used by {used}" if used else "")


def _details(listed: ListedAdapter) -> Iterator[str]:
    if listed.installed.fault is not None:
        yield f"fault: {listed.installed.fault}"
        yield f"cure: {listed.installed.cure}"
        return
    for gateway in listed.gateways:
        if gateway.capabilities is not None:
            yield f"{gateway.name}: {capabilities_line(gateway.capabilities)}"
        yield from (f"{gateway.name}: {_told(fault)}" for fault in gateway.faults)
    if not listed.gateways:
        if listed.capabilities is not None:
            yield f"with {listed.known_from}: {capabilities_line(listed.capabilities)}"
        else:
            yield "what it promises depends on its settings"
        if required := [key.key for key in listed.keys if key.is_required]:
            yield f"needs: {', '.join(required)}"


def _told(fault: Fault) -> str:
    return str(fault) if fault.cure else f"{fault.key}: {fault.wrong}"
