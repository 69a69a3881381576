"""How the service reaches Metronome, the gateways and the host application."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from external_gate.assembly.policies import metronome_timeouts
from external_gate.domain.clock import Clock, HighWater
from external_gate.domain.errors import Broken
from external_gate.gateways import registry
from external_gate.gateways.gateway import Gateway, Surroundings
from external_gate.metronome.contracting_client import ContractingClient
from external_gate.outbound.calls import Caller, Timeouts
from external_gate.outbound.transport import CallerMaker, OwnCaller, WayOut
from external_gate.settings import Settings

check_gateway = registry.check
"""Checks a gateway's own keys while the configuration is loaded."""


@dataclass(frozen=True, slots=True)
class WaysOut:
    """The callers of one service, each with the patience that its other side is given."""

    metronome: OwnCaller
    gateways: OwnCaller
    notices: OwnCaller


def make_ways_out(settings: Settings, clock: Clock, high_water: HighWater) -> WaysOut:
    """Make the callers of a service. Raises `Broken` for a file that cannot be used."""
    callers = make_callers(settings)
    return WaysOut(
        metronome=callers.make(
            clock,
            high_water=high_water,
            believes_dates=False,  # Metronome's clock says nothing about gateways' windows
            timeouts=metronome_timeouts(settings),
            max_connections=settings.worker.concurrency,
        ),
        gateways=callers.make(
            clock,
            high_water=high_water,
            timeouts=Timeouts.within(timedelta(seconds=20)),
            max_connections=settings.worker.concurrency,
        ),
        notices=callers.make(
            clock,
            high_water=None,  # nothing of theirs has a send deadline
            believes_dates=False,
            timeouts=Timeouts.within(timedelta(seconds=15)),
            max_connections=settings.worker.concurrency,
        ),
    )


def make_callers(settings: Settings) -> CallerMaker:
    """Give what makes callers. Raises `Broken` for a file that cannot be used."""
    knobs = settings.outbound
    return CallerMaker(
        WayOut(
            transport=knobs.transport,
            trust_env=knobs.trust_env,
            authorities=knobs.authorities,
            certificate=knobs.certificate,
        )
    )


def make_contracting(settings: Settings, caller: Caller) -> ContractingClient:
    """Give Metronome's interface, called by this caller."""
    return ContractingClient(
        caller,
        base_url=settings.metronome.base_url,
        token=settings.metronome.api_token.get_secret_value(),
    )


def make_gateways(settings: Settings, caller: Caller, clock: Clock) -> Mapping[str, Gateway]:
    """Make every configured gateway, by its name in the configuration.

    Raises `Broken` for one whose calls may outlast the lease or the drain: whoever takes over must
    find them over.
    """
    gateways = {
        name: registry.make(gateway.adapter, gateway.settings, Surroundings(name, caller, clock))
        for name, gateway in settings.gateways.items()
    }
    longest = timedelta(seconds=min(settings.worker.lease_seconds, settings.worker.drain_seconds))
    for name, made in gateways.items():
        if made.capabilities.request_timeout >= longest:
            raise Broken(
                f"gateways.{name}: a call may take {made.capabilities.request_timeout}, not less "
                f"than {longest}: raise worker.lease_seconds and worker.drain_seconds"
            )
    return gateways


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for every address of a host."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # no name at all, such as one with an endless label
        raise OSError("the host is no name that can be looked up") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
