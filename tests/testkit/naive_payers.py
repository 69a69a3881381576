"""Payer sources as they are written in a hurry, with one fault each."""

import asyncio
import json
import time
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import structlog

from external_gate.domain.charge import Payer
from external_gate.domain.errors import Unavailable
from external_gate.outbound.calls import Answered, Call, Timeouts
from external_gate.payers.http_payers import HttpPayers, build, parse
from external_gate.payers.payer_source import PayerQuestion, PayerSurroundings
from external_gate.settings.model import PayersSettings
from external_gate.testkit.fake_server import WireRequest, send


class Careful:
    """The good source, open to one fault."""

    def __init__(self, settings: PayersSettings, surroundings: PayerSurroundings) -> None:
        self.inner = HttpPayers.from_settings(settings, surroundings)
        self.settings, self.surroundings = settings, surroundings
        self.secret = settings.secret.get_secret_value()

    @classmethod
    def from_settings(cls, settings: PayersSettings, surroundings: PayerSurroundings) -> Self:
        return cls(settings, surroundings)

    async def find(self, question: PayerQuestion) -> Payer | None:
        return await self.inner.find(question)


class NobodyWhenDown(Careful):
    """A timeout is read as: no payer."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        try:
            return await self.inner.find(question)
        except Unavailable as error:
            if "could not be asked" in str(error) or " 5" in str(error) or " 429" in str(error):
                return None
            raise


class Believes404(Careful):
    """Any 404 is read as: no payer."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        headers = {"Content-Type": "application/json"}
        timeout = Timeouts.within(timedelta(seconds=self.settings.timeout_seconds))
        call = Call("POST", self.settings.url, headers, build(question), timeout=timeout)
        end = await self.surroundings.caller.call(call)
        return None if isinstance(end, Answered) and end.status == 404 else parse(end)


class RaisesForNobody(Careful):
    """Nobody pays: that is a KeyError of some dictionary."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        payer = await self.inner.find(question)
        if payer is None:
            raise KeyError(question.customer_id)
        return payer


class UnavailableForNobody(Careful):
    """Nobody pays: asked again for ever."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        payer = await self.inner.find(question)
        if payer is None:
            raise Unavailable("no payer")
        return payer


class Forgets(Careful):
    """The second question about a customer is answered from a cache that is empty."""

    seen: ClassVar[set[str]] = set()

    async def find(self, question: PayerQuestion) -> Payer | None:
        payer = await self.inner.find(question)
        self.seen.symmetric_difference_update({question.customer_id} if payer else ())
        return payer if question.customer_id in self.seen else None


class TakesAnyText(Careful):
    """What stands in the record is the payer, whatever it is."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        try:
            return await self.inner.find(question)
        except Unavailable as error:
            if "unusable payer" in str(error):
                return Payer("cus\r\nX: y", "")
            raise


class LetsParserRaise(Careful):
    """A strange answer is a JSONDecodeError."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        try:
            return await self.inner.find(question)
        except Unavailable as error:
            if "JSON" in str(error):
                json.loads("<html>")
            raise


class WaitsForEver(Careful):
    """`timeout_seconds` is not handed on."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        patient = self.settings.model_copy(update={"timeout_seconds": 60.0})
        return await HttpPayers.from_settings(patient, self.surroundings).find(question)


class Blocks(Careful):
    """A client that blocks, beside the caller."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        parts = urlsplit(self.settings.url)
        connection = HTTPConnection(parts.netloc, timeout=self.settings.timeout_seconds)
        try:
            connection.request("POST", parts.path, build(question))
            answer = connection.getresponse()
            return parse(Answered(answer.status, {}, answer.read(100_000)))
        except (OSError, HTTPException):
            raise Unavailable("the payers could not be asked") from None
        finally:
            connection.close()


class OwnClient(Careful):
    """A client of its own, beside the caller."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        parts = urlsplit(self.settings.url)
        request = WireRequest("POST", parts.path, {}, build(question))
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                answer = await send(parts.hostname or "", parts.port or 80, request)
        except (OSError, TimeoutError):
            raise Unavailable("the payers could not be asked") from None
        return parse(Answered(answer.status, answer.headers, answer.body))


class CannotBeCancelled(Careful):
    """Finishes what was begun, whoever has stopped waiting."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        task = asyncio.ensure_future(self.inner.find(question))
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                continue
        return task.result()


class RemembersQuestion(Careful):
    """Keeps the question in the instance while the answer is awaited."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        self.question = question
        await asyncio.sleep(0)
        return await self.inner.find(self.question)


class ChangesQuestion(Careful):
    """Puts a default into the question's own fields."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        fields: Any = question.customer_custom_fields
        fields.setdefault("gateway", "main")
        return await self.inner.find(question)


class TellsSecret(Careful):
    """Says with which secret it asked."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        try:
            return await self.inner.find(question)
        except Unavailable as error:
            raise Unavailable(f"asked with {self.secret}") from error


class LogsSecret(Careful):
    """Writes its settings down."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        structlog.get_logger().debug("payer asked", secret=self.secret, at=time.time())
        return await self.inner.find(question)
