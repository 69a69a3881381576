"""Looking again at a charge that is unknown or not final: lookups, deadlines, cancels."""

from dataclasses import replace

from external_gate.domain.charge import Cancel, KeyStores, Lookup
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.outcome import Pending
from external_gate.domain.standing import Waiting
from external_gate.domain.workflow import HeldReason, State
from external_gate.engine import calling
from external_gate.engine.case import Case
from external_gate.engine.concluding import conclude
from external_gate.engine.scales import may_resend, standing_in


async def take_over(case: Case) -> None:
    """Find `charging` at a later claim: its worker died in mid-call, and nobody knows (design §4).

    Never straight to another charge; the first look follows at once, in the same claim.
    """
    draft = case.draft()
    draft.move(
        State.UNRESOLVED, "its worker was lost while the charge was on its way", due_at=draft.now
    )
    draft.set(trying_since=draft.after.trying_since or draft.now)
    await case.save(draft, give_back=False)


async def look(case: Case) -> None:
    """Ask what became of an unknown or held charge, and act on the answer."""
    attempt = case.attempt
    if attempt is None:
        await _wait_for_a_person(case)
        return
    await conclude(case, attempt, *await _pieces(case, attempt))


async def wait(case: Case) -> None:
    """Ask whether a pending charge is final; at its deadline have it cancelled, never declared."""
    attempt = case.attempt
    if attempt is None:
        await _wait_for_a_person(case)
        return
    if _must_be_undone(case, attempt):
        await _undo(case, attempt)
        return
    if _asks_by_replay(case, attempt):
        draft = case.draft()
        draft.move(
            State.READY,
            "not final yet: the same key asks again",
            due_at=draft.now,
            trying_since=draft.now,
        )
        await case.save(draft, give_back=False)
        return
    await conclude(case, attempt, *await _pieces(case, attempt))


async def _pieces(case: Case, attempt: Attempt) -> list[Evidence]:
    gateway = case.engine.gateways.get(attempt.gateway)
    if gateway is None or gateway.capabilities.lookup is not Lookup.QUERY:
        return []
    return [await calling.look_up(case.engine, attempt)]


def is_asked(case: Case) -> bool:
    """Whether a gateway's notice asks for a look, and its time has come."""
    look_at = case.workflow.look_at
    return look_at is not None and look_at <= case.engine.clock.now()


async def look_again(case: Case) -> None:
    """Make the look that a notice asked for, before its time and in whatever state; even ended.

    Only the answer can move anything: the hint itself moves nothing and sends nothing. A gateway
    that is asked by sending the same key again, or that cannot be asked at all, keeps its schedule.
    """
    attempt = next((a for a in reversed(case.dossier.attempts) if a.wants_look), None)
    pieces = [] if attempt is None else await _pieces(case, attempt)
    if attempt is not None and pieces:
        await conclude(case, attempt, *pieces, brought_forward=True)
        return
    draft = case.draft()
    draft.set(looked_at=draft.now)
    if attempt is not None:
        draft.looked(attempt)
        draft.note("look_left_out", f"gateway {attempt.gateway} has no lookup: as scheduled")
    await case.save(draft, give_back=False)


def _asks_by_replay(case: Case, attempt: Attempt) -> bool:
    """Whether sending again only reads what is stored: else it would be another try at the card."""
    capabilities = case.engine.capabilities(attempt.gateway)
    draft = case.draft()
    standing = standing_in(case.engine, draft, attempt)
    is_declined = isinstance(standing, Waiting) and standing.final_at is not None
    return (
        capabilities.lookup is Lookup.REPLAY
        and capabilities.key_stores is KeyStores.EVERY_ANSWER
        and not is_declined
        and may_resend(case.engine, draft, attempt)
    )


def _must_be_undone(case: Case, attempt: Attempt) -> bool:
    standing = standing_in(case.engine, case.draft(), attempt)
    if not isinstance(standing, Waiting) or standing.final_at is not None:
        return False
    deadline = case.workflow.pending_deadline
    overdue = deadline is not None and case.engine.clock.now() >= deadline
    return overdue or _nobody_can_finish(standing.pending)


def _nobody_can_finish(pending: Pending) -> bool:
    """Whether the customer must act but has no address to act at: then it is cancelled."""
    return pending.needs_customer and pending.action_url is None


async def _undo(case: Case, attempt: Attempt) -> None:
    """Save that undo was asked for, look up, then cancel only (design §4)."""
    can_cancel = (
        case.engine.capabilities(attempt.gateway).cancel is not Cancel.NONE
        and attempt.gateway in case.engine.gateways
    )
    if case.workflow.undo_asked_at is None:
        draft = case.draft()
        draft.set(undo_asked_at=draft.now, due_at=draft.now)
        draft.note("undo_asked", "the pending charge is to be cancelled")
        if not can_cancel:
            draft.incident(IncidentKind.PENDING_OVERDUE, "not final, and it cannot be cancelled")
        await case.save(draft, give_back=False)
    pieces = await _pieces(case, attempt)
    if not can_cancel or not _is_still_waiting(case, attempt, pieces):
        await conclude(case, attempt, *pieces)
        return
    case.check_lease()
    pieces.append(await calling.cancel(case.engine, attempt))
    await conclude(case, attempt, *pieces)


def _is_still_waiting(case: Case, attempt: Attempt, pieces: list[Evidence]) -> bool:
    known = replace(attempt, evidence=(*attempt.evidence, *pieces))
    return isinstance(standing_in(case.engine, case.draft(), known), Waiting)


async def _wait_for_a_person(case: Case) -> None:
    """Nothing is left to ask about: a person decides."""
    draft = case.draft()
    if draft.after.state is State.HELD:
        draft.set(due_at=None)
    else:
        draft.hold(HeldReason.UNKNOWN_CHARGE, "no attempt is open")
    await case.save(draft, give_back=True)
