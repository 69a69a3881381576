"""Counts that a run of the tests shows at its end: seeds, crash points swept, faults caught."""

from collections import Counter

COUNTED: Counter[str] = Counter()
"""What was counted so far; shown once, in the order of its first mention."""


def count(what: str, by: int = 1) -> None:
    """Add to what the terminal's summary shows. `what` reads well before its number."""
    COUNTED[what] += by
