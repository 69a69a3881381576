"""What an undo has done to a workflow's money. Pure."""

from collections.abc import Iterable

from external_gate.domain.evidence import Attempt, Source
from external_gate.domain.outcome import Succeeded, Undone


def charged_attempt(attempts: Iterable[Attempt]) -> Attempt | None:
    """Give the attempt that took money, the latest if there are several."""
    charged = [
        attempt
        for attempt in attempts
        if any(isinstance(piece.answer, Succeeded) for piece in attempt.evidence)
    ]
    return charged[-1] if charged else None


def was_given_back(attempts: Iterable[Attempt]) -> bool:
    """Tell whether a gateway has confirmed a refund."""
    return any(
        piece.source is Source.REFUND and isinstance(piece.answer, Undone)
        for attempt in attempts
        for piece in attempt.evidence
    )
