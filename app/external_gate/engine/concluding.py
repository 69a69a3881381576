"""What was answered, and the move that all evidence together demands, in one save."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from external_gate.domain.clock import to_milliseconds
from external_gate.domain.errors import Unavailable
from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.outcome import Answer
from external_gate.engine.case import Case
from external_gate.engine.draft import Draft
from external_gate.engine.weighing import weigh
from external_gate.stores.store_records import UnreadEvidence

SAVE_AGAIN_AFTER = tuple(timedelta(seconds=seconds) for seconds in (0.2, 1, 3, 6))
"""The waits between tries to save an answer; together well below a lease."""


async def conclude(
    case: Case,
    attempt: Attempt,
    *pieces: Evidence,
    brought_forward: bool = False,
) -> None:
    """Append answers and make the move that all evidence together demands, in one save.

    When other evidence arrived meanwhile the answers are kept and the decision is made again. Saves
    stubbornly: an answer that is lost with a short outage of the database would have to be looked
    up, and not every gateway can be asked. With `brought_forward` an answer that moves nothing
    leaves the schedule as it was.
    """

    def then(draft: Draft) -> None:
        if brought_forward:
            draft.set(looked_at=draft.now)
            draft.keep_schedule()

    for wait in SAVE_AGAIN_AFTER:
        try:
            await _conclude_once(case, attempt, pieces, then)
        except Unavailable:
            await case.engine.clock.sleep(wait)
        else:
            return
    await _conclude_once(case, attempt, pieces, then)


async def _conclude_once(
    case: Case, attempt: Attempt, pieces: Sequence[Evidence], then: Callable[[Draft], None]
) -> None:
    if case.in_doubt:
        await case.reread()
        if _are_on_record(case, attempt, pieces):  # the save that seemed to fail was committed
            if case.dossier.newest_evidence > case.workflow.evidence_read:
                await read_and_decide(case)
            return
    draft = case.draft()
    for piece in pieces:
        draft.append(attempt, piece)
        draft.note(f"{piece.source}_answered", spoken(piece.answer), attempt=str(attempt.number))
    if any(piece.source is Source.LOOKUP for piece in pieces):
        draft.looked(attempt)
    weigh(case.engine, draft)
    then(draft)
    try:
        await case.save(draft, give_back=_is_for_later(draft))
    except UnreadEvidence:
        await read_and_decide(case)


def _are_on_record(case: Case, attempt: Attempt, pieces: Sequence[Evidence]) -> bool:
    known = next((a for a in case.dossier.attempts if a.number == attempt.number), attempt)
    told = set(map(_named, known.evidence))
    return bool(pieces) and all(_named(piece) in told for piece in pieces)


def _named(piece: Evidence) -> tuple[Source, int, int]:
    # To the millisecond, as stores keep it: a clock tells more.
    return piece.source, piece.send, to_milliseconds(piece.asked_at)


async def read_and_decide(case: Case) -> None:
    """Read evidence that arrived from elsewhere and make the move that it demands."""
    while True:
        await case.reread()
        draft = case.draft()
        draft.note("evidence_read", "evidence arrived from elsewhere")
        weigh(case.engine, draft)
        try:
            await case.save(draft, give_back=_is_for_later(draft))
        except UnreadEvidence:
            continue
        return


def _is_for_later(draft: Draft) -> bool:
    due = draft.after.due_at
    return draft.after.has_ended or due is None or due > draft.now


def spoken(answer: Answer) -> str:
    """Write an answer for the history: `declined: insufficient_funds`."""
    detail = getattr(answer, "cause", "") or getattr(answer, "code", "")
    name = type(answer).__name__.lower()
    return f"{name}: {detail}" if detail else name
