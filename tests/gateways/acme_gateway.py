"""An adapter as a stranger writes it: it imports `external_gate.gateways`, pydantic, nothing more.

Acme takes decimal amounts and a unique `reference`, answers a repeated reference with the payment
that it has, and signs its notifications by Standard Webhooks.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, SecretStr

from external_gate.gateways import (
    Answered,
    AttemptKey,
    BadInput,
    Broken,
    Call,
    CallEnd,
    Cancel,
    Capabilities,
    Charge,
    ChargeRequest,
    Declined,
    DeclineKind,
    GatewayNotice,
    Idempotency,
    KeyStores,
    Lookup,
    Misconfigured,
    Money,
    NeverSent,
    NotFound,
    NotSent,
    Outcome,
    Pending,
    Refused,
    SentCharge,
    SentUnanswered,
    Succeeded,
    Surroundings,
    Timeouts,
    TooLate,
    Undo,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
    verify,
)

EXPONENTS = {"USD": 2, "JPY": 0, "ISK": 2}
"""Acme's own: it writes ISK with two decimals, as some gateways do."""

DECLINES = {"no_funds": DeclineKind.SOFT, "card_lost": DeclineKind.HARD}
TIMEOUT = timedelta(seconds=5)


class AcmeSettings(BaseModel):
    """What stands under `[gateways.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    api_key: SecretStr
    webhook_secret: SecretStr = SecretStr("")


class AcmeGateway:
    """Acme as a gateway."""

    settings_model = AcmeSettings
    capabilities = Capabilities(
        currencies=frozenset(EXPONENTS),
        idempotency=Idempotency.NATURAL_KEY,
        window=timedelta(days=7),
        key_stores=KeyStores.EVERY_ANSWER,
        key_longest=32,
        lookup=Lookup.QUERY,
        request_timeout=TIMEOUT,
        settles_at_most=timedelta(days=2),
        cancel=Cancel.BY_CHARGE,
        refund=True,
        notifies=True,
    )

    def __init__(self, settings: AcmeSettings, surroundings: Surroundings) -> None:
        if settings.url.endswith("/"):
            raise Broken(f"gateways.{surroundings.name}.url ends with a slash; leave it out")
        self._settings = settings
        self._caller = surroundings.caller
        self._clock = surroundings.clock

    def build(self, charge: Charge) -> bytes:
        """Write the order."""
        order = {
            "reference": charge.attempt_key,
            "amount": _written(charge.amount),
            "currency": charge.amount.currency,
            "customer": charge.payer.customer,
            "card": charge.payer.payment_method,
        }
        return json.dumps(order, sort_keys=True).encode()

    async def charge(self, request: ChargeRequest) -> Outcome:
        """Send the order once."""
        end = await self._ask("POST", "/payments", body=request.body, request=request)
        return _outcome(end)

    async def lookup(self, sent: SentCharge) -> Outcome | NotFound:
        """Ask by our reference."""
        end = await self._ask("GET", f"/payments?reference={quote(sent.charge.attempt_key)}")
        match end:
            case Answered(status=200) if _object(end).get("payments") == []:
                return NotFound(conclusive=True)
            case Answered():
                outcome = _outcome(end)
                return Unknown("refused") if isinstance(outcome, Misconfigured) else outcome
            case NeverSent(cause) | SentUnanswered(cause):
                return Unknown(cause)

    async def cancel(self, sent: SentCharge) -> Undo:
        """Void the payment."""
        return await self._undo(sent, "void", key=sent.cancel_key)

    async def refund(self, sent: SentCharge) -> Undo:
        """Refund the payment."""
        return await self._undo(sent, "refund", key=sent.refund_key)

    def parse_notification(
        self, headers: Mapping[str, str], body: bytes, url: str
    ) -> Sequence[GatewayNotice]:
        """Verify; then say: look again."""
        secrets = [self._settings.webhook_secret.get_secret_value()]
        tolerance = timedelta(minutes=5)
        try:
            event_id = verify(secrets, headers, body, now=self._clock.now(), tolerance=tolerance)
        except BadInput as error:
            raise Refused(str(error)) from error
        reference = _read(body).get("reference")
        if not isinstance(reference, str):
            raise BadInput("the notification names no reference")
        return [GatewayNotice(event_id, AttemptKey(reference))]

    async def _undo(self, sent: SentCharge, what: str, *, key: str) -> Undo:
        if sent.charge_id is None:
            return UndoUnknown("Acme voids and refunds by its own id, which is not known")
        path = f"/payments/{quote(sent.charge_id)}/{what}"
        match await self._ask("POST", path, body=json.dumps({"key": key}).encode()):
            case Answered() as answer:
                return _undo(answer)
            case NeverSent(cause) | SentUnanswered(cause):
                return UndoUnknown(cause)

    async def _ask(
        self, method: str, path: str, *, body: bytes = b"", request: ChargeRequest | None = None
    ) -> CallEnd:
        call = Call(
            method,
            f"{self._settings.url}{path}",
            {"authorization": f"Bearer {self._settings.api_key.get_secret_value()}"},
            body,
            not_after=request.not_after if request else None,
            timeout=Timeouts.within(TIMEOUT),
        )
        return await self._caller.call(call)


def _written(amount: Money) -> str:
    decimals = EXPONENTS.get(amount.currency)
    if decimals is None:
        raise BadInput(f"Acme does not take {amount.currency}")
    return f"{amount.decimal():.{decimals}f}"


def _outcome(end: CallEnd) -> Outcome:
    match end:
        case NeverSent(cause):
            return NotSent(cause)
        case SentUnanswered(cause):
            return Unknown(cause)
        case Answered(status=401):
            return Misconfigured("Acme does not know the api_key")
        case Answered():
            return _judged(end)


def _judged(answer: Answered) -> Outcome:
    match answer.status, _object(answer):
        case 200, {"state": "paid", "id": str(number), "reference": str(reference)} as said:
            try:
                return Succeeded(number, _taken(said), reference)
            except BadInput as error:
                return Unknown(str(error))
        case 200, {"state": "open", "id": str(number)}:
            return Pending(number)
        case 200, {"state": "refused", "id": str(number), "code": str(code)} if code in DECLINES:
            return Declined(DECLINES[code], code, charge_id=number)
        case status, _:
            return Unknown(f"HTTP {status}: no answer that is known")


def _taken(said: dict[str, Any]) -> Money:
    """Read what Acme took: exactly, or not at all."""
    currency = said.get("currency")
    try:
        units = Decimal(str(said.get("amount")))
        money = Money(0, str(currency))
        minor = units.scaleb(money.exponent)
        if minor != int(minor):
            raise BadInput("Acme tells of a fraction of a minor unit")
        return Money(int(minor), money.currency)
    except (ArithmeticError, ValueError) as error:
        raise BadInput("Acme tells of an amount that is none") from error


def _undo(answer: Answered) -> Undo:
    match answer.status, _object(answer).get("state"):
        case 200, "voided" | "refunded":
            return Undone()
        case 202, _:
            return UndoPending()
        case 409, "paid" | "open":
            return TooLate()
        case status, _:
            return UndoUnknown(f"HTTP {status}: no answer that is known")


def _object(answer: Answered) -> dict[str, Any]:
    """Give the payment in an answer; empty when there is none to read."""
    try:
        said = _read(answer.body)
    except BadInput:
        return {}
    match said.get("payments"):
        case [dict() as payment, *_]:
            return payment
        case _:
            return said


def _read(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput("the body is not JSON") from error
    if not isinstance(said, dict):
        raise BadInput("the body is not a JSON object")
    return said
