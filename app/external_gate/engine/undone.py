"""What an undo has done to a workflow's money. Pure."""

from collections.abc import Iterable

from external_gate.domain.evidence import Attempt, Source
from external_gate.domain.outcome import Succeeded, Undone


def charged_attempt(attempts: Iterable[Attempt]) -> Attempt | None:
    """Give the attempt that took money and keeps it, the latest if there are several."""
    charged = [a for a in attempts if took_money(a) and not was_given_back([a])]
    return charged[-1] if charged else None


def took_money(attempt: Attempt) -> bool:
    """Tell whether a success is on record, whatever else is."""
    return any(isinstance(piece.answer, Succeeded) for piece in attempt.evidence)


def was_given_back(attempts: Iterable[Attempt]) -> bool:
    """Tell whether a gateway has confirmed a refund."""
    return any(
        piece.source is Source.REFUND and isinstance(piece.answer, Undone)
        for attempt in attempts
        for piece in attempt.evidence
    )
