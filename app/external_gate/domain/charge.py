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
    """Who stands behind a Metronome customer at the gateway.

    Ids as the operator wrote them down, never checked with the gateway: up to 255 printable
    characters, of any alphabet.
    """

    customer: str
    """The gateway's customer id; not empty."""
    payment_method: str
    """The stored payment method; empty where the gateway has a default one."""
    gateway: str | None = None
    """The gateway's name in the configuration; None takes `routing.default`. Of no use to an
    adapter: whoever is called was chosen."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One attempt to charge, as frozen when it was first saved: it never changes after that."""

    attempt_key: AttemptKey
    """The idempotency key and reference of this attempt: 20 characters of `a-z` and `2-7`, no two
    attempts alike. Hand it on unchanged; never make another key."""
    workflow_id: WorkflowId
    """Metronome's id of the workflow. A workflow may be charged again under a new attempt key, so
    this is no idempotency key."""
    workflow_type: str
    """Metronome's name for what led to the charge; may be one that is new to you, or empty."""
    customer_id: CustomerId
    """Metronome's id of the customer; the gateway's is `payer.customer`."""
    contract_id: ContractId
    invoice_id: InvoiceId
    """Metronome's ids, usually UUIDs of 36 characters: too long for some gateways' references."""
    amount: Money
    """What to take, all of it or nothing: more than 0, in a currency that was declared."""
    payer: Payer
    description: str
    """A line for people, up to some 60 characters. The one text that may be cut to fit."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Further facts for the gateway's own console; may be left out where there is no place."""


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """A charge that is to be sent now."""

    charge: Charge
    body: bytes
    """The exact bytes to send: what `build` gave when the attempt was frozen."""
    not_after: datetime
    """The send deadline, aware and in UTC, by the latest plausible time: hand it to the caller
    (`Call.not_after`), which lets no byte leave after it, also when the clock was set back."""


@dataclass(frozen=True, slots=True)
class SentCharge:
    """A charge that may have been sent: all that lookup, cancel and refund may rely on."""

    charge: Charge
    charge_id: str | None
    """The provider's id, when an answer ever gave one. Often None: that is why one asks."""
    first_sent_at: datetime | None
    """When it may first have left this machine, aware and in UTC; None when our books know of no
    send, as after the restore of a backup. To narrow a search by time, allow a day before it."""
    cancel_key: str
    """The idempotency key of the cancel, the same in every repeat: 20 letters and digits."""
    refund_key: str
    """The idempotency key of the refund, the same in every repeat: 20 letters and digits."""


class Idempotency(StrEnum):
    """How a gateway recognises a repeated charge."""

    NATIVE = "native"  # an idempotency key of the API
    NATURAL_KEY = "natural_key"  # a unique reference, an order that can be paid once
    NONE = "none"  # not at all: nothing is ever re-sent


class KeyStores(StrEnum):
    """Which answers a gateway replays under a key. In doubt, the one further down."""

    EVERY_ANSWER = "every_answer"  # declines too: one answer speaks for every send of the key
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

    The defaults are the careful ones: an adapter that declares nothing is never re-sent. Declare
    what the gateway's documentation promises, not what it was seen to do, and less when in doubt:
    too little holds a charge for a person, too much charges a customer twice.
    """

    currencies: frozenset[str] | None = None
    """ISO 4217 codes that may be charged, upper case; None allows every one with an exponent."""
    idempotency: Idempotency = Idempotency.NONE
    """How a repeat with the same key is told from a new charge."""
    window: timedelta = timedelta(0)
    """How long a key is recognised, counted from its first arrival; 0 when unpublished. Re-sends
    stop at half of it."""
    key_stores: KeyStores = KeyStores.NOTHING
    """Which answers a repeat inside the window gets again."""
    key_longest: int = 255
    """Characters that the gateway takes as key or reference, whichever takes fewer; at least 20."""
    lookup: Lookup = Lookup.NONE
    """How a charge whose answer was lost is found again; without it a person is asked."""
    visibility_lag: timedelta = timedelta(0)
    """How long after the last possible send a not-found may still be wrong: the delay of a search
    index, and how long the gateway may take to begin with a request that nobody waits for."""
    request_timeout: timedelta = timedelta(seconds=20)
    """The longest that one call to the gateway may take; below `worker.lease_seconds`."""
    settles_typically: timedelta = timedelta(0)
    """How long a pending charge is usually open; at most `settles_at_most`."""
    settles_at_most: timedelta = timedelta(0)
    """How long a pending charge may stay open; 0 for gateways that answer at once."""
    failed_is_final_after: timedelta = timedelta(0)
    """How long a decline may still turn into a success (late authorisation); 0: it is final."""
    cancel: Cancel = Cancel.NONE
    """What `cancel` can stop."""
    refund: bool = False
    """Whether `refund` is implemented."""
    notifies: bool = False
    """Whether `parse_notification` is implemented."""

    @property
    def usable_window(self) -> timedelta:
        """Give how long a key may be re-sent: half the window; nothing without idempotency."""
        if self.idempotency is Idempotency.NONE:
            return timedelta(0)
        return self.window / 2
