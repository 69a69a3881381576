"""The adapter for a host application: build → send → parse, by the wire contract."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar
from urllib.parse import quote
from uuid import uuid4

from external_gate.domain.charge import Capabilities, Charge, ChargeRequest, SentCharge
from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.outcome import NotFound, Outcome, Undo
from external_gate.gateways.gateway import GatewayNotice, Surroundings
from external_gate.gateways.http_gateway.answer_object import read_object
from external_gate.gateways.http_gateway.http_answers import (
    LONGEST_ID,
    charge_outcome,
    lookup_outcome,
    undo_outcome,
)
from external_gate.gateways.http_gateway.http_settings import HttpSettings, capabilities_of
from external_gate.outbound.calls import Call, CallEnd, Timeouts
from external_gate.outbound.standard_webhooks import sign, verify

TOLERANCE = timedelta(minutes=5)
"""How far a notification's timestamp may lie from our clock; what Standard Webhooks recommends."""


def new_message_id() -> str:
    """Give an id that no other call has."""
    return f"msg_{uuid4().hex}"


class HttpGateway:
    """A host application in any language as a gateway."""

    settings_model: ClassVar[type[HttpSettings]] = HttpSettings

    def __init__(
        self,
        settings: HttpSettings,
        surroundings: Surroundings,
        *,
        message_id: Callable[[], str] = new_message_id,
    ) -> None:
        self._name = surroundings.name
        self._url = settings.url
        self._secrets = settings.live_secrets()
        # A host that repeats our secret in a message must not bring it into our books.
        self._hidden = [text for secret in self._secrets for text in _spellings(secret)]
        self._capabilities = capabilities_of(settings)
        self._timeouts = Timeouts.within(self._capabilities.request_timeout)
        self._caller = surroundings.caller
        self._clock = surroundings.clock
        self._message_id = message_id

    @property
    def capabilities(self) -> Capabilities:
        """Give what the settings declare."""
        return self._capabilities

    def build(self, charge: Charge) -> bytes:
        """Make the body of the charge: the same charge gives the same bytes. Pure."""
        body = {
            "attempt_key": charge.attempt_key,
            "workflow_id": charge.workflow_id,
            "workflow_type": charge.workflow_type,
            "customer_id": charge.customer_id,
            "contract_id": charge.contract_id,
            "invoice_id": charge.invoice_id,
            "amount": {"minor": charge.amount.minor, "currency": charge.amount.currency},
            "payer": {
                "customer": charge.payer.customer,
                "payment_method": charge.payer.payment_method,
            },
            "description": charge.description,
            "metadata": dict(sorted(charge.metadata.items())),
        }
        try:
            return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        except UnicodeEncodeError as error:
            raise BadInput("the charge holds text that cannot be written as UTF-8") from error

    async def charge(self, request: ChargeRequest) -> Outcome:
        """Send the charge once."""
        key = request.charge.attempt_key
        call = Call(
            "POST",
            self._url,
            {"idempotency-key": key, "content-type": "application/json"},
            request.body,
            not_after=request.not_after,
            timeout=self._timeouts,
        )
        return charge_outcome(await self._send(call), key=key, hidden=self._hidden)

    async def lookup(self, sent: SentCharge) -> Outcome | NotFound:
        """Ask the host by our key."""
        key = sent.charge.attempt_key
        call = Call("GET", self._address(key), {}, timeout=self._timeouts)
        return lookup_outcome(await self._send(call), key=key, hidden=self._hidden)

    async def cancel(self, sent: SentCharge) -> Undo:
        """Ask the host to stop the charge, and to burn the key when it never saw it."""
        return await self._undo(sent.charge.attempt_key, "cancel", undo_key=sent.cancel_key)

    async def refund(self, sent: SentCharge) -> Undo:
        """Ask the host to give the whole charge back."""
        return await self._undo(sent.charge.attempt_key, "refund", undo_key=sent.refund_key)

    def parse_notification(
        self,
        headers: Mapping[str, str],
        body: bytes,
        url: str,  # noqa: ARG002 # of the contract; Standard Webhooks does not sign the address
    ) -> Sequence[GatewayNotice]:
        """Verify a signed `{"attempt_key":"…"}`: it says only to look again.

        Raises `Refused` without a secret or a good signature, `BadInput` for another body.
        """
        if not self._secrets:
            raise Refused(f"notifications need a secret; set gateways.{self._name}.secret")
        try:
            event_id = verify(
                self._secrets, headers, body, now=self._clock.now(), tolerance=TOLERANCE
            )
        except BadInput as error:
            raise Refused(str(error)) from error
        key = read_object(body).get("attempt_key")
        if not isinstance(key, str) or not 0 < len(key) <= LONGEST_ID or not key.isprintable():
            raise BadInput("the notification names no attempt_key")
        return [GatewayNotice(event_id=event_id, attempt_key=AttemptKey(key))]

    async def _undo(self, key: AttemptKey, what: str, *, undo_key: str) -> Undo:
        call = Call(
            "POST",
            f"{self._address(key)}/{what}",
            {"idempotency-key": undo_key},
            timeout=self._timeouts,
        )
        return undo_outcome(await self._send(call), key=key, hidden=self._hidden)

    def _address(self, key: AttemptKey) -> str:
        return f"{self._url}/{quote(key, safe='')}"

    async def _send(self, call: Call) -> CallEnd:
        """Sign the call when there is a secret, and send it once."""
        if not self._secrets:
            return await self._caller.call(call)
        signature = sign(
            self._secrets[0],
            message_id=self._message_id(),
            timestamp=self._clock.now(),
            body=call.body,
        )
        return await self._caller.call(replace(call, headers={**call.headers, **signature}))


def _spellings(secret: str) -> tuple[str, ...]:
    return (secret, secret.removeprefix("whsec_"))
