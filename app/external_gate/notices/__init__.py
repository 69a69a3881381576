"""All that the author of a notice sink imports; `NoticeSink` is the contract, begin there.

A plugin imports from here alone: other modules of ours may change with any release.
"""

from external_gate.domain.clock import Clock
from external_gate.domain.errors import Broken
from external_gate.domain.public_address import is_public
from external_gate.notices.notice_sink import (
    Delivery,
    Gone,
    NoticeSink,
    NotTaken,
    OutgoingNotice,
    Resolve,
    SinkSurroundings,
    Taken,
)
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
from external_gate.settings.model import NoticeEndpoint

__all__ = [
    # The contract, and what a sink is made with
    "NoticeSink",
    "NoticeEndpoint",
    "SinkSurroundings",
    "Clock",
    # What it is given, and what it answers
    "OutgoingNotice",
    "Delivery",
    "Taken",
    "NotTaken",
    "Gone",
    # How it sends
    "Caller",
    "Call",
    "Timeouts",
    "CallEnd",
    "Answered",
    "NeverSent",
    "SentUnanswered",
    "Resolve",
    "is_public",
    "sign",
    # What `from_settings` raises for a table that cannot be used; `deliver` raises nothing
    "Broken",
]
