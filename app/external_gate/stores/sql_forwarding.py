"""Passing Metronome's notifications on: into the outbox, in the transaction that keeps them."""

import hashlib

from external_gate.domain.clock import to_milliseconds
from external_gate.stores.documents import write_json
from external_gate.stores.rows import Value
from external_gate.stores.sql_outbox import offer
from external_gate.stores.sql_transaction import Transaction
from external_gate.stores.store_records import NewNotification

_KEEP = """
INSERT INTO host_notices (message_id, type, sequence, at, body, notification, headers)
VALUES (:message_id, :type, 0, :at, '', :notification, :headers)
RETURNING number
"""


def pass_on(transaction: Transaction, number: int, notification: NewNotification) -> None:
    """Offer a new notification to the endpoints that want it; its body is not written twice."""
    kept: dict[str, Value] = {
        "message_id": f"fwd_{_identity(notification)}",
        "type": notification.type,
        "at": to_milliseconds(notification.received_at),
        "notification": number,
        "headers": write_json(dict(notification.headers)),
    }
    # All rows are fetched, or the statement would stay open.
    ((notice,),) = transaction.execute(_KEEP, kept).fetchall()
    offer(transaction, notice, notification.forward_to, notification.received_at)


def _identity(notification: NewNotification) -> str:
    """Derive what is the same for the same notification, and for no other."""
    return hashlib.sha256("\n".join(notification.identity).encode()).hexdigest()[:32]
