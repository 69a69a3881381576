"""Every value that a label may take; what the outside could invent becomes `other`.

Those named after rooms above this one are held against them by a test.
"""

from external_gate.domain.aftermath import Stage
from external_gate.domain.evidence import Source
from external_gate.domain.ledger import Deferral, IncidentKind
from external_gate.domain.workflow import ENDED, HeldReason, State
from external_gate.observe.families import OneOf

RECEIPTS = OneOf("recorded", "duplicate", "ignored")
REFUSALS = OneOf(
    *("missing_signature", "missing_date", "wrong_signature", "unreadable_date", "too_old"),
    *("too_new", "body_too_large", "body_too_slow", "overloaded", "not_in_time"),
    "not_durable",
    others=True,
)
NOTICE_EFFECTS = OneOf(
    *("evidence", "look", "duplicate", "unmatched", "misdirected", "ignored"), others=True
)
NOTICE_REFUSALS = OneOf(
    *("unknown_gateway", "not_verified", "unreadable", "adapter_failed", "body_too_large"),
    *("body_too_slow", "not_durable"),
    others=True,
)
OUTCOMES = OneOf(
    *("succeeded", "declined", "pending", "unknown", "not_sent", "misconfigured", "not_found"),
    *("undone", "undo_pending", "too_late", "undo_unknown"),
    others=True,
)
RELEASE_RESULTS = OneOf(
    *("done", "already_committed", "not_committing", "conflict", "refused", "unauthorized"),
    *("busy", "failed", "unanswered", "not_sent"),
    others=True,
)
NOTICE_RESULTS = OneOf("delivered", "not_accepted", "dead", others=True)
AFTERMATH_STAGES = OneOf(*(stage for stage in Stage if stage is not Stage.CONFIRMING))
ERRORS = OneOf("bad_input", "refused", "unavailable", "broken", others=True)
"""The branches of our tree of errors; `other` is a bug."""

UNFINISHED = OneOf(*(state for state in State if state not in ENDED))
ENDS = OneOf(*(state for state in State if state in ENDED))
HELD_REASONS = OneOf(*HeldReason)
DEFERRALS = OneOf(*Deferral)
INCIDENT_KINDS = OneOf(*IncidentKind)
OPERATIONS = OneOf(*(source for source in Source if source is not Source.NOTICE))
