"""Metronome's notifications as they came: their bytes, under their own signature headers."""

from datetime import timedelta
from typing import Self

from external_gate.notices.notice_sink import Delivery, OutgoingNotice, Resolve
from external_gate.notices.posting import Postbox
from external_gate.outbound.calls import Caller, Timeouts
from external_gate.settings.model import ForwardEndpoint


class ForwardSink:
    """Posts what Metronome sent; nothing is added that a receiver could mistake for Metronome's."""

    def __init__(self, postbox: Postbox) -> None:
        self._postbox = postbox

    @classmethod
    def of(cls, endpoint: ForwardEndpoint, caller: Caller, resolve: Resolve) -> Self:
        """Take address and timeout."""
        timeouts = Timeouts.within(timedelta(seconds=endpoint.timeout_seconds))
        postbox = Postbox(caller, resolve, endpoint.url, endpoint.allow_private, timeouts)
        return cls(postbox)

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        """Post once."""
        return await self._postbox.post(notice.headers, notice.body)
