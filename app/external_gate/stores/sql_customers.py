"""What guards are told of one customer's charges: a bounded number of its newest attempts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.evidence import Attempt, Source
from external_gate.domain.identifiers import CustomerId
from external_gate.domain.ledger import (
    MOST_COUNTED,
    MOST_DECLINES_READ,
    REFUNDED_BY_HAND,
    Asked,
    Ledger,
)
from external_gate.domain.outcome import Answer, Declined, Succeeded, Undone
from external_gate.domain.workflow import Facts, State, Verdict
from external_gate.stores.attempt_rows import attempt_from, customer_mark
from external_gate.stores.documents import answer_from_json, write_json
from external_gate.stores.rows import Row, facts_from
from external_gate.stores.sql_transaction import Transaction, select

# An attempt that was adopted after a restore has no send in our books. That another customer shares
# the mark is told by the row: as a condition it would lead a planner to that customer's history.
CHARGES = """
SELECT
    attempts.attempt_key, attempts.workflow_id, attempts.number, attempts.amount_minor,
    attempts.currency, attempts.closed, attempts.first_sent_at,
    coalesce(attempts.send_deadline, attempts.created_at) AS sent_at,
    charged.customer_id, charged.state, charged.verdict, charged.money_seen, charged.approvals
FROM attempts JOIN workflows AS charged ON charged.workflow_id = attempts.workflow_id
WHERE attempts.customer_mark = :mark
    AND coalesce(attempts.send_deadline, attempts.created_at) >= :since
ORDER BY coalesce(attempts.send_deadline, attempts.created_at) DESC LIMIT :limit
"""

NEWEST = """
SELECT
    attempts.*, charged.workflow_type, charged.customer_id, charged.contract_id, charged.invoice_id,
    charged.invoice_total, charged.invoice_currency
FROM attempts JOIN workflows AS charged ON charged.workflow_id = attempts.workflow_id
WHERE attempts.customer_mark = :mark
ORDER BY coalesce(attempts.send_deadline, attempts.created_at) DESC LIMIT :limit
"""

_EVIDENCE = """
SELECT attempt_key, source, answer FROM evidence
WHERE workflow_id IN (SELECT value FROM json_each(?)) ORDER BY number
"""

Heard = Mapping[str, Sequence[tuple[str, Answer]]]
"""By attempt key, what was heard of it, each with its source."""


def with_charges(transaction: Transaction, facts: Facts, asked: Asked, ledger: Ledger) -> Ledger:
    """Add what is asked for of the customer; what is not asked for is not read."""
    if (since := asked.since) is not None:
        ledger = _with_sums(transaction, facts, asked, ledger, since)
    if asked.declines and asked.payer is not None:
        declines = _declines(transaction, facts.customer_id, asked)
        ledger = replace(ledger, declines=declines)
    return ledger


def _with_sums(
    transaction: Transaction, facts: Facts, asked: Asked, ledger: Ledger, since: datetime
) -> Ledger:
    wanted = {
        "mark": customer_mark(facts.customer_id),
        "since": to_milliseconds(since),
        "limit": MOST_COUNTED + 1,
    }
    rows = select(transaction, CHARGES, wanted)
    charges = [
        (from_milliseconds(row["sent_at"]), row) for row in _that_count(transaction, rows, facts)
    ]
    spent, fast = asked.spent_since, asked.charges_since
    times = [at for at, _ in charges if fast is not None and at >= fast]
    return replace(
        ledger,
        spent_minor=sum(
            row["amount_minor"]
            for at, row in charges
            if spent is not None and at >= spent and row["currency"] == asked.currency
        ),
        charges=tuple(times[: asked.charges]),
        too_many=len(rows) > MOST_COUNTED,
    )


def _that_count(transaction: Transaction, rows: Sequence[Row], facts: Facts) -> list[Row]:
    others = [
        row
        for row in rows
        if row["customer_id"] == facts.customer_id and row["workflow_id"] != facts.workflow_id
    ]
    # Only where money was seen although the attempt is dead do its answers say more than its row.
    heard = _heard(transaction, [row["workflow_id"] for row in others if _is_doubtful(row)])
    return [row for row in others if _may_have_money(row) or _keeps_money(row, heard)]


def _may_have_money(row: Row) -> bool:
    if row["state"] == State.REFUNDED or row["verdict"] == Verdict.FAILED or row["closed"]:
        return False
    # Not its sends: a charge that was taken up from its gateway has none in our books.
    return row["first_sent_at"] is not None or bool(row["money_seen"])


def _is_doubtful(row: Row) -> bool:
    return bool(row["money_seen"]) and row["state"] != State.REFUNDED and not _may_have_money(row)


def _keeps_money(row: Row, heard: Heard) -> bool:
    told = heard.get(row["attempt_key"], ())
    is_back = any(source == Source.REFUND and isinstance(a, Undone) for source, a in told)
    is_back = is_back or f'"{REFUNDED_BY_HAND}{row["number"]}:' in row["approvals"]
    took = any(isinstance(answer, Succeeded) for _, answer in told)
    return _is_doubtful(row) and took and not is_back


def _heard(transaction: Transaction, workflow_ids: Iterable[str]) -> Heard:
    ids = sorted(set(workflow_ids))
    heard: dict[str, list[tuple[str, Answer]]] = {}
    for row in select(transaction, _EVIDENCE, (write_json(ids),)) if ids else ():
        told = heard.setdefault(row["attempt_key"], [])
        told.append((row["source"], answer_from_json(row["answer"])))
    return heard


def _declines(transaction: Transaction, customer_id: CustomerId, asked: Asked) -> int:
    """Count how often the payment method was declined since it last paid, newest first."""
    wanted = {"mark": customer_mark(customer_id), "limit": MOST_DECLINES_READ}
    newest = [attempt_from(row, facts_from(row), ()) for row in select(transaction, NEWEST, wanted)]
    same = [attempt for attempt in newest if _is_of_method(attempt, customer_id, asked)]
    heard = _heard(transaction, [attempt.charge.workflow_id for attempt in same])
    count = 0
    for attempt in same:
        told = [answer for _, answer in heard.get(attempt.charge.attempt_key, ())]
        if any(isinstance(answer, Succeeded) for answer in told):
            break
        count += attempt.closed and any(isinstance(answer, Declined) for answer in told)
        if count == asked.declines:
            break
    return count


def _is_of_method(attempt: Attempt, customer_id: CustomerId, asked: Asked) -> bool:
    charge, payer = attempt.charge, asked.payer
    return (
        payer is not None
        and charge.customer_id == customer_id
        and attempt.gateway == asked.gateway
        and charge.payer.customer == payer.customer
        and charge.payer.payment_method == payer.payment_method
    )
