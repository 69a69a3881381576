"""The outbox, from rows, the same for every store."""

import json
from collections.abc import Sequence

from external_gate.domain.clock import from_milliseconds
from external_gate.domain.host_notice import (
    DeliveryState,
    DueNotice,
    KeptHostNotice,
    NoticeDelivery,
)
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores.rows import Row, instant


def kept_from(row: Row, deliveries: Sequence[NoticeDelivery]) -> KeptHostNotice:
    """Read a notice."""
    workflow_id = row["workflow_id"]
    return KeptHostNotice(
        number=row["number"],
        message_id=row["message_id"],
        type=row["type"],
        workflow_id=None if workflow_id is None else WorkflowId(workflow_id),
        sequence=row["sequence"],
        at=from_milliseconds(row["at"]),
        body=row["body"],
        notification=row["notification"],
        deliveries=tuple(deliveries),
    )


def delivery_from(row: Row) -> NoticeDelivery:
    """Read how far a notice has come on its way to one endpoint."""
    return NoticeDelivery(
        endpoint=row["endpoint"],
        state=DeliveryState(row["state"]),
        due_at=instant(row["due_at"]),
        give_up_at=from_milliseconds(row["give_up_at"]),
        tries=row["tries"],
        tried_at=instant(row["tried_at"]),
        ended_at=instant(row["ended_at"]),
        outcome=row["outcome"],
    )


def due_from(row: Row) -> DueNotice:
    """Read a delivery, joined with its notice, that was claimed just now."""
    return DueNotice(
        number=row["notice"],
        endpoint=row["endpoint"],
        message_id=row["message_id"],
        type=row["type"],
        body=row["body"].encode() if row["original"] is None else bytes(row["original"]),
        at=from_milliseconds(row["at"]),
        give_up_at=from_milliseconds(row["give_up_at"]),
        tries=row["tries"],
        rung=row["tries"] - row["resent_after"],
        headers={} if row["headers"] is None else json.loads(row["headers"]),
    )
