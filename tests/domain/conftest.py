"""One attempt and the ways in which something is learnt about it."""

from datetime import UTC, datetime, timedelta

from external_gate.domain.charge import (
    Cancel,
    Capabilities,
    Charge,
    Idempotency,
    KeyStores,
    Lookup,
    Payer,
)
from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.identifiers import attempt_key as key_of
from external_gate.domain.money import Money
from external_gate.domain.outcome import Answer, NotFound, Outcome, Succeeded, Undo
from external_gate.domain.standing import Standing, standing_of

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""When the first send was saved."""

LAST_POSSIBLE_SEND = START + timedelta(seconds=25)
LAG = timedelta(seconds=60)
WINDOW = timedelta(hours=24)

STRONG = Capabilities(
    idempotency=Idempotency.NATIVE,
    window=WINDOW,
    key_stores=KeyStores.EVERY_ANSWER,
    lookup=Lookup.QUERY,
    visibility_lag=LAG,
    cancel=Cancel.BY_KEY,
    refund=True,
)
"""Every answer is stored under the key, for a day."""

SUCCESS_ONLY = Capabilities(
    idempotency=Idempotency.NATIVE,
    window=WINDOW,
    key_stores=KeyStores.SUCCESS_ONLY,
    lookup=Lookup.QUERY,
    visibility_lag=LAG,
    cancel=Cancel.BY_CHARGE,
)
"""A repeat after a decline is a fresh try."""

KEYLESS = Capabilities(lookup=Lookup.QUERY, visibility_lag=LAG, cancel=Cancel.BY_CHARGE)
"""A repeat is a second charge."""

CHARGE = Charge(
    attempt_key=key_of(WorkflowId("wf"), 1),
    workflow_id=WorkflowId("wf"),
    workflow_type="spend",
    customer_id=CustomerId("cus"),
    contract_id=ContractId("con"),
    invoice_id=InvoiceId("inv"),
    amount=Money(1500, "USD"),
    payer=Payer("cus_1", "pm_1"),
    description="Invoice inv",
)
PROOF = Succeeded("ch_1", CHARGE.amount, CHARGE.attempt_key)
"""Money was taken, exactly as asked for."""


def later(seconds: float = 0, *, hours: float = 0) -> datetime:
    return START + timedelta(seconds=seconds, hours=hours)


def sent(number: int, answer: Outcome, *, at: datetime | None = None) -> Evidence:
    """The answer to one send."""
    return _piece(Source.CHARGE, answer, at or later(number), number)


def looked(answer: Outcome | NotFound, *, at: datetime | None = None) -> Evidence:
    return _piece(Source.LOOKUP, answer, at or later(hours=1))


def told(answer: Outcome, *, at: datetime | None = None) -> Evidence:
    """A verified notice of the gateway's."""
    return _piece(Source.NOTICE, answer, at or later(hours=1))


def cancelled(answer: Undo, *, at: datetime | None = None) -> Evidence:
    return _piece(Source.CANCEL, answer, at or later(hours=1))


def refunded(answer: Undo, *, at: datetime | None = None) -> Evidence:
    return _piece(Source.REFUND, answer, at or later(hours=1))


def _piece(source: Source, answer: Answer, at: datetime, send: int = 0) -> Evidence:
    return Evidence(source, answer, asked_at=at, at=at, send=send)


def attempt(*evidence: Evidence, sends: int = 1) -> Attempt:
    return Attempt(
        number=1,
        gateway="main",
        charge=CHARGE,
        body=b"{}",
        created_at=START,
        sends=sends,
        first_sent_at=START if sends else None,
        send_deadline=later(5) if sends else None,
        last_possible_send=LAST_POSSIBLE_SEND if sends else None,
        evidence=evidence,
    )


def standing(
    *evidence: Evidence,
    sends: int = 1,
    capabilities: Capabilities = STRONG,
    now: datetime | None = None,
    restored: bool = False,
) -> Standing:
    return standing_of(
        attempt(*evidence, sends=sends),
        capabilities,
        now=now or later(hours=2),
        sends_uncertain=restored,
    )
