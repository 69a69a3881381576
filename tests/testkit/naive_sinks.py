"""Notice sinks as they are written in a hurry, with one fault each."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import structlog

from external_gate.notices import (
    Answered,
    Call,
    Delivery,
    Gone,
    NoticeEndpoint,
    NotTaken,
    OutgoingNotice,
    SentUnanswered,
    SinkSurroundings,
    Taken,
    Timeouts,
)
from external_gate.notices.posting import parse
from external_gate.notices.webhook_sink import WebhookSink, build
from external_gate.testkit.fake_server import WireRequest, send


class Careful:
    """The good sink, open to one fault."""

    def __init__(self, endpoint: NoticeEndpoint, surroundings: SinkSurroundings) -> None:
        self.inner = WebhookSink.from_settings(endpoint, surroundings)
        self.endpoint, self.surroundings = endpoint, surroundings
        self.secret = endpoint.secrets[0].get_secret_value()

    @classmethod
    def from_settings(cls, endpoint: NoticeEndpoint, surroundings: SinkSurroundings) -> Self:
        return cls(endpoint, surroundings)

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        return await self.inner.deliver(notice)

    def call_for(self, notice: OutgoingNotice) -> Call:
        headers = build(notice, [self.secret], now=self.surroundings.clock.now())
        timeout = Timeouts.within(timedelta(seconds=self.endpoint.timeout_seconds))
        return Call("POST", self.endpoint.url, headers, notice.body, timeout=timeout)


class NeverTakes(Careful):
    """Trusts nobody's 2xx."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        await self.inner.deliver(notice)
        return NotTaken("who knows")


class WritesAnew(Careful):
    """Parses the body and writes it anew."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        body = json.dumps(json.loads(notice.body)).encode()
        return await self.inner.deliver(replace(notice, body=body))


class NewIdPerTry(Careful):
    """Every try has an id of its own, so that a repeat is news."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        fresh = f"{notice.message_id}x{time.monotonic_ns()}"
        return await self.inner.deliver(replace(notice, message_id=fresh))


class FiresAndForgets(Careful):
    """Whatever was answered: it is on its way."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        await self.inner.deliver(notice)
        return Taken()


class SilenceIsConsent(Careful):
    """A timeout means that the host is busy with the notice."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        end = await self.surroundings.caller.call(self.call_for(notice))
        return Taken() if isinstance(end, SentUnanswered) else parse(end)


class GivesUp(Careful):
    """A 404 means that the endpoint was removed."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        delivery = await self.inner.deliver(notice)
        if isinstance(delivery, NotTaken) and "404" in delivery.cause:
            return Gone(delivery.cause)
        return delivery


class RetriesByItself(Careful):
    """Once more, at once."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        delivery = await self.inner.deliver(notice)
        return await self.inner.deliver(notice) if isinstance(delivery, NotTaken) else delivery


class RaisesForStatus(Careful):
    """An exception for every answer that is not 2xx."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        delivery = await self.inner.deliver(notice)
        match delivery:
            case NotTaken(cause):
                raise RuntimeError(cause)
            case other:
                return other


class AnswersTrue(Careful):
    """Says yes or no in a language of its own."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        delivery = await self.inner.deliver(notice)
        return True if isinstance(delivery, Taken) else delivery  # type: ignore[return-value]  # the fault


class WaitsForEver(Careful):
    """Its own idea of a timeout."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        patient = Timeouts.within(timedelta(seconds=60))
        call = replace(self.call_for(notice), timeout=patient)
        return parse(await self.surroundings.caller.call(call))


class Blocks(Careful):
    """A client that blocks the event loop."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        call, where = self.call_for(notice), urlsplit(self.endpoint.url)
        connection = HTTPConnection(where.netloc, timeout=self.endpoint.timeout_seconds)
        try:
            connection.request("POST", where.path, call.body, dict(call.headers))
            status = connection.getresponse().status
        except (OSError, HTTPException):
            return NotTaken("no answer")
        finally:
            connection.close()
        return parse(Answered(status, {}, b""))


class OwnClient(Careful):
    """A client of its own, with its own limits."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        call, where = self.call_for(notice), urlsplit(self.endpoint.url)
        request = WireRequest("POST", where.path, dict(call.headers), call.body)
        try:
            answer = await send(where.hostname or "", where.port or 80, request)
        except OSError:
            return NotTaken("no answer")
        return parse(Answered(answer.status, {}, b""))


class CannotBeCancelled(Careful):
    """Swallows the cancellation."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        try:
            return await self.inner.deliver(notice)
        except asyncio.CancelledError:
            return NotTaken("cancelled")


class RemembersNotice(Careful):
    """Keeps the notice in the instance."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        self.notice = notice
        await asyncio.sleep(0)
        return await self.inner.deliver(self.notice)


class GoesAnywhere(Careful):
    """Never looks where an address leads."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        return parse(await self.surroundings.caller.call(self.call_for(notice)))


class LooksAtTheName(Careful):
    """Believes that a private address shows in the address itself."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        if not self.endpoint.allow_private and "127.0.0.1" in self.endpoint.url:
            return NotTaken("private")
        return parse(await self.surroundings.caller.call(self.call_for(notice)))


class TellsSecret(Careful):
    """The whole request in the cause."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        delivery = await self.inner.deliver(notice)
        if isinstance(delivery, NotTaken):
            return NotTaken(f"{delivery.cause} to {self.endpoint.url} with {self.secret}")
        return delivery


class LogsSecret(Careful):
    """Everything is logged, for debugging."""

    log: ClassVar[Any] = structlog.get_logger("naive")

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        self.log.info("delivering", secret=self.secret)
        return await self.inner.deliver(notice)
