"""Notices as Standard Webhooks: build, send, parse; to no private address unless it is allowed.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, 2026-11-22.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Self, assert_never
from urllib.parse import urlsplit

from external_gate.domain.clock import Clock
from external_gate.domain.errors import Broken
from external_gate.domain.public_address import is_public
from external_gate.notices.notice_sink import (
    Delivery,
    Gone,
    NotTaken,
    OutgoingNotice,
    Resolve,
    SinkSurroundings,
    Taken,
)
from external_gate.outbound.calls import (
    Answered,
    Call,
    CallEnd,
    Caller,
    NeverSent,
    SentUnanswered,
    Timeouts,
)
from external_gate.outbound.standard_webhooks import SIGNATURE, secret_key, sign
from external_gate.settings.model import NoticeEndpoint

MOST_ADDRESSES = 4
"""Of one host that are tried in turn, within the one timeout."""

LONGEST_RETRY_AFTER = timedelta(days=1)
"""What an endpoint may ask for; later tries would come after the notice was given up."""

_PORTS = {"http": 80, "https": 443}


class WebhookSink:
    """Posts a notice, signed with every secret. Raises `Broken` for a secret that cannot sign."""

    def __init__(
        self,
        caller: Caller,
        clock: Clock,
        resolve: Resolve,
        *,
        url: str,
        secrets: Sequence[str],
        allow_private: bool,
        timeout: timedelta,
    ) -> None:
        if not url or not secrets:
            raise Broken("a webhook needs a url and a secret in its table of [notices]")
        for secret in secrets:
            secret_key(secret)
        self._caller = caller
        self._clock = clock
        self._resolve = resolve
        self._url = url
        self._secrets = tuple(secrets)
        self._allow_private = allow_private
        self._timeouts = Timeouts.within(timeout)

    @classmethod
    def from_settings(cls, endpoint: NoticeEndpoint, surroundings: SinkSurroundings) -> Self:
        """Take address, secrets and timeout."""
        return cls(
            surroundings.caller,
            surroundings.clock,
            surroundings.resolve,
            url=endpoint.url,
            secrets=[secret.get_secret_value() for secret in endpoint.secrets],
            allow_private=endpoint.allow_private,
            timeout=timedelta(seconds=endpoint.timeout_seconds),
        )

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        """Post once; of several addresses the next is tried only if nothing left this machine."""
        headers = build(notice, self._secrets, now=self._clock.now())
        if self._allow_private:
            return parse(await self._post(notice.body, headers, address=None))
        try:
            addresses = await self._resolve(*_host_and_port(self._url))
        except OSError:
            return NotTaken("the host of the address cannot be looked up")
        if not addresses or not all(map(is_public, addresses)):
            return NotTaken("the address leads into a private network, and allow_private is false")
        end: CallEnd = NeverSent("the host has no address")
        for address in addresses[:MOST_ADDRESSES]:
            end = await self._post(notice.body, headers, address=address)
            if not isinstance(end, NeverSent):
                break
        return parse(end)

    async def _post(
        self, body: bytes, headers: Mapping[str, str], *, address: str | None
    ) -> CallEnd:
        # What was judged is what is connected to: a second look-up could find another address.
        call = Call("POST", self._url, headers, body, timeout=self._timeouts, connect_to=address)
        return await self._caller.call(call)


def build(notice: OutgoingNotice, secrets: Sequence[str], *, now: datetime) -> dict[str, str]:
    """Give the headers of one try, signed with every secret, the newest first. Pure."""
    signed = [
        sign(secret, message_id=notice.message_id, timestamp=now, body=notice.body)
        for secret in secrets
    ]
    signatures = " ".join(headers[SIGNATURE] for headers in signed)
    return {"Content-Type": "application/json", **signed[0], SIGNATURE: signatures}


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
