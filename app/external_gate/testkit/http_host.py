"""A small host application that keeps the wire contract of the `http` gateway, with books.

The payment method says what happens: the name of a situation. It is the example of a fake: keys are
stored before money is taken, repeats are answered from the record, and every movement is booked.
"""

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from external_gate.domain.errors import BadInput
from external_gate.domain.money import Money
from external_gate.outbound.standard_webhooks import sign, verify
from external_gate.testkit.fake_server import WireAnswer, WireRequest, json_answer
from external_gate.testkit.rig import Notification, Situation, Taking

Json = dict[str, Any]  # whatever JSON holds

SETTLES_AFTER = timedelta(minutes=30)
TOLERANCE = timedelta(minutes=5)
PATH = "/charges"

_DECLINES = {
    Situation.DECLINED_SOFT: ("soft", "insufficient_funds"),
    Situation.DECLINED_ONCE: ("soft", "insufficient_funds"),
    Situation.DECLINED_HARD: ("hard", "card_lost"),
    Situation.PENDING_THEN_DECLINED: ("hard", "bank_debit_failed"),
}
_OPEN = frozenset(
    {
        Situation.PENDING_THEN_SUCCEEDS,
        Situation.PENDING_THEN_DECLINED,
        Situation.NEEDS_CUSTOMER,
        Situation.AUTHORISED_ONLY,
    }
)


@dataclass
class HostedCharge:
    """One key in the host's record."""

    attempt_key: str
    digest: str
    """Of the body; empty for a key that was cancelled unseen."""
    amount: Money
    situation: str
    began: datetime
    state: str = "running"


@dataclass
class HttpHost:
    """The host application; `respond` answers its requests. For one event loop."""

    secret: str = ""
    record: dict[str, HostedCharge] = field(default_factory=dict)
    takings: list[Taking] = field(default_factory=list)
    ahead: timedelta = timedelta(0)
    """How far its time was moved."""

    def now(self) -> datetime:
        """Give the host's present instant."""
        return datetime.now(UTC) + self.ahead

    async def respond(self, request: WireRequest) -> WireAnswer:
        """Answer one request of the wire contract."""
        if not self._is_signed(request):
            return json_answer(401, {"status": "rejected", "message": "the signature is wrong"})
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["charges"]:
                return await self._charge(request)
            case "GET", ["charges", key]:
                return self._lookup(key)
            case "POST", ["charges", key, "cancel"]:
                return json_answer(200, self._cancel(key))
            case "POST", ["charges", key, "refund"]:
                return json_answer(200, self._refund(key))
            case _:
                return json_answer(404, {"status": "no such page"})

    def notification(self, attempt_key: str) -> Notification:
        """Give what the host sends to say: look again."""
        body = json.dumps({"attempt_key": attempt_key}).encode()
        headers = sign(
            self.secret, message_id=f"note-{attempt_key}", timestamp=self.now(), body=body
        )
        return Notification(
            {**headers, "content-type": "application/json"}, body, signed=True, dated=True
        )

    def settle(self) -> None:
        """Finish what has been pending for long enough."""
        for charge in self.record.values():
            due = self.now() - charge.began >= SETTLES_AFTER
            if charge.state == "pending" and due:
                if charge.situation == Situation.PENDING_THEN_SUCCEEDS:
                    self._take(charge)
                elif charge.situation == Situation.PENDING_THEN_DECLINED:
                    charge.state = "declined"

    async def _charge(self, request: WireRequest) -> WireAnswer:
        order: Json = json.loads(request.body)
        key, digest = order["attempt_key"], hashlib.sha256(request.body).hexdigest()
        if request.headers.get("idempotency-key") != key:
            return json_answer(422, {"status": "rejected", "message": "two keys in one request"})
        known = self.record.get(key)
        if known is not None:
            if known.digest not in ("", digest):
                return json_answer(409, {"status": "conflict"})
            return json_answer(200, self._told(known))
        if order["payer"]["payment_method"] == Situation.REJECTS_US:
            return json_answer(422, {"status": "rejected", "message": "no such customer"})
        charge = HostedCharge(
            key,
            digest,
            Money(order["amount"]["minor"], order["amount"]["currency"]),
            order["payer"]["payment_method"],
            self.now(),
        )
        self.record[key] = charge  # the key first, then the money
        await asyncio.sleep(0)
        if charge.situation in _OPEN:
            charge.state = "pending"
        elif charge.situation in _DECLINES:
            charge.state = "declined"
        else:
            self._take(charge)
        return json_answer(200, self._told(charge))

    def _lookup(self, key: str) -> WireAnswer:
        known = self.record.get(key)
        if known is None:
            return json_answer(404, {"status": "never_seen", "attempt_key": key})
        return json_answer(200, self._told(known))

    def _cancel(self, key: str) -> Json:
        known = self.record.setdefault(
            key, HostedCharge(key, "", Money(0, "USD"), "", self.now(), "declined")
        )
        if known.state in {"pending", "declined"}:
            known.state = "declined"
            return {"status": "undone"}
        return {"status": "pending" if known.state == "running" else "too_late"}

    def _refund(self, key: str) -> Json:
        known = self.record.get(key)
        if known is None or known.state not in {"succeeded", "refunded"}:
            return {"status": "too_late", "message": "nothing was taken"}
        if known.situation == Situation.REFUND_ONLY_ACCEPTED:
            return {"status": "pending"}
        known.state = "refunded"
        self.takings = [
            Taking(one.attempt_key, one.charge_id, one.amount, refunds=1)
            if one.attempt_key == key
            else one
            for one in self.takings
        ]
        return {"status": "undone"}

    def _take(self, charge: HostedCharge) -> None:
        partial = charge.situation == Situation.TAKES_LESS
        taken = (
            Money(charge.amount.minor // 2, charge.amount.currency) if partial else charge.amount
        )
        self.takings.append(Taking(charge.attempt_key, f"host-{charge.attempt_key}", taken))
        charge.state = "succeeded"

    def _told(self, charge: HostedCharge) -> Json:
        said: Json = {
            "attempt_key": charge.attempt_key,
            "charge_id": f"host-{charge.attempt_key}",
            "status": "succeeded" if charge.state == "refunded" else charge.state,
        }
        match charge.state:
            case "succeeded" | "refunded":
                taken = next(t for t in self.takings if t.attempt_key == charge.attempt_key)
                money = {"minor": taken.amount.minor, "currency": taken.amount.currency}
                return {**said, "amount": money}
            case "declined":
                kind, code = _DECLINES.get(
                    Situation(charge.situation or "declined_hard"), _CANCELLED
                )
                return {**said, "decline": {"kind": kind, "code": code, "message": "no"}}
            case _:
                asks = charge.situation == Situation.NEEDS_CUSTOMER
                action = {"action_url": "https://host.example/act"} if asks else {}
                return {**said, "status": "pending", "next_poll_seconds": 60, **action}

    def _is_signed(self, request: WireRequest) -> bool:
        if not self.secret:
            return True
        try:
            verify(
                [self.secret], request.headers, request.body, now=self.now(), tolerance=TOLERANCE
            )
        except BadInput:
            return False
        return True


_CANCELLED = ("hard", "cancelled")
