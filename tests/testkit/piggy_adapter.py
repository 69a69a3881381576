"""A good adapter for Piggy Pay: build, send, parse; every seam can be made naive by a subclass."""

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from external_gate.domain.charge import (
    Cancel,
    Capabilities,
    Charge,
    ChargeRequest,
    Idempotency,
    KeyStores,
    Lookup,
    SentCharge,
)
from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Outcome,
    Pending,
    Succeeded,
    TooLate,
    Undo,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.gateways.gateway import GatewayNotice, Surroundings
from external_gate.outbound.calls import Answered, Call, CallEnd, NeverSent, Timeouts
from tests.testkit.piggy_fake import LAG, OWN_EXPONENTS, TURNS_AFTER

Json = dict[str, Any]  # whatever JSON holds

CAPABILITIES = Capabilities(
    currencies=frozenset({"USD", "EUR", "JPY", "KWD", "ISK"}),
    idempotency=Idempotency.NATIVE,
    window=timedelta(hours=24),
    key_stores=KeyStores.EVERY_ANSWER,
    lookup=Lookup.QUERY,
    visibility_lag=LAG,
    request_timeout=timedelta(seconds=5),
    settles_typically=timedelta(minutes=30),
    settles_at_most=timedelta(hours=1),
    failed_is_final_after=TURNS_AFTER,
    cancel=Cancel.BY_KEY,
    refund=True,
    notifies=True,
)
SOFT = {"insufficient_funds", "issuer_down"}
REFUSALS = {"bad_token", "no_such_customer"}


class PiggySettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    token: SecretStr
    signing_secret: SecretStr


