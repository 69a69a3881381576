"""All that the author of a gateway adapter imports; `Gateway` is the contract, begin there.

A plugin imports from here alone: other modules of ours may change with any release.
"""

from external_gate.domain.charge import (
    Cancel,
    Capabilities,
    Charge,
    ChargeRequest,
    Idempotency,
    KeyStores,
    Lookup,
    Payer,
    SentCharge,
)
from external_gate.domain.clock import Clock
from external_gate.domain.errors import BadInput, Broken, Refused
from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Outcome,
    Pending,
    Succeeded,
    TooLate,
    Undo,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.gateways.gateway import Gateway, GatewayNotice, Surroundings
from external_gate.outbound.calls import (
    Answered,
    Call,
    CallEnd,
    Caller,
    NeverSent,
    SentUnanswered,
    Timeouts,
)
from external_gate.outbound.standard_webhooks import sign, verify

__all__ = [
    # The contract, and what an adapter is made with
    "Gateway",
    "Surroundings",
    "Clock",
    # What it promises
    "Capabilities",
    "Idempotency",
    "KeyStores",
    "Lookup",
    "Cancel",
    # What it is asked
    "ChargeRequest",
    "SentCharge",
    "Charge",
    "AttemptKey",
    "Money",
    "Payer",
    # How it asks the gateway
    "Caller",
    "Call",
    "Timeouts",
    "CallEnd",
    "Answered",
    "NeverSent",
    "SentUnanswered",
    # What it answers about a charge
    "Outcome",
    "Succeeded",
    "Declined",
    "DeclineKind",
    "Pending",
    "Unknown",
    "NotSent",
    "Misconfigured",
    "NotFound",
    # What it answers about a cancel or refund
    "Undo",
    "Undone",
    "UndoPending",
    "TooLate",
    "UndoUnknown",
    # What it makes of the gateway's notifications
    "GatewayNotice",
    "sign",
    "verify",
    # What it raises: this charge cannot be expressed; this notification is not believed; this
    # gateway cannot be made from its settings
    "BadInput",
    "Refused",
    "Broken",
]
