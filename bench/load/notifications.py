"""Distinct, validly signed notifications, as the bytes of whole HTTP requests."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

SECRET = "bench-webhook-secret"  # noqa: S105 - both ends of it live in a run
PATH = "/webhooks/metronome"
TOTAL = 1500
CUSTOMERS = 1_000
"""Of a busy account; every notification is another workflow of one of them."""

# Metronome's own writing: indented, the type last.
_BODY = """{{
  "id": "{notification}",
  "properties": {{
    "workflow_type": "spend",
    "customer_id": "{customer}",
    "contract_id": "{contract}",
    "workflow_id": "{workflow}",
    "invoice_id": "{invoice}",
    "invoice_total": {total},
    "invoice_currency": "USD"
  }},
  "type": "payment_gate.external_initiate"
}}
"""

_REQUEST = (
    "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Metronome-Webhooks\r\n"
    "Accept: */*\r\nContent-Type: application/json\r\nX-Metronome-Date: {date}\r\n"
    "Metronome-Webhook-Signature: {signature}\r\nContent-Length: {length}\r\n\r\n"
)


def identity(*parts: object) -> str:
    """Give an id as Metronome writes them: always the same for the same parts, and no order."""
    digest = hashlib.md5(repr(parts).encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:]}"


def notification_id(batch: int, number: int) -> str:
    """Give the id of a notification."""
    return identity("notification", batch, number)


def contract_of(customer_id: str) -> str:
    """Give the one contract of a customer."""
    return identity("contract", customer_id)


@dataclass(frozen=True, slots=True)
class Notifications:
    """One batch of requests, numbered from 0. `age` is how long ago they were signed."""

    batch: int
    age: timedelta = timedelta()
    date: str = field(init=False)

    def __post_init__(self) -> None:
        signed_at = datetime.now(UTC) - self.age
        object.__setattr__(self, "date", format_datetime(signed_at, usegmt=True))

    def request(self, number: int) -> bytes:
        """Give one request, ready to be sent."""
        headers, body = self.delivery(number)
        head = _REQUEST.format(
            path=PATH,
            date=self.date,
            signature=headers["metronome-webhook-signature"],
            length=len(body),
        )
        return head.encode() + body

    def delivery(self, number: int) -> tuple[dict[str, str], bytes]:
        """Give the headers that are signed, and the body, as a receiver takes them."""
        body = self._body(number)
        signature = hmac.new(SECRET.encode(), self.date.encode() + b"\n" + body, hashlib.sha256)
        headers = {
            "x-metronome-date": self.date,
            "metronome-webhook-signature": signature.hexdigest(),
        }
        return headers, body

    def _body(self, number: int) -> bytes:
        customer = identity("customer", number % CUSTOMERS)
        text = _BODY.format(
            notification=notification_id(self.batch, number),
            customer=customer,
            contract=contract_of(customer),
            workflow=identity("workflow", self.batch, number),
            invoice=identity("invoice", self.batch, number),
            total=TOTAL,
        )
        return text.encode()
