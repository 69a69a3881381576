"""What has become of a workflow's money after it was taken. Pure."""

from collections.abc import Iterable

from external_gate.domain.evidence import Attempt, Source
from external_gate.domain.ledger import REFUNDED_BY_HAND
from external_gate.domain.outcome import Succeeded, Undone
from external_gate.domain.workflow import Workflow


def charged_attempt(workflow: Workflow, attempts: Iterable[Attempt]) -> Attempt | None:
    """Give the attempt whose gateway can be asked to give money back, the latest of several."""
    charged = [
        attempt
        for attempt in attempts
        if took_money(attempt)
        and not was_given_back([attempt])
        and not _was_ever_given_back_by_hand(workflow, attempt)
    ]
    return charged[-1] if charged else None


def kept_attempt(workflow: Workflow, attempts: Iterable[Attempt]) -> Attempt | None:
    """Give the latest attempt whose money is not all back, whether we can ask for it or not."""
    kept = [attempt for attempt in attempts if keeps_money(workflow, attempt)]
    return kept[-1] if kept else None


def keeps_money(workflow: Workflow, attempt: Attempt) -> bool:
    """Tell whether it took money that is not all back."""
    return (
        took_money(attempt)
        and not was_given_back_by_hand(workflow, attempt)
        and (has_charged_twice(attempt) or not was_given_back([attempt]))
    )


def took_money(attempt: Attempt) -> bool:
    """Tell whether a success is on record, whatever else is."""
    return any(isinstance(piece.answer, Succeeded) for piece in attempt.evidence)


def has_charged_twice(attempt: Attempt) -> bool:
    """Tell whether two charges stand under its key: a refund gives only one of them back."""
    answers = (piece.answer for piece in attempt.evidence)
    return len({a.charge_id for a in answers if isinstance(a, Succeeded)}) > 1


def was_given_back(attempts: Iterable[Attempt]) -> bool:
    """Tell whether a gateway has confirmed a refund."""
    return any(
        piece.source is Source.REFUND and isinstance(piece.answer, Undone)
        for attempt in attempts
        for piece in attempt.evidence
    )


def was_given_back_by_hand(workflow: Workflow, attempt: Attempt) -> bool:
    """Tell whether a person has said, with evidence, that all money of the attempt is back."""
    return given_back_by_hand(attempt) in workflow.approvals


def _was_ever_given_back_by_hand(workflow: Workflow, attempt: Attempt) -> bool:
    """Whether a person gave money of it back: then its gateway is not asked for any, ever."""
    return any(word.startswith(f"{BY_HAND}{attempt.number}:") for word in workflow.approvals)


def unknown_is_accepted(attempt: Attempt) -> str:
    """Give the word by which a workflow remembers that a refund may end beside this attempt.

    It is unknown, and a person has looked by hand.
    """
    return f"unknown_accepted:{attempt.number}"


BY_HAND = REFUNDED_BY_HAND
"""How the words begin by which a workflow remembers, under its fence, what a person gave back."""


PROPOSED_BY_HAND = "refund_by_hand:"
"""How the word of the first of two people begins, who says what the second is to confirm."""


def proposed_by_hand(attempt: Attempt) -> str:
    """Give what two people must say: that the money of these charges of an attempt is back."""
    return f"{PROPOSED_BY_HAND}{attempt.number}:{charges_of(attempt)}"


def awaits_second_person(workflow: Workflow) -> bool:
    """Tell whether somebody said that money was given back, and nobody has confirmed it."""
    confirmed = tuple(
        f"{PROPOSED_BY_HAND}{word.removeprefix(BY_HAND)}:"
        for word in workflow.approvals
        if word.startswith(BY_HAND)
    )
    return any(
        word.startswith(PROPOSED_BY_HAND) and not word.startswith(confirmed)
        for word in workflow.approvals
    )


def given_back_by_hand(attempt: Attempt) -> str:
    """Give the word by which a workflow remembers that a person gave an attempt's money back.

    It names the charges: nobody can have spoken of one that comes to light later.
    """
    return f"{BY_HAND}{attempt.number}:{charges_of(attempt)}"


def charges_of(attempt: Attempt) -> str:
    """Name every charge of the attempt that took money."""
    answers = (piece.answer for piece in attempt.evidence)
    return ",".join(sorted({a.charge_id for a in answers if isinstance(a, Succeeded)}))