class PiggyGateway:
    """Piggy Pay."""

    settings_model: ClassVar[type[PiggySettings]] = PiggySettings
    _capabilities = CAPABILITIES

    def __init__(self, settings: PiggySettings, surroundings: Surroundings) -> None:
        self.url = settings.url
        self.token = settings.token.get_secret_value()
        self.signing_secret = settings.signing_secret.get_secret_value()
        self.surroundings = surroundings

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    # Build -------------------------------------------------------------------------------------

    def build(self, charge: Charge) -> bytes:
        return json.dumps(self.order(charge)).encode()

    def order(self, charge: Charge) -> Json:
        return {
            "reference": charge.attempt_key,
            "customer": charge.payer.customer,
            "source": charge.payer.payment_method,
            "amount": self.render(charge.amount),
            "currency": charge.amount.currency,
            "note": charge.description,
        }

    def render(self, money: Money) -> int:
        return money.minor * int(10 ** (OWN_EXPONENTS[money.currency] - money.exponent))

    # Send --------------------------------------------------------------------------------------

    async def charge(self, request: ChargeRequest) -> Outcome:
        return self.judged(await self.send_charge(request), request.charge)

    async def send_charge(self, request: ChargeRequest) -> CallEnd:
        return await self.surroundings.caller.call(self.charge_call(request))

    def charge_call(self, request: ChargeRequest) -> Call:
        return Call(
            "POST",
            f"{self.url}/v1/payments",
            {**self.headers(), "piggy-key": request.charge.attempt_key},
            request.body,
            not_after=request.not_after,
            timeout=Timeouts.within(self.capabilities.request_timeout),
        )

    async def lookup(self, sent: SentCharge) -> Outcome | NotFound:
        address = f"{self.url}/v1/payments?reference={sent.charge.attempt_key}"
        end = await self.send("GET", address)
        if isinstance(end, Answered) and end.status == 404:
            return self.absence(end, sent.charge)
        found = self.judged(end, sent.charge)
        if isinstance(found, NotSent | Misconfigured):
            return Unknown(found.cause)
        return found

    async def cancel(self, sent: SentCharge) -> Undo:
        end = await self.send("POST", self.of(sent, "cancel"), sent.cancel_key)
        return self.undone(end, sent)

    async def refund(self, sent: SentCharge) -> Undo:
        end = await self.send("POST", self.of(sent, "refund"), sent.refund_key)
        return self.undone(end, sent)

    async def send(self, method: str, address: str, key: str = "") -> CallEnd:
        headers = {**self.headers(), **({"piggy-key": key} if key else {})}
        timeout = Timeouts.within(self.capabilities.request_timeout)
        return await self.surroundings.caller.call(Call(method, address, headers, timeout=timeout))

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}", "content-type": "application/json"}

    def of(self, sent: SentCharge, what: str) -> str:
        return f"{self.url}/v1/payments/{sent.charge.attempt_key}/{what}"

    # Parse -------------------------------------------------------------------------------------

    def judged(self, end: CallEnd, charge: Charge) -> Outcome:
        match end:
            case NeverSent(cause):
                return NotSent(cause)
            case Answered():
                return self.answered(end, charge)
            case _:
                return self.silent(end.cause)

    def silent(self, cause: str) -> Outcome:
        return Unknown(cause)

    def answered(self, end: Answered, charge: Charge) -> Outcome:
        if end.status >= 500:
            return self.failed(end)
        if end.status in {409, 423}:
            return self.conflict(end)
        try:
            said = read(end.body)
            if end.status in {200, 201}:
                return self.payment(said, charge)
            code = error_code(said)
        except BadInput as wrong:
            return self.unreadable(end, str(wrong), charge)
        if code == "canceled":
            return Declined(DeclineKind.HARD, code)
        if code in REFUSALS:
            return Misconfigured(f"HTTP {end.status}: {code}")
        return Unknown(f"HTTP {end.status}")

    def failed(self, end: Answered) -> Outcome:
        return Unknown(f"HTTP {end.status}")

    def conflict(self, end: Answered) -> Outcome:
        return Unknown(f"HTTP {end.status}")

    def unreadable(self, end: Answered, why: str, charge: Charge) -> Outcome:
        return Unknown(f"HTTP {end.status}: {why}")

    def payment(self, said: Json, charge: Charge) -> Outcome:
        if said.get("reference") != charge.attempt_key:
            raise BadInput("it speaks of another payment")
        match said.get("state"):
            case "captured":
                return Succeeded(said["id"], self.taken(said, charge), said["reference"])
            case "declined":
                kind = DeclineKind.SOFT if said.get("reason") in SOFT else DeclineKind.HARD
                return Declined(kind, str(said.get("reason")), charge_id=said.get("id"))
            case "authorized":
                return self.authorised(said, charge)
            case "processing":
                return Pending(said.get("id"))
            case "action_needed":
                return Pending(said.get("id"), needs_customer=True)
            case _:
                raise BadInput("the state is none of Piggy's")

    def authorised(self, said: Json, charge: Charge) -> Outcome:
        return Pending(said.get("id"))

    def taken(self, said: Json, charge: Charge) -> Money:
        units, currency = said.get("captured"), said.get("currency")
        if type(units) is not int or currency not in OWN_EXPONENTS:
            raise BadInput("captured without an amount")
        money = Money(0, currency)
        whole, rest = divmod(units, 10 ** (OWN_EXPONENTS[currency] - money.exponent))
        if rest:
            raise BadInput("captured a fraction of a minor unit")
        return Money(whole, currency)

    def absence(self, end: Answered, charge: Charge) -> Unknown | NotFound:
        try:
            said = read(end.body)
        except BadInput:
            return Unknown("a 404 that is not Piggy's")
        wrong = said.get("error", {})
        if wrong == {"code": "no_such_payment", "reference": charge.attempt_key}:
            return NotFound(conclusive=True)
        return Unknown("a 404 that is not about this payment")

    def undone(self, end: CallEnd, sent: SentCharge) -> Undo:
        if not isinstance(end, Answered):
            return UndoUnknown(end.cause)
        try:
            said = read(end.body)
            mine = said.get("reference") == sent.charge.attempt_key
            match end.status, said.get("state"):
                case 200, ("canceled" | "refunded") if mine:
                    return Undone()
                case 202, "refund_accepted" if mine:
                    return self.accepted()
            if error_code(said) in {"captured", "nothing_captured"}:
                return TooLate(error_code(said))
        except BadInput as wrong:
            return UndoUnknown(f"HTTP {end.status}: {wrong}")
        return UndoUnknown(f"HTTP {end.status}")

    def accepted(self) -> Undo:
        return UndoPending()

    # Notifications -----------------------------------------------------------------------------

    def parse_notification(
        self, headers: Mapping[str, str], body: bytes, url: str
    ) -> Sequence[GatewayNotice]:
        self.verify(headers, body)
        said = read(body)
        payment = said.get("payment")
        if not isinstance(payment, dict) or not isinstance(payment.get("reference"), str):
            raise BadInput("the notification names no payment")
        return [self.notice(said, payment)]

    def notice(self, said: Json, payment: Json) -> GatewayNotice:
        return GatewayNotice(str(said.get("id")), AttemptKey(payment["reference"]))

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        seconds, _, given = headers.get("piggy-signature", "").partition(",")
        signed = f"{seconds}.".encode() + body
        mac = hmac.new(self.signing_secret.encode(), signed, "sha256").hexdigest()
        if not (seconds.isdigit() and hmac.compare_digest(mac.encode(), given.encode())):
            raise Refused("the signature is missing or wrong")
        self.check_age(datetime.fromtimestamp(int(seconds), UTC))

    def check_age(self, at: datetime) -> None:
        if abs(self.surroundings.clock.now() - at) > timedelta(minutes=5):
            raise Refused("the notification is too old")


def read(body: bytes) -> Json:
    try:
        said: object = json.loads(body)
    except ValueError as error:
        raise BadInput("not JSON") from error
    if not isinstance(said, dict):
        raise BadInput("no JSON object")
    return said


def error_code(said: Json) -> str:
    wrong = said.get("error")
    code = wrong.get("code") if isinstance(wrong, dict) else None
    if not isinstance(code, str):
        raise BadInput("no error of Piggy's")
    return code
