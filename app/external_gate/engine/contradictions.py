"""What fresh evidence contradicts: incidents for a person. Money is never moved by them."""

from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.outcome import Declined, Pending, Succeeded, Undone
from external_gate.domain.standing import mismatch
from external_gate.domain.workflow import State, Verdict
from external_gate.engine.draft import Draft
from external_gate.engine.undone import was_given_back_by_hand


def raise_incidents(draft: Draft) -> None:
    """Record what the fresh evidence contradicts, each piece once."""
    for attempt, piece in draft.fresh:
        found = _contradiction(draft, attempt, piece)
        if found is not None and not _was_said_before(attempt, piece):
            kind, detail = found
            draft.incident(kind, f"{detail} ({piece.source} of attempt {attempt.number})")


def raise_overdue(draft: Draft) -> None:
    """Record, after the move, that a charge is pending although its cancel was answered.

    Once: with the save that reads the first answer, whichever worker had got it.
    """
    attempt = draft.attempt
    if attempt is None or draft.after.state is not State.PENDING:
        return
    answers = [piece for piece in attempt.evidence if piece.source is Source.CANCEL]
    unread = [piece for _, piece in draft.fresh if piece in answers]
    if answers and len(unread) == len(answers):
        draft.incident(IncidentKind.PENDING_OVERDUE, "not final, and the cancel was not confirmed")


def _was_said_before(attempt: Attempt, piece: Evidence) -> bool:
    """Whether it repeats the latest word about the charge: an incident tells of that already.

    Notices can make us look as often as they like, and the same answer is no news.
    """
    told = [known for known in attempt.evidence if _is_about_the_same(known, piece)]
    at = next((place for place, known in enumerate(told) if known is piece), 0)
    before = told[at - 1] if at else None
    is_alike = before is not None and before.answer == piece.answer
    # What the charge itself was answered is known; that it is still so is told once.
    return is_alike and before is not None and before.source is not Source.CHARGE


_WORDS = Succeeded | Declined | Pending


def _is_about_the_same(known: Evidence, piece: Evidence) -> bool:
    """Whether both are words about one charge; a word without a charge id is about any."""
    if not isinstance(known.answer, _WORDS) or not isinstance(piece.answer, _WORDS):
        return known is piece
    ids = {known.answer.charge_id, piece.answer.charge_id} - {None, ""}
    return len(ids) < 2


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
        case Succeeded() as found if attempt.closed and verdict is Verdict.PAID:
            return (
                IncidentKind.SECOND_CHARGE,
                f"charge {found.charge_id} of a dead attempt took money beside another payment",
            )
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
        was_given_back_by_hand(draft.after, attempt)
        or any(piece.source is Source.REFUND for piece in attempt.evidence)
        for attempt in draft.attempts
    )
