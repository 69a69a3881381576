"""The notifications, with exactly the properties that Metronome documents for each type.

Source: docs.metronome.com, guides/platform-configuration/setup-webhooks, read 2026-08-28.
"""

from collections.abc import Mapping
from datetime import datetime

from external_gate.emulator.decimal_json import render_json
from external_gate.emulator.emulated_time import rfc3339
from external_gate.emulator.records import Notification, Workflow


def threshold_reached(workflow: Workflow, *, message_id: str, now: datetime) -> Notification:
    """Announce that a threshold was reached."""
    properties = _common(workflow) | {"timestamp": rfc3339(now)}
    return _about(workflow, message_id, "payment_gate.threshold_reached", properties)


def external_initiate(workflow: Workflow, *, message_id: str) -> Notification:
    """Ask for the payment: the only message that carries the workflow's id and the amount."""
    properties = _common(workflow) | {
        "workflow_id": workflow.id,
        "invoice_id": workflow.invoice.id,
        "invoice_total": workflow.invoice.total,
        "invoice_currency": workflow.commit.credit_type.code,
    }
    return _about(workflow, message_id, "payment_gate.external_initiate", properties)


def payment_status(
    workflow: Workflow, *, message_id: str, status: str, now: datetime
) -> Notification:
    """Report how the payment ended: `paid` or `failed`."""
    properties = _common(workflow) | {
        "invoice_id": workflow.invoice.id,
        "payment_status": status,
        "timestamp": rfc3339(now),
    }
    if status == "failed":
        properties["error_message"] = "The external payment gate reported a failed payment."
    return _about(workflow, message_id, "payment_gate.payment_status", properties)


def action_required(
    workflow: Workflow, *, message_id: str, error_message: str, billing_provider: object = None
) -> Notification:
    """Report that the customer has to do something, such as 3-D Secure."""
    properties = _common(workflow) | {
        "invoice_id": workflow.invoice.id,
        "error_message": error_message,
    }
    if billing_provider is not None:
        properties["billing_provider"] = billing_provider
    return _about(workflow, message_id, "payment_gate.payment_pending_action_required", properties)


def anything(message_type: str, *, message_id: str, properties: object = None) -> Notification:
    """Make a message of any type; without properties it looks like `webhooks.test`."""
    message: dict[str, object] = {"id": message_id, "type": message_type}
    if properties is not None:
        message["properties"] = properties
    return Notification(message_id, message_type, render_json(message))


def _common(workflow: Workflow) -> dict[str, object]:
    return {
        "workflow_type": workflow.kind.value,
        "customer_id": workflow.commit.customer_id,
        "contract_id": workflow.commit.contract_id,
    }


def _about(
    workflow: Workflow, message_id: str, message_type: str, properties: Mapping[str, object]
) -> Notification:
    return Notification(
        id=message_id,
        type=message_type,
        body=render_json({"id": message_id, "properties": properties, "type": message_type}),
        customer_id=workflow.commit.customer_id,
        contract_id=workflow.commit.contract_id,
        workflow_id=workflow.id,
    )
