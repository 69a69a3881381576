"""Recording what gateways tell by themselves: as evidence, or as a wish that we look again."""

from collections.abc import Sequence

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import Actor
from external_gate.stores.documents import write_json
from external_gate.stores.notice_rows import notice_from, notice_values
from external_gate.stores.rows import Row, Value, workflow_from
from external_gate.stores.sql_dossiers import lock_row
from external_gate.stores.sql_evidence import append_evidence, newest_evidence
from external_gate.stores.sql_ledger import add_history
from external_gate.stores.sql_marks import high_water
from external_gate.stores.sql_transaction import Transaction, select, select_one
from external_gate.stores.store_records import (
    KeptNotice,
    NewNotice,
    NoticeReceipt,
    NoticeTaken,
)
from external_gate.stores.store_rules import LOOK_ASKED, look_at

_KEEP = """
INSERT INTO gateway_notices (
    gateway, event_id, attempt_key, claim, signed_and_final, received_at
) VALUES (
    :gateway, :event_id, :attempt_key, :claim, :signed_and_final, :received_at
)
ON CONFLICT (gateway, event_id) DO UPDATE SET deliveries = gateway_notices.deliveries + 1
RETURNING *
"""

_NAMED = "SELECT workflow_id, gateway, number FROM attempts WHERE attempt_key = ?"

_MATCH = "UPDATE gateway_notices SET workflow_id = ?, evidence = ? WHERE number = ?"

_ASK = "UPDATE attempts SET look_asked = look_asked + 1 WHERE attempt_key = ?"

# Whoever has it claimed gives it back in time for the look.
_LOOK = """
UPDATE workflows SET
    look_at = :look_at,
    claimable_at = CASE
        WHEN lease_until IS NOT NULL THEN claimable_at
        ELSE min(coalesce(claimable_at, :look_at), :look_at)
    END
WHERE workflow_id = :workflow_id
"""

_LIST = """
SELECT * FROM gateway_notices WHERE number < :before ORDER BY number DESC LIMIT :limit
"""

_UNMATCHED = """
SELECT * FROM gateway_notices
WHERE number < :before AND workflow_id IS NULL ORDER BY number DESC LIMIT :limit
"""

_OF_WORKFLOW = """
SELECT * FROM gateway_notices
WHERE attempt_key IN (SELECT attempt_key FROM attempts WHERE workflow_id = :workflow_id)
ORDER BY number DESC LIMIT :limit
"""

_TOLD_BEFORE = """
SELECT * FROM gateway_notices
WHERE attempt_key IN (SELECT value FROM json_each(?)) AND workflow_id IS NULL ORDER BY number
"""

_ABOVE_EVERY_NUMBER = 2**63 - 1


def record_notices(transaction: Transaction, notices: Sequence[NewNotice]) -> list[NoticeTaken]:
    """Keep notices, and let each take effect on the attempt that it names."""
    return [_record(transaction, notice) for notice in notices]


def _record(transaction: Transaction, notice: NewNotice) -> NoticeTaken:
    told = notice_values(notice)
    # All rows are fetched, or the statement would stay open.
    (kept,) = select(transaction, _KEEP, told)
    is_new = kept["deliveries"] == 1
    named = select_one(transaction, _NAMED, (notice.attempt_key,))
    if named is None or named["gateway"] != notice.gateway:
        receipt = NoticeReceipt.UNMATCHED if is_new else NoticeReceipt.DUPLICATE
        return NoticeTaken(
            receipt, kept["number"], meant_for=None if named is None else named["gateway"]
        )
    lock_row(
        transaction, WorkflowId(named["workflow_id"])
    )  # before its attempts, as every save does
    says_the_same = all(kept[name] == told[name] for name in _WORDS)
    # A repeat of what belonged to nobody is news once there is somebody.
    is_news = is_new or (kept["workflow_id"] is None and says_the_same)
    if notice.is_proof and is_news:
        return _prove(transaction, notice, kept)
    if notice.is_proof and says_the_same:
        return NoticeTaken(
            NoticeReceipt.DUPLICATE, kept["number"], WorkflowId(named["workflow_id"])
        )
    return _look_again(transaction, notice, kept, named, is_news=is_news)


