"""Posting to one address of the host: to no private network unless it is allowed.

What is posted, and who signs it, is the sink's subject.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import assert_never
from urllib.parse import urlsplit

from external_gate.domain.public_address import is_public
from external_gate.notices.notice_sink import Delivery, Gone, NotTaken, Resolve, Taken
from external_gate.outbound.calls import (
    Answered,
    Call,
    CallEnd,
    Caller,
    NeverSent,
    SentUnanswered,
    Timeouts,
)

MOST_ADDRESSES = 4
"""Of one host that are tried in turn, within the one timeout."""

LONGEST_RETRY_AFTER = timedelta(days=1)
"""What an endpoint may ask for; later tries would come after the notice was given up."""

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Postbox:
    """One address and the way to it."""

    caller: Caller
    resolve: Resolve
    url: str = field(repr=False)
    allow_private: bool
    timeouts: Timeouts

    async def post(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Post once; of several addresses the next is tried only if nothing left this machine."""
        if self.allow_private:
            return parse(await self._post(headers, body, address=None))
        try:
            addresses = await self.resolve(*_host_and_port(self.url))
        except OSError:
            return NotTaken("the host of the address cannot be looked up")
        if not addresses or not all(map(is_public, addresses)):
            return NotTaken("the address leads into a private network, and allow_private is false")
        end: CallEnd = NeverSent("the host has no address")
        for address in addresses[:MOST_ADDRESSES]:
            end = await self._post(headers, body, address=address)
            if not isinstance(end, NeverSent):
                break
        return parse(end)

    async def _post(
        self, headers: Mapping[str, str], body: bytes, *, address: str | None
    ) -> CallEnd:
        # What was judged is what is connected to: a second look-up could find another address.
        call = Call("POST", self.url, headers, body, timeout=self.timeouts, connect_to=address)
        return await self.caller.call(call)


def parse(end: CallEnd) -> Delivery:
    """Read how a try ended. Pure; causes repeat nothing of the answer but its status."""
    match end:
        case NeverSent(cause) | SentUnanswered(cause):
            return NotTaken(cause)
        case Answered(status) if 200 <= status < 300:
            return Taken(f"answered {status}")
        case Answered(410):
            return Gone("answered 410: it wants no notices any more")
        case Answered(status, headers):
            return NotTaken(f"answered {status}", _retry_after(headers.get("retry-after", "")))
        case _:
            assert_never(end)


def _retry_after(seconds: str) -> timedelta | None:
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 8):
        return None  # a date, too: our own schedule does as well
    return min(timedelta(seconds=int(seconds)), LONGEST_RETRY_AFTER)


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)
