"""Giving money back that could not be released; `refunded` means that the gateway confirmed."""

from external_gate.domain.errors import Broken, Unavailable
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.outcome import TooLate, Undone, UndoPending
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine import calling, retry
from external_gate.engine.case import Case
from external_gate.engine.draft import Draft
from external_gate.engine.looks_while_held import unknown_attempts
from external_gate.engine.reading_back import Proof, read_back
from external_gate.engine.undone import (
    charged_attempt,
    has_charged_twice,
    kept_attempt,
    unknown_is_accepted,
)


async def give_back(case: Case) -> None:
    """Ask for the refund, with the same undo key every time, and act on the answer."""
    attempt = charged_attempt(case.workflow, case.dossier.attempts)
    if attempt is None:
        await _conclude(case)
        return
    if attempt.gateway not in case.engine.gateways:
        draft = case.draft()
        draft.hold(HeldReason.REFUND_REFUSED, "the gateway of the charge is not configured")
        await case.save(draft, give_back=True)
        return
    case.check_lease()
    piece = await calling.refund(case.engine, attempt)
    proof = await _has_metronome_ended(case) if isinstance(piece.answer, Undone) else Proof.NOTHING
    draft = case.draft()
    draft.append(attempt, piece)
    draft.note("refund_answered", type(piece.answer).__name__.lower())
    _act(case, draft, attempt, piece, proof)
    due = draft.after.due_at
    await case.save(draft, give_back=due is None or due > draft.now)


_TWICE = "another charge stands under the same key: only one of them was given back"


async def _conclude(case: Case) -> None:
    """End a refund that nobody has to be asked for any more.

    A person gave the money back by hand; or the gateway's word was kept as evidence, but the move
    that belongs to it was lost.
    """
    proof = await _has_metronome_ended(case)
    draft = case.draft()
    if kept_attempt(case.workflow, case.dossier.attempts) is not None:
        draft.hold(HeldReason.REFUND_REFUSED, _TWICE)
    else:
        _end(case, draft, proof)
    due = draft.after.due_at
    await case.save(draft, give_back=due is None or due > draft.now)


async def _has_metronome_ended(case: Case) -> Proof:
    try:
        return await read_back(case)
    except (Unavailable, Broken):
        return Proof.NOTHING  # then `failed` is owed, and its own answers will tell


def _act(case: Case, draft: Draft, attempt: Attempt, piece: Evidence, proof: Proof) -> None:
    match piece.answer:
        case Undone():
            draft.note("refund_confirmed", f"charge {attempt.charge_id} was given back")
            if has_charged_twice(attempt):
                draft.incident(IncidentKind.REFUND_FAILED, _TWICE)
                draft.hold(HeldReason.REFUND_REFUSED, _TWICE)
            elif charged_attempt(draft.after, draft.attempts) is not None:
                draft.set(due_at=draft.now, tries=0, trying_since=None)  # the next attempt's
            else:
                _end(case, draft, proof)
        case TooLate(cause):
            draft.incident(IncidentKind.REFUND_FAILED, cause or "the gateway refuses the refund")
            draft.hold(HeldReason.REFUND_REFUSED, cause or "the gateway refuses the refund")
        case UndoPending():
            _ask_again(case, draft)
        case _ if retry.has_given_up(draft.after.trying_since, draft.now):
            draft.incident(
                IncidentKind.REFUND_FAILED, "the refund could not be confirmed for a day"
            )
            draft.hold(HeldReason.REFUND_REFUSED, "the refund could not be confirmed for a day")
        case _:
            _ask_again(case, draft)


def _end(case: Case, draft: Draft, proof: Proof) -> None:
    unknown = [
        attempt
        for attempt in unknown_attempts(case.engine, draft)
        if unknown_is_accepted(attempt) not in draft.after.approvals
    ]
    if unknown and proof is not Proof.COMMITTED:
        # `failed`, and any other end, needs every attempt dead: another one may take money yet.
        numbers = ", ".join(str(attempt.number) for attempt in unknown)
        detail = (
            f"the money is back, but attempt {numbers} is not known to be over; "
            "look it up at the gateway, then retry with --accept-unknown"
        )
        draft.hold(HeldReason.UNKNOWN_CHARGE, detail)
        return
    match proof:
        case Proof.CANCELLED:
            draft.move(State.REFUNDED, "given back, and the invoice is void", due_at=None)
        case Proof.COMMITTED:
            detail = "the money went back, but Metronome has committed"
            draft.incident(IncidentKind.RELEASE_CONTRADICTED, detail)
            draft.hold(HeldReason.CONTRADICTION, detail)
        case Proof.NOTHING:
            draft.decide(Verdict.FAILED, "given back; Metronome still has to be told")


def _ask_again(case: Case, draft: Draft) -> None:
    wait = retry.wait(draft.after.tries, case.engine.random)
    draft.set(
        tries=draft.after.tries + 1,
        trying_since=draft.after.trying_since or draft.now,
        due_at=draft.now + wait,
    )
