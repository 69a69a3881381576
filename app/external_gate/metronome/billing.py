"""The contract of the billing side: what the engine asks of Metronome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.workflow import Verdict


class InvoiceStatus(StrEnum):
    """Where an invoice of Metronome's is; what we do not know is `OTHER`, never a guess."""

    DRAFT = "DRAFT"
    FINALIZED = "FINALIZED"
    VOID = "VOID"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice, as far as a charge depends on it."""

    invoice_id: InvoiceId
    customer_id: CustomerId
    contract_id: ContractId | None
    status: InvoiceStatus
    total: Decimal
    """In Metronome's unit of its credit type."""
    credit_type_id: str
    credit_type_name: str
    customer_custom_fields: Mapping[str, str] = field(default_factory=dict)
    contract_custom_fields: Mapping[str, str] = field(default_factory=dict)
    commit_ids: frozenset[str] = frozenset()
    """The commits that its lines pay for."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer, as far as a charge depends on it."""

    customer_id: CustomerId
    name: str
    custom_fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract, as far as proving a release depends on it."""

    contract_id: ContractId
    active_commit_ids: frozenset[str] = frozenset()
    """Commits that exist and are not archived."""
    invoices_of_commits: Mapping[str, frozenset[InvoiceId]] = field(default_factory=dict)
    """Which invoices pay for which commit, where the commit's schedule says so."""
    custom_fields: Mapping[str, str] = field(default_factory=dict)
    threshold_enabled: bool | None = None
    """Whether its threshold is on; None when it has none."""


class ReleaseResult(StrEnum):
    """How one release call ended, by what may be done next."""

    DONE = "done"  # 2xx
    ALREADY_COMMITTED = "already_committed"  # committed, by whichever call
    NOT_COMMITTING = "not_committing"  # not in a state that can be released
    CONFLICT = "conflict"  # 409: the same key is in progress, or carries other parameters
    REFUSED = "refused"  # 404 and every other 4xx
    UNAUTHORIZED = "unauthorized"  # 401, 403: our token
    BUSY = "busy"  # 408, 429: later, same key
    FAILED = "failed"  # a received 5xx: Metronome replays it, so the next key
    UNANSWERED = "unanswered"  # it may have arrived: same key
    NOT_SENT = "not_sent"  # it certainly did not: same key


@dataclass(frozen=True, slots=True)
class ReleaseAnswer:
    """What one release call came to."""

    result: ReleaseResult
    detail: str = ""
    """Metronome's message or the cause, without secrets, at most 500 characters."""
    retry_after: timedelta | None = None


class Billing(Protocol):
    """Metronome, as the engine sees it.

    `release` never raises for what the outside does. The reads raise `Unavailable` (network, 408,
    429, 5xx, an answer that cannot be read) and `Broken` (401, 403: our token), and give None for
    what does not exist.
    """

    async def release(
        self, workflow_id: WorkflowId, verdict: Verdict, *, key: str, not_after: datetime
    ) -> ReleaseAnswer:
        """Tell the outcome of a workflow, once; `key` is sent as `Idempotency-Key`.

        No byte leaves after `not_after`: a worker that was stopped must not tell what others have
        changed since.
        """
        ...

    async def invoice(self, customer_id: CustomerId, invoice_id: InvoiceId) -> Invoice | None:
        """Read an invoice."""
        ...

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """Read a customer."""
        ...

    async def contract(self, customer_id: CustomerId, contract_id: ContractId) -> Contract | None:
        """Read a contract with its commits."""
        ...

    async def edit_contract(
        self,
        customer_id: CustomerId,
        contract_id: ContractId,
        *,
        changes: Mapping[str, Any],  # whatever Metronome's edit endpoint takes
        uniqueness_key: str | None = None,
    ) -> None:
        """Change a contract. Raises `Refused` when Metronome refuses the change."""
        ...
