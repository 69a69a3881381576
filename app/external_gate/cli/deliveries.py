"""Notifications as Metronome would send them, made up for trying things out. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from external_gate.domain.errors import BadInput
from external_gate.intake.envelope import GATE_PREFIX, INITIATE
from external_gate.intake.signature import DATE_HEADER, SIGNATURE_HEADER, http_date, sign
from external_gate.metronome.exact_json import write_object


@dataclass(frozen=True, slots=True)
class Wording:
    """What notifications say; None takes a new id for every one."""

    type: str
    workflow_type: str
    customer_id: str
    contract_id: str
    total: Decimal
    """In Metronome's unit: cents for USD, whole units for other currencies."""
    currency: str
    workflow_id: str | None = None
    invoice_id: str | None = None


def message(wording: Wording, new_id: Callable[[], str]) -> dict[str, object]:
    """Give a notification with the properties that Metronome documents for its type.

    Source: docs.metronome.com, guides/platform-configuration/setup-webhooks, 2026-08-28.
    """
    envelope: dict[str, object] = {"id": new_id(), "type": wording.type}
    if not wording.type.startswith(GATE_PREFIX):
        return envelope
    properties: dict[str, object] = {
        "workflow_type": wording.workflow_type,
        "customer_id": wording.customer_id,
        "contract_id": wording.contract_id,
        "invoice_id": wording.invoice_id or new_id(),
    }
    if wording.type == INITIATE:
        properties["workflow_id"] = wording.workflow_id or new_id()
        properties["invoice_total"] = wording.total
        properties["invoice_currency"] = wording.currency
    return {**envelope, "properties": properties}


def read_message(body: bytes) -> dict[str, object]:
    """Read a notification that is to be changed, every number exactly. Raises `BadInput`."""
    try:
        found: object = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise BadInput("only a JSON object can be changed with --set") from error
    if not isinstance(found, dict):
        raise BadInput("only a JSON object can be changed with --set")
    return found


def changed(sent: Mapping[str, object], overrides: Sequence[str]) -> dict[str, object]:
    """Give a message with `key=value` overrides applied; a key is a path such as `properties.x`.

    A value is JSON, numbers exactly as written; what is no JSON is text. Raises `BadInput`.
    """
    found = dict(sent)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not all(key.split(".")):
            raise BadInput(f"--set {override!r}: write it as properties.invoice_total=12.50")
        _put(found, key.split("."), _value(value), whole=key)
    return found


def _put(level: dict[str, object], path: Sequence[str], value: object, *, whole: str) -> None:
    name, *rest = path
    if not rest:
        level[name] = value
        return
    below = level.get(name, {})
    if not isinstance(below, dict):
        raise BadInput(f"--set {whole}: {name} is no object, so nothing can be set in it")
    level[name] = below = dict(below)
    _put(below, rest, value, whole=whole)


def _value(written: str) -> object:
    try:
        found: object = json.loads(written, parse_float=Decimal)
    except (ValueError, RecursionError):
        return written
    return found


def written(sent: Mapping[str, object]) -> bytes:
    """Give the bytes of a message. Raises `BadInput` for what JSON has no exact form for."""
    return write_object(sent)


def signed_headers(body: bytes, *, secret: str, signed_at: datetime) -> dict[str, str]:
    """Give the headers that Metronome sends; `signed_at` is the date that is signed."""
    date = http_date(signed_at)
    return {
        "Content-Type": "application/json",
        DATE_HEADER: date,
        SIGNATURE_HEADER: sign(secret, date=date, body=body),
    }
