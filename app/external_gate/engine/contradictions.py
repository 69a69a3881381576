"""What fresh evidence contradicts: incidents for a person. Money is never moved by them."""

from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.outcome import Declined, Succeeded, Undone
from external_gate.domain.standing import mismatch
from external_gate.domain.workflow import Verdict
from external_gate.engine.draft import Draft


def raise_incidents(draft: Draft) -> None:
    """Record what the fresh evidence contradicts, each piece once."""
    for attempt, piece in draft.fresh:
        found = _contradiction(draft, attempt, piece)
        if found is not None:
            kind, detail = found
            draft.incident(kind, f"{detail} ({piece.source} of attempt {attempt.number})")


def _contradiction(
    draft: Draft, attempt: Attempt, piece: Evidence
) -> tuple[IncidentKind, str] | None:
    verdict = draft.after.verdict
    match piece.answer:
        case Succeeded() as found if (why := mismatch(attempt, found)) is not None:
            return IncidentKind.PROOF_MISMATCH, why
        case Succeeded() as found if _other_charges(draft, found):
            return IncidentKind.SECOND_CHARGE, f"charge {found.charge_id} is not the only one"
        case Succeeded() as found if verdict is Verdict.FAILED and not _was_paid(draft):
            return IncidentKind.LATE_SUCCESS, f"charge {found.charge_id} took money after all"
        case Succeeded() as found if attempt.closed and verdict is None:
            return (
                IncidentKind.LATE_SUCCESS,
                f"charge {found.charge_id} of a dead attempt took money",
            )
        case Declined() as declined if (
            verdict is Verdict.PAID and piece.source is not Source.CHARGE
        ):
            return IncidentKind.REVERSED, f"the charge is reported declined: {declined.code}"
        case Undone() if verdict is Verdict.PAID and piece.source is Source.CANCEL:
            return IncidentKind.REVERSED, "the charge was cancelled"
        case _:
            return None


def _other_charges(draft: Draft, found: Succeeded) -> bool:
    """Whether a success on record has another charge id than this one."""
    return any(
        isinstance(piece.answer, Succeeded) and piece.answer.charge_id != found.charge_id
        for attempt in draft.attempts
        for piece in attempt.evidence
    )


def _was_paid(draft: Draft) -> bool:
    """Whether the failure is what followed a refund: then its success is no news."""
    return draft.after.undo_asked_at is not None and any(
        piece.source is Source.REFUND for attempt in draft.attempts for piece in attempt.evidence
    )
