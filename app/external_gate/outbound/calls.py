"""What one HTTP call out of this machine is, and the three ways in which it can end.

The contract of the room: standard library only, so that every adapter can be tested without HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each phase of a call may take; `total` bounds all of them together.

    `read` and `write` bound one silence, not a phase: a peer that sends a byte now and then is
    stopped by `total` alone. `pool` bounds the wait for one of the caller's connections.
    """

    connect: timedelta
    read: timedelta
    write: timedelta
    pool: timedelta
    total: timedelta

    @classmethod
    def within(cls, total: timedelta) -> "Timeouts":
        """Share out one limit: connecting and queueing get at most 5 s of it.

        A healthy peer accepts within a second; what is saved here is time in which the ladder can
        try again, and a call that never left is cheaper than one that nobody answered.
        """
        early = min(total, timedelta(seconds=5))
        return cls(connect=early, read=total, write=total, pool=early, total=total)


@dataclass(frozen=True, slots=True)
class Call:
    """One request. Its printed form shows the method only: the rest may hold secrets.

    `not_after` is the send deadline: no byte leaves once the latest plausible time (`HighWater`)
    has reached it, however long the wait for a connection took. `timeout` replaces the caller's
    own limits for this call. `connect_to` is the IP address to connect to, for whoever has looked
    the host up and judged the answer; its name stays in the request and in TLS.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    not_after: datetime | None = None
    timeout: Timeouts | None = None
    connect_to: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer arrived, whatever it says; nothing about it has been judged.

    Header names are in lower case; a header sent several times is joined by ", ". The body is as
    sent: when the peer compressed it unasked, `content-encoding` says so.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NeverSent:
    """It is certain that no byte of the request left this machine."""

    cause: str


@dataclass(frozen=True, slots=True)
class SentUnanswered:
    """The request may have arrived, whole or in part; nobody knows what became of it."""

    cause: str


CallEnd = Answered | NeverSent | SentUnanswered


class Caller(Protocol):
    """The one door for HTTP out of this service."""

    async def call(self, call: Call) -> CallEnd:
        """Send `call` at most once and say how it ended.

        Promises: no retry, no redirect followed, no cookie kept; an end within the total timeout;
        `NeverSent` only on proof, so that whatever is unclear is `SentUnanswered`. Causes are
        sentences for an operator and repeat nothing of the request or of the answer.

        Never raises for what the outside does. `CancelledError` passes through, and then the
        request may or may not have left.
        """
        ...
