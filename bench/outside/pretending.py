"""What the stub answers: an invoice like the notification, a charge that succeeds, a release."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from bench.load.notifications import TOTAL, contract_of

USD_CENTS = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
INVOICE = re.compile(r"/v1/customers/([^/]+)/invoices/([^/]+)")
CHARGES = "/charges"


class Edge(StrEnum):
    """Who is asked."""

    METRONOME = "metronome"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Asked:
    """One call."""

    method: str
    path: str
    body: bytes

    @property
    def edge(self) -> Edge:
        """Tell whose call it is."""
        return Edge.GATEWAY if self.path.startswith(CHARGES) else Edge.METRONOME


def answer(asked: Asked) -> tuple[int, bytes]:
    """Give status and body."""
    if found := INVOICE.fullmatch(asked.path):
        return _json(200, _invoice(customer=found[1], invoice=found[2]))
    if asked.path.endswith("/threshold-billing/release"):
        return _json(200, {})
    if asked.edge is Edge.GATEWAY:
        return _by_method[asked.method](asked)
    return _json(404, {"message": f"{asked.path} is not played"})


def _invoice(*, customer: str, invoice: str) -> dict[str, object]:
    return {
        "data": {
            "id": invoice,
            "customer_id": customer,
            "contract_id": contract_of(customer),
            "status": "FINALIZED",
            "type": "SCHEDULED",
            "total": TOTAL,
            "credit_type": {"id": USD_CENTS, "name": "USD (cents)"},
            "customer_custom_fields": {
                "gateway_customer": f"cus_{customer[:8]}",
                "gateway_payment_method": "pm_ok",
            },
            "line_items": [],
        }
    }


def _charge(asked: Asked) -> tuple[int, bytes]:
    key = json.loads(asked.body)["attempt_key"]
    amount = {"minor": TOTAL, "currency": "USD"}
    told = {"status": "succeeded", "attempt_key": key, "charge_id": f"ch_{key}", "amount": amount}
    return _json(200, told)


def _look_up(asked: Asked) -> tuple[int, bytes]:
    key = asked.path.removeprefix(f"{CHARGES}/")
    return _json(404, {"status": "never_seen", "attempt_key": key})


_by_method: dict[str, Callable[[Asked], tuple[int, bytes]]] = {"POST": _charge, "GET": _look_up}


def _json(status: int, told: dict[str, object]) -> tuple[int, bytes]:
    return status, json.dumps(told).encode()
