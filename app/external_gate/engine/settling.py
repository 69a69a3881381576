"""What a person may decide about a held workflow's money by hand, with evidence (design §4)."""

from dataclasses import replace

from external_gate.domain.errors import Refused
from external_gate.domain.evidence import Attempt, Source
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.outcome import UndoPending, UndoUnknown
from external_gate.domain.standing import Dead
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine.agreeing import have_agreed
from external_gate.engine.context import Engine
from external_gate.engine.draft import Draft
from external_gate.engine.looks_while_held import unknown_attempts
from external_gate.engine.scales import may_have_forgotten, standing_in
from external_gate.engine.undone import (
    given_back_by_hand,
    kept_attempt,
    proposed_by_hand,
    unknown_is_accepted,
)


def settle(
    engine: Engine,
    draft: Draft,
    verdict: Verdict,
    *,
    who: str,
    reason: str,
    evidence: str,
    accept_unknown: bool,
) -> None:
    """Decide the outcome. Raises `Refused`; waits for a second person where one is needed."""
    _check(draft, verdict)
    unknown = _unknown(engine, draft, verdict)
    if unknown:
        what = ", ".join(unknown)
        if not accept_unknown:
            raise Refused(
                f"{what} is not known to be over; look it up at the gateway, "
                "then settle with --accept-unknown"
            )
        if not _is_agreed(engine, draft, f"settle:{verdict}:{what}", who, evidence):
            return
        draft.incident(
            IncidentKind.UNKNOWN_ACCEPTED, f"settled as {verdict} while {what} is unknown"
        )
    _close_the_dead(engine, draft)
    draft.note("settled", evidence, verdict=verdict)
    draft.decide(verdict, f"settled by {who}: {reason}")


def refund_by_hand(engine: Engine, draft: Draft, *, who: str, evidence: str) -> None:
    """Record that a person gave an attempt's money back where the gateway was not asked by us.

    Raises `Refused` when no money is kept. Ends the refund when nothing is kept any more.
    """
    attempt = kept_attempt(draft.after, draft.attempts)
    if attempt is None:
        raise Refused("no charge is on record whose money could have been given back")
    if not _is_agreed(engine, draft, proposed_by_hand(attempt), who, evidence):
        return
    draft.set(approvals=draft.after.approvals | {given_back_by_hand(attempt)})
    draft.note(
        "refunded_by_hand", evidence, attempt=str(attempt.number), charge=attempt.charge_id or ""
    )
    if kept_attempt(draft.after, draft.attempts) is None:
        draft.move(
            State.REFUNDING,
            f"given back by hand, says {who}",
            due_at=draft.now,
            undo_asked_at=draft.now,
            tries=0,
            trying_since=None,
        )


def accept_unknown(engine: Engine, draft: Draft, *, who: str, reason: str) -> bool:
    """Let a refund end beside attempts that nobody knows; False while a second person is needed."""
    unknown = unknown_attempts(engine, draft)
    if not unknown:
        return True
    what = ", ".join(f"attempt {attempt.number}" for attempt in unknown)
    if not _is_agreed(engine, draft, f"refund:{what}", who, reason):
        return False
    words = {unknown_is_accepted(attempt) for attempt in unknown}
    draft.set(approvals=draft.after.approvals | words)
    draft.incident(IncidentKind.UNKNOWN_ACCEPTED, f"the refund ends while {what} is unknown")
    return True


def _is_agreed(engine: Engine, draft: Draft, proposal: str, who: str, evidence: str) -> bool:
    wanted = engine.policy.second_person
    return have_agreed(draft, proposal, who=who, evidence=evidence, second_person=wanted)


def _check(draft: Draft, verdict: Verdict) -> None:
    decided = draft.after.verdict
    if decided is not None and decided is not verdict:
        raise Refused(f"the outcome is decided: {decided} may already have been sent")
    if verdict is Verdict.FAILED and kept_attempt(draft.after, draft.attempts) is not None:
        raise Refused("money was taken: `failed` would be wrong; refund it instead")


def _unknown(engine: Engine, draft: Draft, verdict: Verdict) -> list[str]:
    """Name everything that may still turn out differently from what is settled."""
    unknown = [f"attempt {attempt.number}" for attempt in unknown_attempts(engine, draft)]
    if draft.after.held_reason is HeldReason.RESTORED or (
        verdict is Verdict.FAILED and may_have_forgotten(draft)
    ):
        unknown.append("what the lost books knew")
    if verdict is Verdict.PAID:
        refunds = (a for a in draft.attempts if _may_be_on_its_way_back(a))
        unknown += [f"the refund of attempt {a.number}" for a in refunds]
    return unknown


def _may_be_on_its_way_back(attempt: Attempt) -> bool:
    """Whether the gateway was last asked for a refund without a final word."""
    words = [piece.answer for piece in attempt.evidence if piece.source is Source.REFUND]
    return bool(words) and isinstance(words[-1], UndoPending | UndoUnknown)


def _close_the_dead(engine: Engine, draft: Draft) -> None:
    """Let a dead attempt keep nobody else from the invoice."""
    for attempt in draft.attempts:
        if not attempt.closed and isinstance(standing_in(engine, draft, attempt), Dead):
            draft.put(replace(attempt, closed=True))
