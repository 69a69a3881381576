"""The endpoints of the configuration: who gets what, and by which sink it travels there."""

from collections.abc import Mapping
from datetime import timedelta

from external_gate.domain.clock import Clock
from external_gate.domain.forwarding import FORWARD_PREFIX, Forwarding
from external_gate.domain.host_notice import NoticeType, Subscriptions
from external_gate.notices.courier import Route
from external_gate.notices.forward_sink import ForwardSink
from external_gate.notices.notice_sink import Resolve, SinkSurroundings
from external_gate.notices.sink_registry import build_sink
from external_gate.outbound.calls import Caller
from external_gate.settings.model import ForwardSettings, NoticesSettings


def subscriptions_of(notices: NoticesSettings) -> Subscriptions:
    """Give which endpoints get which notices; empty when none is configured."""
    endpoints = notices.every_endpoint()
    wanted = {
        kind: tuple(name for name, one in endpoints.items() if kind in (one.events or NoticeType))
        for kind in NoticeType
    }
    return {kind: names for kind, names in wanted.items() if names}


def forwarding_of(forward: ForwardSettings) -> Forwarding:
    """Give which endpoints get which notifications of Metronome's, by their names in the outbox."""
    endpoints = forward.every_endpoint()
    return Forwarding({f"{FORWARD_PREFIX}{name}": one.types for name, one in endpoints.items()})


def notice_routes(
    notices: NoticesSettings, caller: Caller, clock: Clock, resolve: Resolve
) -> Mapping[str, Route]:
    """Make the sink of every endpoint of notices. Raises `Broken` for one that cannot be used."""
    return {
        name: Route(
            build_sink(endpoint, SinkSurroundings(name, caller, clock, resolve)),
            timedelta(seconds=endpoint.timeout_seconds),
        )
        for name, endpoint in notices.every_endpoint().items()
    }


def forward_routes(
    forward: ForwardSettings, caller: Caller, resolve: Resolve
) -> Mapping[str, Route]:
    """Make the sink of every endpoint to which notifications are passed on."""
    return {
        f"{FORWARD_PREFIX}{name}": Route(
            ForwardSink.of(endpoint, caller, resolve),
            timedelta(seconds=endpoint.timeout_seconds),
        )
        for name, endpoint in forward.every_endpoint().items()
    }
