"""Notices as Standard Webhooks: built and signed here, sent by `posting`.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, 2026-11-22.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from external_gate.domain.clock import Clock
from external_gate.domain.errors import Broken
from external_gate.notices.notice_sink import (
    Delivery,
    OutgoingNotice,
    Resolve,
    SinkSurroundings,
)
from external_gate.notices.posting import Postbox
from external_gate.outbound.calls import Caller, Timeouts
from external_gate.outbound.standard_webhooks import SIGNATURE, secret_key, sign
from external_gate.settings.model import NoticeEndpoint


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
        self._clock = clock
        self._secrets = tuple(secrets)
        self._postbox = Postbox(caller, resolve, url, allow_private, Timeouts.within(timeout))

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
        """Post once."""
        headers = build(notice, self._secrets, now=self._clock.now())
        return await self._postbox.post(headers, notice.body)


def build(notice: OutgoingNotice, secrets: Sequence[str], *, now: datetime) -> dict[str, str]:
    """Give the headers of one try, signed with every secret, the newest first. Pure."""
    signed = [
        sign(secret, message_id=notice.message_id, timestamp=now, body=notice.body)
        for secret in secrets
    ]
    signatures = " ".join(headers[SIGNATURE] for headers in signed)
    return {"Content-Type": "application/json", **signed[0], SIGNATURE: signatures}
