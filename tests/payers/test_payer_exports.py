"""What the author of a payer source imports: exactly this, and it is enough."""

import external_gate.payers
from external_gate.payers import __all__ as exported

EXPORTS = [
    "PayerSource", "PayersSettings", "PayerSurroundings", "Clock",
    "PayerQuestion", "Payer", "checked_payer",
    "Caller", "Call", "Timeouts", "CallEnd", "Answered", "NeverSent", "SentUnanswered", "sign",
    "Unavailable", "Broken", "BadInput",
]  # fmt: skip


def test_exports_are_exactly_these() -> None:
    assert exported == EXPORTS


def test_every_export_says_what_it_is() -> None:
    for name in set(EXPORTS) - {"CallEnd"}:
        assert getattr(external_gate.payers, name).__doc__, name
