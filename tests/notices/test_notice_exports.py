"""What the author of a notice sink imports: exactly this, and it is enough."""

import external_gate.notices
from external_gate.notices import __all__ as exported

EXPORTS = [
    "NoticeSink", "NoticeEndpoint", "SinkSurroundings", "Clock",
    "OutgoingNotice", "Delivery", "Taken", "NotTaken", "Gone",
    "Caller", "Call", "Timeouts", "CallEnd", "Answered", "NeverSent", "SentUnanswered",
    "Resolve", "is_public", "sign",
    "Broken",
]  # fmt: skip


def test_exports_are_exactly_these() -> None:
    assert exported == EXPORTS


def test_every_export_says_what_it_is() -> None:
    for name in set(EXPORTS) - {"CallEnd", "Delivery", "Resolve"}:
        assert getattr(external_gate.notices, name).__doc__, name
