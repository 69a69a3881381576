"""What simulated gateways put on the wire by themselves: signed JSON, written by other code."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from external_gate.domain.errors import Refused
from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.money import Money
from external_gate.domain.outcome import Answer, Declined, DeclineKind, Outcome, Succeeded
from external_gate.gateways.gateway import GatewayNotice

HEADER = "x-gateway-signature"


def write_notice(event_id: str, key: str, answer: Answer | None) -> bytes:
    """Write an event; without an answer it says only that something has happened."""
    return json.dumps({"event": event_id, "key": key, "says": _write(answer)}).encode()


def sign_notice(gateway: str, body: bytes) -> str:
    """Sign as a gateway does: each has a secret of its own."""
    return hmac.new(f"secret-of-{gateway}".encode(), body, hashlib.sha256).hexdigest()


def read_notice(gateway: str, signature: str | None, body: bytes) -> Sequence[GatewayNotice]:
    """Read an event as that gateway's adapter does. Raises `Refused`."""
    if signature != sign_notice(gateway, body):
        raise Refused("the signature is wrong")
    told = json.loads(body)
    outcome = _read(told["says"])
    key = AttemptKey(told["key"])
    return [GatewayNotice(told["event"], key, outcome, signed_and_final=outcome is not None)]


def _write(answer: Answer | None) -> dict[str, Any] | None:
    match answer:
        case Succeeded(charge_id, amount, reference):
            money = {"minor": amount.minor, "currency": amount.currency}
            return {"took": money, "charge": charge_id, "reference": reference}
        case Declined(kind, code, _, charge_id):
            return {"declined": code, "kind": kind.value, "charge": charge_id}
        case _:
            return None


def _read(says: dict[str, Any] | None) -> Outcome | None:
    if says is None:
        return None
    if "took" in says:
        return Succeeded(says["charge"], Money(**says["took"]), says["reference"])
    return Declined(DeclineKind(says["kind"]), says["declined"], charge_id=says["charge"])
