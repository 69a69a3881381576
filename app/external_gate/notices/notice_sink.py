"""The contract of a notice sink; a stranger can write one from this page alone."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from external_gate.domain.clock import Clock
from external_gate.outbound.calls import Caller

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives every IP address of a host and port; raises `OSError` when it has none."""


@dataclass(frozen=True, slots=True)
class OutgoingNotice:
    """One notice on its way, the same at every try."""

    message_id: str
    """By it a receiver knows a repeat."""
    type: str
    """Such as `workflow.held`; new ones may come with any release."""
    at: datetime
    """When it happened."""
    body: bytes = field(repr=False)
    """JSON in ASCII: type, timestamp, data. To be passed on unchanged."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of a notification of Metronome's that is passed on; a sink of a plugin gets none."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The receiver has said that it has the notice, durably: nobody sends it again."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """It may or may not have arrived; it is sent again, after `retry_after` at the earliest."""

    cause: str
    """A sentence for an operator; it repeats nothing of the request, of the answer, of a secret."""
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """The receiver wants nothing any more: this notice is given up, and no other is sent."""

    cause: str


Delivery = Taken | NotTaken | Gone


class NoticeSink(Protocol):
    """Takes notices to one endpoint of the host application.

    A plugin is a class under the entry point group `external_gate.notice_sinks`, with a class
    method `from_settings(endpoint, surroundings)` that gives one of these; see `sink_registry`.
    """

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        """Try once, within the endpoint's `timeout_seconds`, and say what it came to.

        `Taken` only on the receiver's own word that it has the notice; whatever is unclear is
        `NotTaken`, since a notice told twice is harmless and a lost one is not. No retry of its
        own: the core waits longer after every try, for three days. Passes on `message_id` and
        `body` unchanged. May be called concurrently. Raises nothing, and tells no secret; what
        escapes all the same counts as `NotTaken`. `CancelledError` passes through.
        """
        ...


@dataclass(frozen=True, slots=True)
class SinkSurroundings:
    """What the core hands to every notice sink."""

    name: str
    """The endpoint's name in the configuration."""
    caller: Caller
    """The only way out; it never raises for what the outside does."""
    clock: Clock
    resolve: Resolve
    """Looks a host up, so that its addresses can be judged before one is connected to."""
