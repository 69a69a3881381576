"""How the kit calls the answers of an adapter."""

from external_gate.domain.outcome import (
    Declined,
    Misconfigured,
    NotFound,
    NotSent,
    Pending,
    Succeeded,
    TooLate,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.testkit.scenario import Deed, Word

_OUTCOMES: dict[type, Word] = {
    Succeeded: Word.SUCCEEDED,
    Declined: Word.DECLINED,
    Pending: Word.PENDING,
    Unknown: Word.UNKNOWN,
    NotSent: Word.NOT_SENT,
    Misconfigured: Word.MISCONFIGURED,
}
_UNDOS: dict[type, Word] = {
    Undone: Word.UNDONE,
    UndoPending: Word.UNDO_PENDING,
    TooLate: Word.TOO_LATE,
    UndoUnknown: Word.UNKNOWN,
}


def word_of(answer: object, deed: Deed) -> Word | None:
    """Give the word for an answer; None for what that operation may not answer."""
    if deed in {Deed.CANCEL, Deed.REFUND}:
        return _UNDOS.get(type(answer))
    if isinstance(answer, NotFound):
        if deed not in {Deed.LOOKUP, Deed.SETTLE}:
            return None
        return Word.ABSENT if answer.conclusive else Word.NOT_FOUND
    return _OUTCOMES.get(type(answer))


def spoken(answer: object) -> str:
    """Write an answer for a sentence: `Declined (code: insufficient_funds)`."""
    detail = getattr(answer, "cause", "") or getattr(answer, "code", "")
    if isinstance(answer, Succeeded):
        detail = str(answer.amount)
    if isinstance(answer, NotFound):
        detail = "conclusive" if answer.conclusive else "not conclusive"
    name = type(answer).__name__
    return f"{name} ({detail})" if detail else name