_WORDS = ("attempt_key", "claim", "signed_and_final")


def _prove(transaction: Transaction, notice: NewNotice, kept: Row) -> NoticeTaken:
    """Append what the notice proves to its attempt; what it is worth is weighed later."""
    asked_at = notice.received_at
    at = max(asked_at, high_water(transaction) or asked_at)
    # Only an answer is proof, as `is_proof` says.
    piece = Evidence(Source.NOTICE, notice.outcome, asked_at=asked_at, at=at)  # type: ignore[arg-type]
    workflow_id = append_evidence(transaction, notice.attempt_key, [piece])
    if workflow_id is not None:
        number = newest_evidence(transaction, workflow_id)
        transaction.execute(_MATCH, (workflow_id, number, kept["number"]))
    return NoticeTaken(NoticeReceipt.RECORDED, kept["number"], workflow_id, is_evidence=True)


def match(transaction: Transaction, attempts: Sequence[Attempt]) -> set[WorkflowId]:
    """Let what was told of attempts before our books knew them become their evidence.

    So it is after a restore: the lost life had sent the charge, and its gateway tells the new one.
    Gives the workflows that have evidence by it.
    """
    if not attempts:
        return set()
    sent = {attempt.charge.attempt_key: attempt for attempt in attempts}
    matched = set()
    for row in select(transaction, _TOLD_BEFORE, (write_json(list(sent)),)):
        notice, attempt = _told_again(row), sent[row["attempt_key"]]
        if notice.is_proof and notice.gateway == attempt.gateway:
            _prove(transaction, notice, row)
            matched.add(attempt.charge.workflow_id)
    return matched


def _told_again(row: Row) -> NewNotice:
    told = notice_from(row)
    return NewNotice(
        told.gateway,
        told.event_id,
        told.attempt_key,
        told.outcome,
        told.signed_and_final,
        told.received_at,
    )


def _look_again(
    transaction: Transaction, notice: NewNotice, kept: Row, named: Row, *, is_news: bool
) -> NoticeTaken:
    """Bring a look forward; the history tells of it once, however many ask for the same look."""
    workflow_id = WorkflowId(named["workflow_id"])
    if is_news:
        transaction.execute(_MATCH, (workflow_id, None, kept["number"]))
    transaction.execute(_ASK, (notice.attempt_key,))
    row = lock_row(transaction, workflow_id)
    if row is not None:
        at = look_at(workflow_from(row), notice.received_at)
        wanted: dict[str, Value] = {
            "workflow_id": workflow_id,
            "look_at": to_milliseconds(at),
        }
        transaction.execute(_LOOK, wanted)
        if row["look_at"] is None:
            add_history(transaction, [(workflow_id, _asked(notice, named["number"]))])
    receipt = NoticeReceipt.RECORDED if is_news else NoticeReceipt.DUPLICATE
    return NoticeTaken(receipt, kept["number"], workflow_id, look_asked=True)


def _asked(notice: NewNotice, attempt: int) -> HistoryEntry:
    facts = {"gateway": notice.gateway, "event_id": notice.event_id, "attempt": str(attempt)}
    return HistoryEntry(notice.received_at, Actor.INTAKE, LOOK_ASKED, facts=facts)


def list_notices(
    transaction: Transaction, *, limit: int, before: int | None, unmatched: bool
) -> list[KeptNotice]:
    """List kept notices, newest first."""
    asked = {"limit": limit, "before": _ABOVE_EVERY_NUMBER if before is None else before}
    rows = select(transaction, _UNMATCHED if unmatched else _LIST, asked)
    return [notice_from(row) for row in rows]


def notices_of(
    transaction: Transaction, workflow_id: WorkflowId, *, limit: int
) -> list[KeptNotice]:
    """List the newest notices that name an attempt of a workflow."""
    asked: dict[str, Value] = {"workflow_id": workflow_id, "limit": limit}
    return [notice_from(row) for row in select(transaction, _OF_WORKFLOW, asked)]
