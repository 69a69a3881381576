"""The contract of the contracting side: what putting thresholds on contracts asks of Metronome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from external_gate.domain.errors import Refused
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId
from external_gate.metronome.billing import Customer, InvoiceStatus

Item = TypeVar("Item")


class ThresholdKind(StrEnum):
    """Which of the two thresholds of a contract."""

    SPEND = "spend"  # charges unbilled usage when it reaches the threshold
    PREPAID = "prepaid"  # tops the balance up when it falls to the threshold

    @property
    def field_name(self) -> str:
        """Give the configuration's name on a contract."""
        middle = "" if self is ThresholdKind.SPEND else "balance_"
        return f"{self.value}_{middle}threshold_configuration"


class Gate(StrEnum):
    """Who must say that a threshold's commit is paid; Metronome's own words."""

    EXTERNAL = "EXTERNAL"  # this service
    STRIPE = "STRIPE"  # Metronome, through its own connection to Stripe
    NONE = "NONE"  # nobody: the commit is granted at once


@dataclass(frozen=True, slots=True)
class ThresholdConfig:
    """A threshold configuration; what Metronome leaves out stands here as its default."""

    kind: ThresholdKind
    is_enabled: bool
    threshold_amount: Decimal
    """In the unit of the rate card's currency, or in units of `custom_unit_id`."""
    recharge_to_amount: Decimal | None
    """What the balance is topped up to, in the same unit; None for spend."""
    custom_unit_id: str | None
    product_id: str
    commit_name: str | None
    payment_fraction: Decimal
    """What the customer pays of the amount: 0.85 is a discount of 15 %."""
    gate: str
    """A `Gate`, or what Metronome may have invented since."""
    tax_type: str
    tax_amount: Decimal | None
    """With `PRECALCULATED`, in the unit of the rate card's currency."""
    tax_name: str | None
    stripe_payment_type: str | None
    told: Mapping[str, object] = field(compare=False, default_factory=dict)
    """The configuration as Metronome tells it, for the parts that we do not know."""


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """A contract, as far as its thresholds depend on it."""

    customer_id: CustomerId
    contract_id: ContractId
    name: str | None
    rate_card_id: str | None
    starting_at: datetime
    ending_before: datetime | None
    archived_at: datetime | None
    uniqueness_key: str | None
    thresholds: Mapping[ThresholdKind, ThresholdConfig]
    paid_invoices: frozenset[InvoiceId] = frozenset()
    """The invoices of its active commits; one that is absent proves nothing."""


@dataclass(frozen=True, slots=True)
class CustomUnit:
    """A custom pricing unit of a rate card."""

    unit_id: str
    name: str
    fiat_each: Decimal
    """What one costs, in the unit of the rate card's currency."""


@dataclass(frozen=True, slots=True)
class RateCard:
    """A rate card, as far as amounts depend on it."""

    rate_card_id: str
    fiat_id: str | None
    fiat_name: str | None
    """None when Metronome does not say; its own default is then USD (cents)."""
    custom_units: tuple[CustomUnit, ...] = ()


@dataclass(frozen=True, slots=True)
class Purchase:
    """An invoice with a line that buys a commit."""

    invoice_id: InvoiceId
    status: InvoiceStatus
    total: Decimal
    """In Metronome's unit of its credit type."""
    credit_type_id: str
    credit_type_name: str
    issued_at: datetime | None
    product_ids: frozenset[str]
    """Of the lines that buy commits."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a listing."""

    items: Sequence[Item]
    following: str | None
    """Where the next part begins; None at the end."""


class AlreadyMade(Refused):
    """A change with this uniqueness key was made before, by an earlier call of ours: read back."""


class Contracting(Protocol):
    """Metronome, as whoever puts thresholds on contracts sees it.

    The reads raise as those of `Billing`: `Unavailable`, `Broken` for our token; they give None for
    what does not exist. The two changes raise `Refused` when Metronome says no, `AlreadyMade` for a
    uniqueness key that was used; after `Unavailable` the change may have been made.
    """

    async def terms(self, customer_id: CustomerId, contract_id: ContractId) -> ContractTerms | None:
        """Read a contract with its thresholds."""
        ...

    async def edit_ids(self, customer_id: CustomerId, contract_id: ContractId) -> frozenset[str]:
        """Give the ids of all edits that were ever made to a contract."""
        ...

    async def rate_card(self, rate_card_id: str) -> RateCard | None:
        """Read a rate card."""
        ...

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """Read a customer."""
        ...

    async def customers(self, following: str | None = None) -> Page[Customer]:
        """List customers."""
        ...

    async def contracts_of(
        self, customer_id: CustomerId, following: str | None = None
    ) -> Page[ContractTerms]:
        """List a customer's contracts that are not archived."""
        ...

    async def purchases(
        self, customer_id: CustomerId, contract_id: ContractId, following: str | None = None
    ) -> Page[Purchase]:
        """List a contract's invoices that buy commits, newest first; a page may be empty."""
        ...

    async def edit_contract(
        self,
        customer_id: CustomerId,
        contract_id: ContractId,
        *,
        changes: Mapping[str, Any],  # whatever Metronome's edit endpoint takes
        uniqueness_key: str | None = None,
        not_after: datetime | None = None,
    ) -> None:
        """Change a contract; no byte leaves after `not_after`."""
        ...

    async def create_contract(
        self,
        customer_id: CustomerId,
        *,
        contract: Mapping[str, Any],  # whatever Metronome's create endpoint takes
        uniqueness_key: str,
    ) -> ContractId:
        """Make a contract and give its id."""
        ...
