"""`external-gate doctor`: what is wrong, in a sentence each, with the cure."""

import asyncio
import os
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import assert_never

import click

from external_gate.assembly import SystemClock, make_callers
from external_gate.cli.checks_inside import (
    gateway_checks,
    guard_checks,
    payers_check,
    store_checks,
)
from external_gate.cli.checks_outside import metronome_checks
from external_gate.cli.checkup import (
    Check,
    Level,
    check_view,
    exit_code,
    failed_by,
    failed_by_fault,
    fine,
    warning,
)
from external_gate.cli.config import config_option
from external_gate.cli.opening import configure_quiet_logs
from external_gate.cli.showing import as_json, painted, safe
from external_gate.domain.errors import Broken
from external_gate.outbound.calls import Timeouts
from external_gate.outbound.direct_caller import DirectCaller
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.outbound.transport import OwnCaller
from external_gate.settings import Loaded, SettingsFaulty, load

_COLORS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


@click.command("doctor")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object for programs.")
@config_option
def doctor(*, json_wanted: bool, config_path: Path | None) -> None:
    """Look at settings, store, clock, Metronome, gateways, payers, guards, and what is held.

    Charges nobody and changes nothing. Ends with 0 when nothing failed (warnings are no failure),
    1 when something did, 2 when the configuration cannot be used, 3 when all that failed is that
    somebody outside could not be reached.

    \b
    Example:
      external-gate doctor --config config/external-gate.toml
    """
    checks = _examine(config_path)
    code = exit_code(checks)
    if json_wanted:
        answer = {"ok": code == 0, "checks": [check_view(check) for check in checks]}
        click.echo(as_json(answer))
    else:
        _print(checks)
    sys.exit(code)


def _examine(config_path: Path | None) -> list[Check]:
    try:
        loaded = load(config_path, os.environ)
    except SettingsFaulty as faulty:
        # Without settings there is nothing else to look at.
        return [failed_by_fault("settings", fault) for fault in faulty.faults]
    configure_quiet_logs(loaded.settings)
    return asyncio.run(_look(loaded))


async def _look(loaded: Loaded) -> list[Check]:
    settings, clock = loaded.settings, SystemClock()
    patience = Timeouts.within(timedelta(seconds=settings.metronome.total_timeout_seconds))
    try:
        callers = make_callers(settings)
    except Broken as error:  # nobody can be asked
        return [*_settings_checks(loaded), failed_by("outbound", error)]
    async with callers.make(clock, high_water=None, timeouts=patience, max_connections=1) as caller:
        return [
            *_settings_checks(loaded),
            _outbound_check(caller),
            *await store_checks(settings),
            *await metronome_checks(settings.metronome, caller, clock),
            *gateway_checks(settings.gateways, caller, clock),
            payers_check(settings, caller, clock),
            *guard_checks(settings.guards),
        ]


def _settings_checks(loaded: Loaded) -> Iterable[Check]:
    yield fine("settings", str(loaded.file or "from the environment alone"))
    if loaded.ignored_names:
        yield warning(
            "settings",
            f"ignored, because a name of ours has __ in it: {', '.join(loaded.ignored_names)}",
            cure="nothing, unless one was meant for us: external-gate config show lists the names",
        )


def _outbound_check(caller: OwnCaller) -> Check:
    match caller:
        case DirectCaller():
            return fine("outbound", "calls are made directly, over sockets of our own")
        case HttpxCaller():
            return fine("outbound", "calls are made by httpx")
        case _:
            assert_never(caller)


def _print(checks: Iterable[Check]) -> None:
    for check in checks:
        level = painted(f"{check.level:<4}", _COLORS[check.level])
        click.echo(f"{level}  {safe(check.name)}: {safe(check.sentence)}")
        if check.cure:
            click.echo(f"      cure: {safe(check.cure)}")
