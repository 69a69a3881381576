"""A made-up gateway, Piggy Pay: keys, books, a search that lags, signed notifications.

Amounts are integers in Piggy's own units: as ISO 4217, but for ISK, which it counts in hundredths.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from external_gate.domain.currencies import EXPONENTS
from external_gate.domain.money import Money
from external_gate.testkit import (
    Notification,
    Situation,
    Taking,
    WireAnswer,
    WireRequest,
    json_answer,
)

Json = dict[str, Any]  # whatever JSON holds

TOKEN = "piggy-live-token-5f1c9e7a"
SIGNING = "piggy-signing-secret-8d2b4c6e"
OWN_EXPONENTS = EXPONENTS | {"ISK": 2}
LAG = timedelta(seconds=60)
SETTLES_AFTER = timedelta(minutes=30)
TURNS_AFTER = timedelta(days=3)
DECLINES = {
    Situation.DECLINED_SOFT: "insufficient_funds",
    Situation.DECLINED_ONCE: "insufficient_funds",
    Situation.DECLINED_HARD: "card_lost",
    Situation.DECLINED_THEN_TAKEN: "issuer_down",
}
OPEN = (Situation.PENDING_THEN_SUCCEEDS, Situation.PENDING_THEN_DECLINED)


@dataclass
class Payment:
    number: int
    reference: str
    order: Json
    situation: str
    state: str
    at: datetime
    captured: int = 0
    """In Piggy's own units."""
    refund_keys: set[str] = field(default_factory=set)


@dataclass
class PiggyFake:
    """The whole gateway."""

    knows_keys: bool = True
    declines_stay: bool = True
    """Whether a stored decline is what a repeat gets; else it is tried afresh."""
    payments: list[Payment] = field(default_factory=list)
    by_key: dict[str, Payment] = field(default_factory=dict)
    burnt: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def respond(self, request: WireRequest) -> WireAnswer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return error(401, "bad_token")
        path, _, query = request.path.partition("?")
        match request.method, path.strip("/").split("/"):
            case "POST", ["v1", "payments"]:
                return self.pay(json.loads(request.body), request)
            case "GET", ["v1", "payments"]:
                return self.search(query.removeprefix("reference="))
            case "POST", ["v1", "payments", reference, "cancel"]:
                return self.cancel(reference)
            case "POST", ["v1", "payments", reference, "refund"]:
                return self.refund(reference, request.headers.get("piggy-key", ""))
        return WireAnswer(404, b"<h1>no such page</h1>", {"content-type": "text/html"})

    def pay(self, order: Json, request: WireRequest) -> WireAnswer:
        key, digest = request.headers.get("piggy-key", ""), hashlib.sha256(request.body).hexdigest()
        if order["reference"] in self.burnt:
            return error(410, "canceled")
        known = self.by_key.get(key) if self.knows_keys else None
        afresh = known is not None and known.state == "declined" and not self.declines_stay
        if known is not None and not afresh:
            same = self.digests[key] == digest
            return json_answer(200, told(known)) if same else error(409, "key_reused")
        if order["source"] == Situation.REJECTS_US:
            return error(422, "no_such_customer")
        payment = self.book(order, again=afresh)
        self.by_key[key], self.digests[key] = payment, digest
        return json_answer(201, told(payment))

    def book(self, order: Json, *, again: bool) -> Payment:
        situation = order["source"]
        payment = Payment(
            len(self.payments) + 1, order["reference"], order, situation, "captured", self.now()
        )
        if situation in DECLINES and not (again and situation == Situation.DECLINED_ONCE):
            payment.state = "declined"
        elif situation in OPEN:
            payment.state = "processing"
        elif situation == Situation.AUTHORISED_ONLY:
            payment.state = "authorized"
        elif situation == Situation.NEEDS_CUSTOMER:
            payment.state = "action_needed"
        elif situation == Situation.TAKES_LESS:
            payment.captured = order["amount"] // 2
        else:
            payment.captured = order["amount"]
        self.payments.append(payment)
        return payment

    def search(self, reference: str) -> WireAnswer:
        self.settle()
        for payment in reversed(self.payments):
            hidden = payment.situation == Situation.SEEN_LATE and self.now() - payment.at < LAG
            if payment.reference == reference and not hidden:
                return json_answer(200, told(payment))
        return error(404, "no_such_payment", reference=reference)

    def cancel(self, reference: str) -> WireAnswer:
        known = self.find(reference)
        if known is None:
            self.burnt.add(reference)
        elif known.captured:
            return error(409, "captured")
        else:
            known.state = "declined"
        return json_answer(200, {"state": "canceled", "reference": reference})

    def refund(self, reference: str, key: str) -> WireAnswer:
        known = self.find(reference)
        if known is None or not known.captured:
            return error(409, "nothing_captured")
        if known.situation == Situation.REFUND_ONLY_ACCEPTED:
            return json_answer(202, {"state": "refund_accepted", "reference": reference})
        known.refund_keys.add(key)
        known.state = "refunded"
        return json_answer(200, {"state": "refunded", "reference": reference})

    def find(self, reference: str) -> Payment | None:
        return next((one for one in self.payments if one.reference == reference), None)

    def settle(self) -> None:
        for payment in self.payments:
            age = self.now() - payment.at
            if payment.state == "processing" and age >= SETTLES_AFTER:
                if payment.situation == Situation.PENDING_THEN_SUCCEEDS:
                    payment.state, payment.captured = "captured", payment.order["amount"]
                else:
                    payment.state = "declined"
            turns = payment.situation == Situation.DECLINED_THEN_TAKEN
            if turns and payment.state == "declined" and age >= TURNS_AFTER:
                payment.state, payment.captured = "captured", payment.order["amount"]

    def takings(self) -> list[Taking]:
        return [
            Taking(
                one.reference,
                f"pp-{one.number}",
                Money(in_minor(one.captured, one.order["currency"]), one.order["currency"]),
                refunds=len(one.refund_keys),
            )
            for one in self.payments
            if one.captured
        ]

    def notification(self, reference: str, *, signed: bool) -> Notification | None:
        payment = self.find(reference)
        if payment is None:
            return None
        body = json.dumps({"id": f"ev-{payment.number}", "payment": told(payment)}).encode()
        seconds = str(int(self.now().timestamp()))
        mac = hmac.new(SIGNING.encode(), f"{seconds}.".encode() + body, "sha256").hexdigest()
        headers = {"Piggy-Signature": f"{seconds},{mac}"} if signed else {}
        return Notification({**headers, "Content-Type": "application/json"}, body,
                            signed=signed, dated=signed)  # fmt: skip


def told(payment: Payment) -> Json:
    said: Json = {
        "id": f"pp-{payment.number}",
        "reference": payment.reference,
        "state": "captured" if payment.state == "refunded" else payment.state,
    }
    if payment.captured:
        said |= {"captured": payment.captured, "currency": payment.order["currency"]}
    if payment.state == "authorized":
        said |= {"authorized": payment.order["amount"], "currency": payment.order["currency"]}
    if payment.state == "declined":
        said["reason"] = DECLINES.get(Situation(payment.situation), "canceled")
    return said


def in_minor(units: int, currency: str) -> int:
    """Give ISO minor units for Piggy's own; a fraction shows as a wrong amount."""
    own, iso = OWN_EXPONENTS[currency], EXPONENTS[currency]
    return units // int(10 ** (own - iso))


def error(status: int, code: str, **more: str) -> WireAnswer:
    return json_answer(status, {"error": {"code": code, **more}})
