"""Workflows, notifications and payers, to rows and back, the same for every store."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from external_gate.domain.charge import Payer
from external_gate.domain.clock import from_milliseconds, to_milliseconds
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.money import Money
from external_gate.domain.workflow import Facts, HeldReason, State, Verdict, Workflow
from external_gate.stores.documents import write_json
from external_gate.stores.store_records import NewNotification, Notification

Value = str | int | bytes | None
Row = Mapping[str, Any]
"""One row by column name. Any: a database driver does not know our types."""


def facts_from(row: Row) -> Facts:
    """Read what the notification said."""
    total = row["invoice_total"]
    return Facts(
        workflow_id=WorkflowId(row["workflow_id"]),
        workflow_type=row["workflow_type"],
        customer_id=CustomerId(row["customer_id"]),
        contract_id=ContractId(row["contract_id"]),
        invoice_id=InvoiceId(row["invoice_id"]),
        total=None if total is None else Decimal(total),
        currency=row["invoice_currency"],
    )


def workflow_from(row: Row) -> Workflow:
    """Read a workflow."""
    minor = row["amount_minor"]
    return Workflow(
        facts=facts_from(row),
        state=State(row["state"]),
        received_at=from_milliseconds(row["received_at"]),
        updated_at=from_milliseconds(row["updated_at"]),
        due_at=instant(row["due_at"]),
        fence=row["fence"],
        held_reason=_held_reason(row["held_reason"]),
        held_detail=row["held_detail"],
        verdict=None if row["verdict"] is None else Verdict(row["verdict"]),
        amount=None if minor is None else Money(minor, row["currency"]),
        rounding=row["rounding"],
        tries=row["tries"],
        trying_since=instant(row["trying_since"]),
        pending_deadline=instant(row["pending_deadline"]),
        undo_asked_at=instant(row["undo_asked_at"]),
        hold_wanted=_held_reason(row["hold_wanted"]),
        hold_wanted_detail=row["hold_wanted_detail"],
        approvals=frozenset(json.loads(row["approvals"])),
        restored_at=instant(row["restored_at"]),
        void_seen_at=instant(row["void_seen_at"]),
        release_generation=row["release_generation"],
        look_at=instant(row["look_at"]),
        looked_at=instant(row["looked_at"]),
        evidence_read=row["evidence_read"],
        deferred_by=row["deferred_by"] or "",
    )


def facts_values(facts: Facts) -> dict[str, Value]:
    """Write what the notification said; the total keeps every digit."""
    return {
        "workflow_id": facts.workflow_id,
        "workflow_type": facts.workflow_type,
        "customer_id": facts.customer_id,
        "contract_id": facts.contract_id,
        "invoice_id": facts.invoice_id,
        "invoice_total": None if facts.total is None else str(facts.total),
        "invoice_currency": facts.currency,
    }


def workflow_values(workflow: Workflow) -> dict[str, Value]:
    """Write what may change of a workflow, all but its fence and lease."""
    amount = workflow.amount
    return {
        "workflow_id": workflow.workflow_id,
        "state": workflow.state.value,
        "received_at": to_milliseconds(workflow.received_at),
        "updated_at": to_milliseconds(workflow.updated_at),
        "due_at": milliseconds(workflow.due_at),
        "held_reason": workflow.held_reason.value if workflow.held_reason else None,
        "held_detail": workflow.held_detail,
        "verdict": workflow.verdict.value if workflow.verdict else None,
        "amount_minor": amount.minor if amount else None,
        "currency": amount.currency if amount else None,
        "rounding": workflow.rounding,
        "tries": workflow.tries,
        "trying_since": milliseconds(workflow.trying_since),
        "pending_deadline": milliseconds(workflow.pending_deadline),
        "undo_asked_at": milliseconds(workflow.undo_asked_at),
        "hold_wanted": workflow.hold_wanted.value if workflow.hold_wanted else None,
        "hold_wanted_detail": workflow.hold_wanted_detail,
        "approvals": write_json(sorted(workflow.approvals)) if workflow.approvals else "[]",
        "restored_at": milliseconds(workflow.restored_at),
        "void_seen_at": milliseconds(workflow.void_seen_at),
        "release_generation": workflow.release_generation,
        "look_at": milliseconds(workflow.look_at),
        "looked_at": milliseconds(workflow.looked_at),
        "evidence_read": workflow.evidence_read,
        "deferred_by": workflow.deferred_by or None,
    }


def notification_from(row: Row) -> Notification:
    """Read one kept notification."""
    workflow_id = row["workflow_id"]
    return Notification(
        number=row["number"],
        notification_id=row["notification_id"],
        type=row["type"],
        digest=row["digest"].hex(),
        body=row["body"],
        signed_at=from_milliseconds(row["signed_at"]),
        received_at=from_milliseconds(row["received_at"]),
        deliveries=row["deliveries"],
        flaw=row["flaw"],
        workflow_id=None if workflow_id is None else WorkflowId(workflow_id),
    )


def notification_values(notification: NewNotification) -> dict[str, Value]:
    """Write a notification as it arrived."""
    workflow = notification.workflow
    return {
        "notification_id": notification.notification_id,
        "type": notification.type,
        "digest": bytes.fromhex(notification.digest),
        "body": notification.body,
        "signed_at": to_milliseconds(notification.signed_at),
        "received_at": to_milliseconds(notification.received_at),
        "flaw": notification.flaw,
        "workflow_id": workflow.workflow_id if workflow else None,
    }


def payer_from(row: Row) -> Payer:
    """Read a customer's payer."""
    return Payer(
        customer=row["gateway_customer"],
        payment_method=row["payment_method"],
        gateway=row["gateway"],
    )


def _held_reason(value: str | None) -> HeldReason | None:
    return None if value is None else HeldReason(value)


def milliseconds(instant: datetime | None) -> int | None:
    """Write an instant that may be missing."""
    return None if instant is None else to_milliseconds(instant)


def instant(value: int | None) -> datetime | None:
    """Read an instant that may be missing."""
    return None if value is None else from_milliseconds(value)
