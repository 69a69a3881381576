"""Attempts and their evidence, to rows and back, the same for every store."""

import hashlib

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.identifiers import CustomerId
from external_gate.domain.workflow import Facts
from external_gate.stores.charge_documents import charge_from_row, charge_to_json
from external_gate.stores.documents import answer_from_json, answer_to_json
from external_gate.stores.rows import Row, Value, instant, milliseconds


def attempt_from(row: Row, facts: Facts, evidence: tuple[Evidence, ...]) -> Attempt:
    """Read an attempt of the workflow with these facts, with the evidence that was found for it."""
    return Attempt(
        number=row["number"],
        gateway=row["gateway"],
        charge=charge_from_row(row, facts),
        body=row["body"],
        created_at=from_milliseconds(row["created_at"]),
        sends=row["sends"],
        first_sent_at=instant(row["first_sent_at"]),
        send_deadline=instant(row["send_deadline"]),
        last_possible_send=instant(row["last_possible_send"]),
        closed=bool(row["closed"]),
        look_asked=row["look_asked"],
        look_made=row["look_made"],
        evidence=evidence,
    )


def attempt_values(attempt: Attempt, facts: Facts) -> dict[str, Value]:
    """Write an attempt without its evidence, and without `look_asked`, which notices count."""
    charge = attempt.charge
    return {
        "workflow_id": charge.workflow_id,
        "number": attempt.number,
        "attempt_key": charge.attempt_key,
        "gateway": attempt.gateway,
        "amount_minor": charge.amount.minor,
        "currency": charge.amount.currency,
        "charge": charge_to_json(charge, facts),
        "body": attempt.body,
        "created_at": to_milliseconds(attempt.created_at),
        "sends": attempt.sends,
        "first_sent_at": milliseconds(attempt.first_sent_at),
        "send_deadline": milliseconds(attempt.send_deadline),
        "last_possible_send": milliseconds(attempt.last_possible_send),
        "closed": int(attempt.closed),
        "look_made": attempt.look_made,
        "customer_mark": customer_mark(charge.customer_id),
    }


def customer_mark(customer_id: CustomerId) -> int:
    """Give the number by which a customer's attempts are found: a third of the room of its id.

    Two customers may share one, however unlikely: whoever searches by it compares the ids as well.
    """
    digest = hashlib.sha256(customer_id.encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def evidence_from(row: Row) -> Evidence:
    """Read one piece of evidence."""
    return Evidence(
        source=Source(row["source"]),
        answer=answer_from_json(row["answer"]),
        asked_at=from_milliseconds(row["asked_at"]),
        at=from_milliseconds(row["at"]),
        send=row["send"],
        number=row["number"],
    )


def evidence_values(piece: Evidence) -> dict[str, Value]:
    """Write one piece of evidence; its number is the store's to give."""
    return {
        "source": piece.source.value,
        "answer": answer_to_json(piece.answer),
        "asked_at": to_milliseconds(piece.asked_at),
        "at": to_milliseconds(piece.at),
        "send": piece.send,
    }
