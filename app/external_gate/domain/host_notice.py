"""What the host application is told by itself, and what has become of telling it. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.money import Money
from external_gate.domain.workflow import HeldReason, State

GIVE_UP_AFTER = timedelta(days=3)
"""How long a notice is offered to one endpoint: a weekend, as Standard Webhooks advises."""


class NoticeType(StrEnum):
    """What a notice is about; pinned, host applications dispatch on it."""

    RELEASED = "workflow.released"  # Metronome was told `paid`
    CANCELLED = "workflow.cancelled"  # Metronome was told `failed`
    HELD = "workflow.held"  # a person must decide
    ACTION_REQUIRED = "workflow.pending_action_required"  # the customer must, at an address
    REFUNDED = "workflow.refunded"  # the money was given back
    INCIDENT = "incident.raised"  # contradicting evidence that a person should look at
    THRESHOLD_DISABLED = "threshold.disabled"
    THRESHOLD_ENABLED = "threshold.enabled"


class DeliveryState(StrEnum):
    """How far a notice has come on its way to one endpoint."""

    WAITING = "waiting"  # for its next try, or for the end of the one under way
    DELIVERED = "delivered"  # the endpoint has answered 2xx
    DEAD = "dead"  # given up: only a person sends it again


Subscriptions = Mapping[NoticeType, tuple[str, ...]]
"""Which endpoints get which notices, by their names in the configuration."""


@dataclass(frozen=True, slots=True)
class HostNotice:
    """One thing to tell; ids, state and money, never a word of a gateway's or of a person's."""

    type: NoticeType
    at: datetime
    customer_id: CustomerId
    contract_id: ContractId
    workflow_id: WorkflowId | None = None
    """None when it tells of a contract that no workflow stands behind."""
    invoice_id: InvoiceId | None = None
    state: State | None = None
    held_reason: HeldReason | None = None
    amount: Money | None = None
    charge_id: str | None = None
    action_url: str | None = None
    """Where the customer can finish the payment; with `pending_action_required` alone."""
    incident: IncidentKind | None = None


@dataclass(frozen=True, slots=True)
class NoticeDelivery:
    """A notice on its way to one endpoint."""

    endpoint: str
    state: DeliveryState
    due_at: datetime | None
    """When it is tried next; None unless it waits."""
    give_up_at: datetime
    tries: int
    tried_at: datetime | None
    """When the latest try began; None before the first."""
    ended_at: datetime | None
    """When it was delivered or given up; None while it waits."""
    outcome: str
    """What the latest try came to, in words."""


@dataclass(frozen=True, slots=True)
class KeptHostNotice:
    """A notice in the outbox, with the bytes that every try sends."""

    number: int
    message_id: str
    """The same at every try: by it the host knows a repeat."""
    type: str
    workflow_id: WorkflowId | None
    sequence: int
    """Counts a workflow's notices from 1; 0 for one without a workflow."""
    at: datetime
    body: str
    """Empty of one that is passed on: its bytes are those of the notification."""
    notification: int | None = None
    """The number of Metronome's notification that is passed on; None for a notice of ours."""
    deliveries: tuple[NoticeDelivery, ...] = ()


@dataclass(frozen=True, slots=True)
class DueNotice:
    """One try that an endpoint was claimed for."""

    number: int
    endpoint: str
    message_id: str
    type: str
    body: bytes
    at: datetime
    give_up_at: datetime
    tries: int
    """This try's number, from 1; it guards what becomes of the delivery."""
    rung: int
    """This try's number since the notice began to be offered, or a person sent it again."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those that are passed on with it; none of a notice of ours."""


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Which notices to list, newest first; every field narrows."""

    endpoint: str | None = None
    state: DeliveryState | None = None
    """Of the delivery to `endpoint`, or to any."""
    workflow_id: WorkflowId | None = None
    forwarded: bool | None = None
    """Only Metronome's notifications that are passed on, or only notices of ours."""
    limit: int = 100
    before: int | None = None
    """Only below this number: the next page."""


def body_of(notice: HostNotice, sequence: int) -> str:
    """Write the body as Standard Webhooks has it: type, timestamp, data; in plain ASCII."""
    told: dict[str, object] = {
        "workflow_id": notice.workflow_id,
        "sequence": sequence,
        # Empty where the notification was not understood.
        "customer_id": notice.customer_id or None,
        "contract_id": notice.contract_id or None,
        "invoice_id": notice.invoice_id or None,
        "state": notice.state,
        "held_reason": notice.held_reason,
        "amount": _amount(notice.amount),
        "charge_id": notice.charge_id,
    }
    if notice.action_url is not None:
        told["action_url"] = notice.action_url
    if notice.incident is not None:
        told["incident"] = {"kind": notice.incident}
    whole = {"type": notice.type, "timestamp": _written(notice.at), "data": told}
    return json.dumps(whole, separators=(",", ":"))


def message_id_of(body: str) -> str:
    """Derive the id by which a receiver knows a repeat; no two notices have the same body."""
    return f"msg_{hashlib.sha256(body.encode()).hexdigest()[:32]}"


def _amount(amount: Money | None) -> Mapping[str, object] | None:
    return None if amount is None else {"minor": amount.minor, "currency": amount.currency}


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
