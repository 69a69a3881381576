"""Adapters for Piggy Pay with one fault each in what they send, as people write them."""

import asyncio
import json
import logging
import time
import urllib.request
from dataclasses import replace
from datetime import timedelta
from urllib.error import HTTPError
from uuid import uuid4

import structlog

from external_gate.domain.charge import Capabilities, Charge, ChargeRequest, SentCharge
from external_gate.domain.money import Money
from external_gate.domain.outcome import Outcome, Undo, Unknown
from external_gate.outbound.calls import Answered, Call, CallEnd, NeverSent, SentUnanswered
from tests.testkit.piggy_adapter import Json, PiggyGateway
from tests.testkit.piggy_fake import OWN_EXPONENTS


class RetriesOnTimeout(PiggyGateway):
    async def send_charge(self, request: ChargeRequest) -> CallEnd:
        end = await super().send_charge(request)
        return await super().send_charge(request) if isinstance(end, SentUnanswered) else end


class NewKeyPerCall(PiggyGateway):
    def charge_call(self, request: ChargeRequest) -> Call:
        call = super().charge_call(request)
        return replace(call, headers={**call.headers, "piggy-key": uuid4().hex})


class OneKeyForAll(PiggyGateway):
    def charge_call(self, request: ChargeRequest) -> Call:
        call = super().charge_call(request)
        key = request.charge.workflow_id.encode().hex()
        return replace(call, headers={**call.headers, "piggy-key": key})


class LongKeys(PiggyGateway):
    _capabilities = replace(PiggyGateway._capabilities, key_longest=40)

    def charge_call(self, request: ChargeRequest) -> Call:
        call = super().charge_call(request)
        return replace(call, headers={**call.headers, "piggy-key": request.charge.attempt_key * 3})


class ChangesTheBytes(PiggyGateway):
    sends = 0

    def charge_call(self, request: ChargeRequest) -> Call:
        call = super().charge_call(request)
        ChangesTheBytes.sends += 1
        body = json.dumps({**json.loads(call.body), "sent": ChangesTheBytes.sends}).encode()
        return replace(call, body=body)


class BuildsWithTime(PiggyGateway):
    def order(self, charge: Charge) -> Json:
        return {**super().order(charge), "at": time.monotonic_ns()}


class ForgetsTheDeadline(PiggyGateway):
    def charge_call(self, request: ChargeRequest) -> Call:
        return replace(super().charge_call(request), not_after=None)


class FollowsRedirects(PiggyGateway):
    async def send_charge(self, request: ChargeRequest) -> CallEnd:
        end = await super().send_charge(request)
        if isinstance(end, Answered) and end.status == 307:
            call = replace(self.charge_call(request), url=end.headers["location"])
            return await self.surroundings.caller.call(call)
        return end


class SleepsInTheLoop(PiggyGateway):
    async def send_charge(self, request: ChargeRequest) -> CallEnd:
        calling = asyncio.ensure_future(super().send_charge(request))
        await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 - the fault itself
        return await calling


class BlockingClient(PiggyGateway):
    async def send_charge(self, request: ChargeRequest) -> CallEnd:
        if self.surroundings.clock.now() >= request.not_after:
            return NeverSent("too late")
        call = self.charge_call(request)
        asked = urllib.request.Request(call.url, call.body, dict(call.headers), method="POST")  # noqa: S310 - our own address
        opener = urllib.request.build_opener(NoRedirects)
        try:
            with opener.open(asked, timeout=2) as answer:
                return Answered(answer.status, dict(answer.headers), answer.read())
        except HTTPError as error:
            with error:
                return Answered(error.code, dict(error.headers), error.read())
        except Exception as error:  # noqa: BLE001 - whatever urllib has
            return SentUnanswered(type(error).__name__)


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        return None


class SwallowsCancellation(PiggyGateway):
    async def charge(self, request: ChargeRequest) -> Outcome:
        while True:
            try:
                return await super().charge(request)
            except asyncio.CancelledError:
                await asyncio.sleep(1.5)
                return Unknown("cancelled")


class WritesIntoTheCharge(PiggyGateway):
    def order(self, charge: Charge) -> Json:
        charge.metadata["piggy"] = "yes"  # type: ignore[index]  # the fault itself
        return super().order(charge)


class AlwaysTwoDecimals(PiggyGateway):
    def render(self, money: Money) -> int:
        return int(money.decimal() * 100)


class Floats(PiggyGateway):
    def render(self, money: Money) -> int:
        return int(float(money.decimal()) * 10 ** OWN_EXPONENTS[money.currency])


class ChokesOnTexts(PiggyGateway):
    def order(self, charge: Charge) -> Json:
        charge.description.encode("ascii")
        return super().order(charge)


class SecretInBytes(PiggyGateway):
    def order(self, charge: Charge) -> Json:
        return {**super().order(charge), "token": self.token}


class SecretInLogs(PiggyGateway):
    def headers(self) -> dict[str, str]:
        headers = super().headers()
        logging.getLogger("piggy").debug("calling with %s", headers)
        return headers


class SecretInStructuredLogs(PiggyGateway):
    def headers(self) -> dict[str, str]:
        headers = super().headers()
        structlog.get_logger().info("piggy_called", headers=headers)
        return headers


class RefundsWithNewKeys(PiggyGateway):
    async def refund(self, sent: SentCharge) -> Undo:
        return await super().refund(replace(sent, refund_key=uuid4().hex))


class ChangesItsMind(PiggyGateway):
    looks = 0

    @property
    def capabilities(self) -> Capabilities:
        ChangesItsMind.looks += 1
        hours = 24 + ChangesItsMind.looks
        return replace(self._capabilities, window=timedelta(hours=hours))
