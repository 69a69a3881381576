"""The inbox: what is acknowledged in a rush is kept as it came, and recorded when there is time."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.host_notice import Subscriptions
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import Facts
from external_gate.stores import sql_intake
from external_gate.stores.documents import write_json
from external_gate.stores.rows import Row, Value, facts_from
from external_gate.stores.rush import Met, Rush
from external_gate.stores.sql_transaction import Transaction, append, select
from external_gate.stores.store_records import (
    WAITS,
    NewNotification,
    Receipt,
    Recorded,
    SignedDelivery,
)
from external_gate.stores.store_rules import differences

_COLUMNS = ("body", "signed_at", "received_at", "headers")

_READ = "SELECT * FROM inbox WHERE number > :after ORDER BY number LIMIT :limit"

# What another process is just recording is passed over, not waited for.
_TAKE_OUT = """
DELETE FROM inbox WHERE number IN (
    SELECT number FROM inbox
    WHERE number IN (SELECT CAST(value AS bigint) FROM json_each(?))
    ORDER BY number /*pg: FOR UPDATE SKIP LOCKED */
)
RETURNING number
"""

_IS_ANY_BEHIND = "SELECT 1 FROM inbox WHERE number > ? LIMIT 1"

_NOTIFICATIONS = """
SELECT notification_id, type, digest FROM notifications
WHERE notification_id IN (SELECT value FROM json_each(?))
"""

_WORKFLOWS = """
SELECT workflow_id, workflow_type, customer_id, contract_id, invoice_id, invoice_total,
    invoice_currency
FROM workflows WHERE workflow_id IN (SELECT value FROM json_each(?))
"""


@dataclass(frozen=True, slots=True)
class Understood:
    """An entry of the inbox, read again."""

    number: int
    notification: NewNotification


@dataclass(frozen=True, slots=True)
class _Known:
    """What is recorded already of what comes."""

    notifications: frozenset[tuple[str, str, str]]
    facts: Mapping[str, Facts]


def keep(
    transaction: Transaction,
    notifications: Sequence[NewNotification],
    subscriptions: Subscriptions,
    rush: Rush,
) -> list[Recorded]:
    """Append deliveries to the inbox, repeated ones too; give each the answer it will have been.

    One that contradicts a workflow on record is recorded at once: it may have to stop a charge.
    """
    known = _known(transaction, [each for each in notifications if each.concerns_us])
    urgent = {id(each) for each in notifications if _contradicts(each, known)}
    at_once = [each for each in notifications if id(each) in urgent]
    waiting = [each for each in notifications if id(each) not in urgent]
    append(transaction, "inbox", _COLUMNS, [_line(each) for each in waiting])
    recorded = iter(sql_intake.record(transaction, at_once, subscriptions) if at_once else ())
    return [
        next(recorded)
        if id(each) in urgent
        else Recorded(_receipt(each, known, rush.meet(each)), WAITS, _workflow_of(each))
        for each in notifications
    ]


def read_inbox(transaction: Transaction, *, after: int, limit: int) -> list[SignedDelivery]:
    """Read what waits behind a number, in the order in which it came."""
    return [_entry(row) for row in select(transaction, _READ, {"after": after, "limit": limit})]


def note_whether_empty(transaction: Transaction, rush: Rush) -> None:
    """Look whether an inbox that is thought to be full is: others may have emptied it."""
    if rush.is_full and transaction.execute(_IS_ANY_BEHIND, (0,)).fetchone() is None:
        rush.ends()


def record_understood(
    transaction: Transaction,
    understood: Sequence[Understood],
    subscriptions: Subscriptions,
    rush: Rush,
) -> list[Recorded | None]:
    """Take entries out of the inbox and record them; None for those that were taken out before."""
    numbers = write_json([each.number for each in understood])
    ours = {number for (number,) in transaction.execute(_TAKE_OUT, (numbers,)).fetchall()}
    wanted = [each.notification for each in understood if each.number in ours]
    recorded = iter(sql_intake.record(transaction, wanted, subscriptions) if wanted else ())
    for each in understood:
        rush.take_out(each.notification)
    last = max(each.number for each in understood)
    if transaction.execute(_IS_ANY_BEHIND, (last,)).fetchone() is None:
        rush.ends()
    return [next(recorded) if each.number in ours else None for each in understood]


def _known(transaction: Transaction, notifications: Iterable[NewNotification]) -> _Known:
    """Look up what is recorded, for all of them at once.

    Whose workflow is new cannot have come before: then one tree is enough, and in a long history
    each is a read from the disk.
    """
    listed = list(notifications)
    begun = write_json([each.workflow.workflow_id for each in listed if each.workflow])
    facts = {
        row["workflow_id"]: facts_from(row) for row in select(transaction, _WORKFLOWS, (begun,))
    }
    ids = [
        each.notification_id
        for each in listed
        if each.workflow is None or each.workflow.workflow_id in facts
    ]
    notified = transaction.execute(_NOTIFICATIONS, (write_json(ids),)).fetchall() if ids else ()
    return _Known(frozenset((found, kind, digest.hex()) for found, kind, digest in notified), facts)


def _contradicts(notification: NewNotification, known: _Known) -> bool:
    """Tell whether it is new, and brings other facts for a workflow on record."""
    if notification.workflow is None or notification.identity in known.notifications:
        return False
    facts = notification.workflow.facts
    recorded = known.facts.get(facts.workflow_id)
    return recorded is not None and bool(differences(recorded, facts))


def _receipt(notification: NewNotification, known: _Known, met: Met) -> Receipt:
    """Give the answer, as `sql_intake.record` would."""
    if not notification.concerns_us:
        return Receipt.IGNORED
    if met.again or notification.identity in known.notifications:
        return Receipt.DUPLICATE
    if notification.report is not None or notification.workflow is None:
        return Receipt.RECORDED
    is_known = notification.workflow.workflow_id in known.facts  # and agrees, or it had been urgent
    return Receipt.DUPLICATE if is_known or met.agrees else Receipt.RECORDED


def _workflow_of(notification: NewNotification) -> WorkflowId | None:
    return notification.workflow.workflow_id if notification.workflow else None


def _line(notification: NewNotification) -> tuple[Value, ...]:
    return (
        notification.body,
        to_milliseconds(notification.signed_at),
        to_milliseconds(notification.received_at),
        write_json(dict(notification.headers)) if notification.headers else None,
    )


def _entry(row: Row) -> SignedDelivery:
    return SignedDelivery(
        body=row["body"],
        signed_at=from_milliseconds(row["signed_at"]),
        received_at=from_milliseconds(row["received_at"]),
        headers=json.loads(row["headers"]) if row["headers"] else {},
        number=row["number"],
    )
