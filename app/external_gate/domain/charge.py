"""What is asked of a gateway: the charge, whom it concerns, and what the gateway can do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from external_gate.domain.identifiers import (
    AttemptKey,
    ContractId,
    CustomerId,
    InvoiceId,
    WorkflowId,
)
from external_gate.domain.money import Money


@dataclass(frozen=True, slots=True)
class Payer:
    """Who stands behind a Metronome customer at the gateway."""

    customer: str
    """The gateway's customer id."""
    payment_method: str
    """The stored payment method; empty where the gateway has a default one."""
    gateway: str | None = None
    """The gateway's name in the configuration; None takes `routing.default`."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One attempt to charge, as frozen when it was first saved."""

    attempt_key: AttemptKey
    workflow_id: WorkflowId
    workflow_type: str
    customer_id: CustomerId
    contract_id: ContractId
    invoice_id: InvoiceId
    amount: Money
    payer: Payer
    description: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """A charge that is to be sent now."""

    charge: Charge
    body: bytes
    """The exact bytes to send: what `build` gave when the attempt was frozen."""
    not_after: datetime
    """The send deadline: no byte may leave after it."""


@dataclass(frozen=True, slots=True)
class SentCharge:
    """A charge that may have been sent: all that lookup, cancel and refund may rely on."""

    charge: Charge
    charge_id: str | None
    """The provider's id, when an answer ever gave one."""
    first_sent_at: datetime | None
    cancel_key: str
    """The idempotency key of the cancel, the same in every repeat."""
    refund_key: str
    """The idempotency key of the refund, the same in every repeat."""


class Idempotency(StrEnum):
    """How a gateway recognises a repeated charge."""

    NATIVE = "native"  # an idempotency key of the API
    NATURAL_KEY = "natural_key"  # a unique reference, an order that can be paid once
    NONE = "none"  # not at all: nothing is ever re-sent


class KeyStores(StrEnum):
    """Which answers a gateway replays under a key."""

    EVERY_ANSWER = "every_answer"
    SUCCESS_ONLY = "success_only"  # a repeat after a decline is a fresh try
    NOTHING = "nothing"


class Lookup(StrEnum):
    """How a charge whose answer was lost is found again."""

    QUERY = "query"  # `lookup` asks by our key or reference
    REPLAY = "replay"  # sending the same key again gives the stored answer
    NONE = "none"


class Cancel(StrEnum):
    """What `cancel` can stop."""

    BY_KEY = "by_key"  # also a key that was never seen: it is burnt for ever
    BY_CHARGE = "by_charge"  # a charge that the gateway knows
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway promises, as data; the core enforces it.

    The defaults are the careful ones: an adapter that declares nothing is never re-sent.
    """

    currencies: frozenset[str] | None = None
    """ISO 4217 codes that may be charged; None allows every one with an exponent."""
    idempotency: Idempotency = Idempotency.NONE
    window: timedelta = timedelta(0)
    """How long a key is recognised; 0 when unpublished."""
    key_stores: KeyStores = KeyStores.NOTHING
    key_longest: int = 255
    lookup: Lookup = Lookup.NONE
    visibility_lag: timedelta = timedelta(0)
    """How long after the last possible send a not-found may still be wrong."""
    request_timeout: timedelta = timedelta(seconds=20)
    """The longest that one call to the gateway may take."""
    settles_typically: timedelta = timedelta(0)
    settles_at_most: timedelta = timedelta(0)
    """How long a pending charge may stay open; 0 for gateways that answer at once."""
    failed_is_final_after: timedelta = timedelta(0)
    """How long a decline may still turn into a success (late authorisation)."""
    cancel: Cancel = Cancel.NONE
    refund: bool = False
    notifies: bool = False
    """Whether `parse_notification` is implemented."""

    @property
    def usable_window(self) -> timedelta:
        """Give how long a key may be re-sent: half the window; nothing without idempotency."""
        if self.idempotency is Idempotency.NONE:
            return timedelta(0)
        return self.window / 2
