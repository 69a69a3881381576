"""Delivering made-up notifications to a running service: where it listens, and what it answers."""

import ipaddress
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from external_gate.assembly import SystemClock
from external_gate.cli.deliveries import signed_headers
from external_gate.domain.errors import BadInput, Unavailable
from external_gate.engine.workflow_view import View
from external_gate.intake.envelope import read
from external_gate.outbound.calls import Answered, Call, Timeouts
from external_gate.outbound.transport import CallerMaker
from external_gate.settings import load

PATIENCE = timedelta(seconds=30)
"""A service answers in milliseconds; one that waits for a locked disk still answers in this."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where deliveries go, and how they are signed."""

    url: str
    secret: str
    age: timedelta
    """How far back the signed date lies."""


def target_of(
    config_path: Path | None, *, url: str | None, secret: str | None, age: timedelta | None
) -> Target:
    """Take what was not given from the configuration, which is not read without need.

    Raises `SettingsFaulty`, and `BadInput` for an empty secret.
    """
    if url is None or secret is None:
        settings = load(config_path, os.environ).settings
        host = _reachable(settings.server.host)
        if url is None:
            url = f"http://{host}:{settings.server.port}/webhooks/metronome"
        if secret is None:
            secret = settings.metronome.webhook_secrets[0].get_secret_value()
    if not secret:
        raise BadInput("--secret is empty: nobody can sign with that")
    return Target(url, secret, age or timedelta(0))


def _reachable(host: str) -> str:
    """Give the address under which this machine reaches a service that listens on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"


async def deliver(
    target: Target, bodies: Sequence[bytes], *, tell: Callable[[View], None]
) -> list[View]:
    """Deliver one after the other, telling of each answer at once; gives all answers.

    Raises `Unavailable` at the first delivery that nobody answers.
    """
    clock = SystemClock()
    answers: list[View] = []
    async with CallerMaker().make(
        clock, high_water=None, timeouts=Timeouts.within(PATIENCE), max_connections=1
    ) as caller:
        for body in bodies:
            headers = signed_headers(body, secret=target.secret, signed_at=clock.now() - target.age)
            end = await caller.call(Call("POST", target.url, headers, body))
            if not isinstance(end, Answered):
                raise Unavailable(f"{target.url}: {end.cause}; is the service running there?")
            answers.append(_answer(end, body))
            tell(answers[-1])
    return answers


def _answer(end: Answered, body: bytes) -> View:
    sent = read(body)
    return {
        "status": end.status,
        "answer": _said(end.body),
        "notification_id": sent.notification_id,
        "workflow_id": sent.workflow_id,
    }


def _said(body: bytes) -> str:
    """Give the result or the problem's detail, or the beginning of whatever else was answered."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        for name in ("result", "detail"):
            if isinstance(told.get(name), str):
                return str(told[name])
    return body[:200].decode("utf-8", errors="backslashreplace")
