"""All that the author of a payer source imports; `PayerSource` is the contract, begin there.

A plugin imports from here alone: other modules of ours may change with any release.
"""

from external_gate.domain.charge import Payer
from external_gate.domain.clock import Clock
from external_gate.domain.errors import BadInput, Broken, Unavailable
from external_gate.outbound.calls import (
    Answered,
    Call,
    CallEnd,
    Caller,
    NeverSent,
    SentUnanswered,
    Timeouts,
)
from external_gate.outbound.standard_webhooks import sign
from external_gate.payers.payer_source import (
    PayerQuestion,
    PayerSource,
    PayerSurroundings,
    checked_payer,
)
from external_gate.settings.model import PayersSettings

__all__ = [
    # The contract, and what a source is made with
    "PayerSource",
    "PayersSettings",
    "PayerSurroundings",
    "Clock",
    # What it is asked, and what it answers
    "PayerQuestion",
    "Payer",
    "checked_payer",
    # How it asks
    "Caller",
    "Call",
    "Timeouts",
    "CallEnd",
    "Answered",
    "NeverSent",
    "SentUnanswered",
    "sign",
    # What it raises: cannot be asked now; refuses us, or cannot be made. `checked_payer` raises
    # BadInput, which must not leave `find`
    "Unavailable",
    "Broken",
    "BadInput",
]
