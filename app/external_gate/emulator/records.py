"""What the pretend Metronome remembers. Amounts are in the unit of their credit type."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from external_gate.emulator.denomination import CreditType


class ThresholdKind(StrEnum):
    """Tell the two threshold configurations apart; the value is the `workflow_type` that we send.

    Only `spend` was ever seen in public; what Metronome calls a prepaid recharge is not known.
    """

    SPEND = "spend"
    PREPAID = "prepaid"

    @property
    def field_name(self) -> str:
        """Give the configuration's name on a contract."""
        middle = "" if self is ThresholdKind.SPEND else "balance_"
        return f"{self.value}_{middle}threshold_configuration"


class WorkflowState(StrEnum):
    """Name the states that Metronome's error texts hint at."""

    PENDING = "PENDING"  # threshold reached, the gate is not open for an outcome yet
    COMMITTING = "COMMITTING"  # external_initiate is out; paid or failed is awaited
    COMMITTED = "COMMITTED"  # paid: the commit is granted
    CANCELLED = "CANCELLED"  # failed, or the invoice was voided: no commit
    EXPIRED = "EXPIRED"  # nobody answered in time


class InvoiceStatus(StrEnum):
    """Name the states of a commit purchase's invoice."""

    FINALIZED = "FINALIZED"
    VOID = "VOID"


@dataclass(slots=True)
class Customer:
    """A customer, found by id or by any ingest alias."""

    id: str
    name: str
    ingest_aliases: list[str]
    custom_fields: dict[str, str]
    created_at: datetime
    updated_at: datetime
    contract_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Contract:
    """A contract with its usage so far; `thresholds` holds each configuration as it was sent."""

    id: str
    customer_id: str
    credit_type: CreditType
    rate_card_id: str | None
    name: str | None
    starting_at: datetime
    ending_before: datetime | None
    custom_fields: dict[str, str]
    uniqueness_key: str | None
    created_at: datetime
    thresholds: dict[ThresholdKind, dict[str, object]] = field(default_factory=dict)
    usage: Decimal = Decimal(0)
    edit_keys: set[str] = field(default_factory=set)
    edits: list[dict[str, object]] = field(default_factory=list)
    """As they are listed: id, timestamp, uniqueness key and what was sent."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A balance: `amount` may be used up, `price` is what its invoice asks for."""

    id: str
    customer_id: str
    contract_id: str
    credit_type: CreditType
    product_id: str
    name: str
    description: str | None
    priority: Decimal
    amount: Decimal
    price: Decimal
    invoice_id: str | None  # None for a commit that came with the contract
    created_at: datetime


@dataclass(slots=True)
class Invoice:
    """The invoice of one commit purchase."""

    id: str
    commit: Commit
    status: InvoiceStatus
    issued_at: datetime

    @property
    def total(self) -> Decimal:
        """Give what is asked for, before tax."""
        return self.commit.price


@dataclass(frozen=True, slots=True)
class Notification:
    """One webhook message: its bytes never change, however often it is sent."""

    id: str
    type: str
    body: bytes
    customer_id: str | None = None
    contract_id: str | None = None
    workflow_id: str | None = None  # known to us for every payment_gate message, sent in one only


@dataclass(frozen=True, slots=True)
class ReleaseCall:
    """One request to the release endpoint and what became of it."""

    at: datetime
    outcome: str
    idempotency_key: str | None
    status: int | None  # None: the connection was closed before anything happened
    replayed: bool  # answered from the result stored under its idempotency key
    answered: bool  # False: the connection was closed instead


@dataclass(slots=True)
class Workflow:
    """One trip through the payment gate."""

    id: str
    kind: ThresholdKind
    invoice: Invoice
    state: WorkflowState
    opened_at: datetime
    outcome: str | None = None  # None until paid or failed was accepted
    initiate: Notification | None = None  # None where no gate stands: type NONE
    release_calls: list[ReleaseCall] = field(default_factory=list)

    @property
    def commit(self) -> Commit:
        """Give the commit that waits behind the gate."""
        return self.invoice.commit

    @property
    def is_open(self) -> bool:
        """Tell whether an outcome is still awaited."""
        return self.state in (WorkflowState.PENDING, WorkflowState.COMMITTING)
