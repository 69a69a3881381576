"""What a notification says: from its bytes to facts, without a guess and without an exception.

Whether it is genuine is `signature`'s subject; what the facts mean for a workflow, the receiver's.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Self

from external_gate.domain.gate_report import GateReport
from external_gate.domain.money import bare_currency
from external_gate.intake.body_fields import (
    kept_text,
    optional_text,
    properties_of,
    required_text,
)
from external_gate.intake.gate_reports import is_report, read_report

INITIATE = "payment_gate.external_initiate"
"""The one type that asks for a charge."""

GATE_PREFIX = "payment_gate."

MOST_DIGITS = 40
FARTHEST_EXPONENT = 20
"""Of a total: room for every price, and `1e999999999` costs nothing."""

LONGEST_NUMBER = 100
"""Characters of one number in JSON: longer ones are not even converted, which takes time."""


@dataclass(frozen=True, slots=True)
class InitiateFacts:
    """What `payment_gate.external_initiate` asks for, as Metronome wrote it.

    `total` and `currency` are not judged here: zero, negative or unknown ones are held later, with
    a reason of their own.
    """

    workflow_id: str
    workflow_type: str
    """`spend` and others; an open list. Empty when Metronome gave none."""
    customer_id: str
    contract_id: str
    invoice_id: str
    total: Decimal
    """In Metronome's unit: cents for USD, whole units for other currencies."""
    currency: str
    """In either spelling, `USD` or `USD (cents)`."""

    def same_as(self, other: Self) -> bool:
        """Tell whether both ask for the same, however amount and currency are spelled."""
        return replace(self, currency=bare_currency(self.currency)) == replace(
            other, currency=bare_currency(other.currency)
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """One notification, as far as it could be understood."""

    notification_id: str
    """Metronome's id, or the digest when there is none that can be kept."""
    type: str
    """Empty when there is none that can be kept."""
    digest: str
    """SHA-256 of the body as it came, in hex."""
    facts: InitiateFacts | None = None
    """Only of `INITIATE`, and only without a flaw."""
    report: GateReport | None = None
    """Of the notifications about a gate that ask for no charge; a lost id of theirs is no loss."""
    flaw: str | None = None
    """What is wrong, in words for people and without anything that the sender wrote."""
    workflow_id: str | None = None
    """Of `INITIATE` or of a lost type, also with a flaw: so that the workflow can be held."""
    customer_id: str | None = None
    contract_id: str | None = None
    invoice_id: str | None = None

    @property
    def is_gate(self) -> bool:
        """Tell whether it is about a payment gate; all others are kept and ignored."""
        return self.type.startswith(GATE_PREFIX)


def read(body: bytes) -> Envelope:
    """Give what a body says; never raises: what cannot be understood has a `flaw`.

    Numbers keep every digit. Unknown fields and types are no flaw, nor is a byte order mark.
    """
    digest = hashlib.sha256(body).hexdigest()
    flaws: list[str] = []
    sent = _json_object(body, flaws)
    if sent is None:
        return Envelope(notification_id=digest, type="", digest=digest, flaw=_sentence(flaws))
    notification_id = required_text(sent, "id", flaws) or digest
    kind = required_text(sent, "type", flaws)
    facts = _facts(sent, flaws) if kind == INITIATE else None
    if facts is not None and not flaws:
        return Envelope(
            notification_id,
            kind,
            digest,
            facts,
            workflow_id=facts.workflow_id,
            customer_id=facts.customer_id,
            contract_id=facts.contract_id,
            invoice_id=facts.invoice_id,
        )
    report = read_report(kind, sent, flaws) if is_report(kind) else None
    # A lost type may have been INITIATE; any other one has no workflow of ours in it.
    workflow = properties_of(sent) if kind in {"", INITIATE} else {}
    hints = properties_of(sent) if kind.startswith(GATE_PREFIX) else workflow
    return Envelope(
        notification_id=notification_id,
        type=kind,
        digest=digest,
        report=report,
        flaw=_sentence(flaws),
        workflow_id=kept_text(workflow.get("workflow_id")),
        customer_id=kept_text(hints.get("customer_id")),
        contract_id=kept_text(hints.get("contract_id")),
        invoice_id=kept_text(hints.get("invoice_id")),
    )


def _facts(sent: Mapping[str, object], flaws: list[str]) -> InitiateFacts | None:
    """Read every fact, so that all flaws are named at once."""
    properties = sent.get("properties")
    if not isinstance(properties, dict):
        flaws.append("properties is missing or not one object")
        return None
    # Of two values neither is the true one, and the parser would silently take the last.
    if any(value is _REPEATED for value in properties.values()):
        flaws.append("a name stands twice in properties")
    return InitiateFacts(
        workflow_id=required_text(properties, "workflow_id", flaws),
        workflow_type=optional_text(properties, "workflow_type", flaws),
        customer_id=required_text(properties, "customer_id", flaws),
        contract_id=required_text(properties, "contract_id", flaws),
        invoice_id=required_text(properties, "invoice_id", flaws),
        total=_total(properties, "invoice_total", flaws),
        currency=required_text(properties, "invoice_currency", flaws),
    )


def _sentence(flaws: list[str]) -> str | None:
    return "; ".join(flaws) or None


def _total(fields: Mapping[str, object], name: str, flaws: list[str]) -> Decimal:
    """Give a JSON number exactly; a string or a boolean is a flaw, never an amount."""
    total = fields.get(name)
    if isinstance(total, Decimal):
        _, digits, exponent = total.as_tuple()
        if (
            len(digits) <= MOST_DIGITS
            and isinstance(exponent, int)
            and abs(exponent) <= FARTHEST_EXPONENT
        ):
            return total
    flaws.append(f"{name} is missing or no number of at most {MOST_DIGITS} digits")
    return Decimal(0)


_REPEATED = object()
"""Stands for the values of a name that an object has more than once."""


def _json_object(body: bytes, flaws: list[str]) -> dict[str, object] | None:
    """Give the object that a body is, numbers as `Decimal`, or None and a flaw."""
    constants: list[str] = []
    decoder = _DECODER
    if b"NaN" in body or b"Infinity" in body:  # else one that is there already does
        decoder = _decoder(constants.append)
    try:
        parsed: object = decoder.decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        flaws.append("the body is not UTF-8")
    except ValueError:
        flaws.append("the body is not JSON")
    except RecursionError:
        flaws.append("the body is nested too deeply")
    else:
        if constants:
            flaws.append("NaN and Infinity are not JSON")
        if isinstance(parsed, dict):
            return parsed
        flaws.append("the body is not a JSON object")
    return None


def _number(literal: str) -> Decimal | None:
    """Give a JSON number exactly, or None when it is too long or too large to be one of ours."""
    if len(literal) > LONGEST_NUMBER:
        return None
    try:
        return Decimal(literal)
    except InvalidOperation:
        return None


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build an object in which a name that came twice has no value that could be used."""
    fields: dict[str, object] = {}
    for name, value in pairs:
        fields[name] = _REPEATED if name in fields else value
    return fields


def _decoder(constant: Callable[[str], object]) -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_float=_number,
        parse_int=_number,
        parse_constant=constant,
        object_pairs_hook=_without_repeats,
    )


_DECODER = _decoder(lambda _constant: None)
