"""From what is known about a workflow's charges to its next move (design §4). Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from external_gate.domain.charge import Lookup
from external_gate.domain.evidence import Attempt
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.outcome import Declined, DeclineKind
from external_gate.domain.standing import (
    Absent,
    Contradicted,
    Dead,
    Mismatched,
    Open,
    Taken,
    Untouched,
    Waiting,
    WeWereRefused,
)
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine import retry
from external_gate.engine.context import Engine
from external_gate.engine.contradictions import raise_incidents, raise_overdue
from external_gate.engine.customer_action import note_customer_action
from external_gate.engine.draft import Draft
from external_gate.engine.looks_while_held import hold_unknown
from external_gate.engine.scales import Scales, may_have_forgotten, may_resend, standing_in
from external_gate.engine.undone import keeps_money


def weigh(engine: Engine, draft: Draft) -> None:
    """Fill the draft with the move that the evidence demands, or with the time of the next look."""
    raise_incidents(draft)
    note_customer_action(draft)
    decided = draft.after.verdict is not None or draft.after.has_ended
    if decided or draft.after.state is State.REFUNDING:
        _after_the_decision(draft)
        return
    if _closed_attempt_took_money(engine, draft):
        _hold_contradiction(draft, "an attempt that was thought dead has taken money")
        return
    attempt = draft.attempt
    if attempt is None:
        return
    capabilities = engine.capabilities(attempt.gateway)
    can_resend = may_resend(engine, draft, attempt)
    _act(
        draft,
        attempt,
        Scales(
            capabilities,
            engine.policy,
            engine.random,
            standing_in(engine, draft, attempt),
            can_resend=can_resend,
            can_ask=capabilities.lookup is Lookup.QUERY
            or (capabilities.lookup is Lookup.REPLAY and can_resend),
        ),
    )
    raise_overdue(draft)


MONEY_WAS_TAKEN = frozenset(
    {IncidentKind.LATE_SUCCESS, IncidentKind.PROOF_MISMATCH, IncidentKind.SECOND_CHARGE}
)
"""Incidents after which `failed` must not be sent again."""


def _closed_attempt_took_money(engine: Engine, draft: Draft) -> bool:
    return any(
        isinstance(standing_in(engine, draft, attempt), Taken | Mismatched | Contradicted)
        for attempt in draft.attempts
        if attempt.closed and keeps_money(draft.after, attempt)
    )


def _after_the_decision(draft: Draft) -> None:
    """A decided outcome never changes; `failed` is not sent again once money is known taken."""
    contradicts = any(i.kind in MONEY_WAS_TAKEN for i in draft.incidents)
    if contradicts and draft.after.state is State.DECLINED:
        draft.hold(HeldReason.CONTRADICTION, "money was taken after `failed` was decided")


def _hold_contradiction(draft: Draft, detail: str) -> None:
    if draft.after.state is State.HELD:
        draft.set(held_reason=HeldReason.CONTRADICTION, held_detail=detail, due_at=None)
    else:
        _resume(draft)
        draft.hold(HeldReason.CONTRADICTION, detail)


def _resume(draft: Draft) -> None:
    """Let a workflow that waits for its next send take up a decision (`ready` leads only there)."""
    if draft.after.state is State.READY:
        draft.move(State.CHARGING, "evidence arrived while the next send was waiting")


def _act(draft: Draft, attempt: Attempt, scales: Scales) -> None:
    if draft.after.state is State.HELD:
        draft.set(due_at=None)
        if (found := _left_to_people(draft, attempt, scales)) is not None:
            _tell_people(draft, found)
            return
    match scales.standing:
        case Taken(proof):
            _resume(draft)
            draft.decide(Verdict.PAID, f"charge {proof.charge_id} took {proof.amount}")
        case Mismatched() | Contradicted() | WeWereRefused() as trouble:
            _on_trouble(draft, trouble)
        case Dead(decline):
            _on_dead(draft, attempt, decline, scales)
        case Waiting() as waiting:
            _on_waiting(draft, waiting, scales)
        case Untouched(cause):
            _on_untouched(draft, cause, scales)
        case Absent():
            _on_absent(draft, scales)
        case Open(cause):
            _on_open(draft, cause, scales)
        case _ as never:
            assert_never(never)


_LEFT_TO_PEOPLE = frozenset(
    {HeldReason.OPERATOR, HeldReason.CONTRADICTION, HeldReason.REFUND_REFUSED}
)


def _left_to_people(draft: Draft, attempt: Attempt, scales: Scales) -> str | None:
    """Give what is proven now about a held charge that must stay held all the same.

    A person asked for the hold, the evidence says both, or a refund that was asked for may have
    been made: what is told to Metronome cannot be taken back, so a person decides. And `failed` is
    not sent while the schedule has another try, nor while restored books may lack one.
    """
    by_hand = draft.after.held_reason in _LEFT_TO_PEOPLE
    match scales.standing:
        case Taken(proof) if by_hand:
            return f"charge {proof.charge_id} took {proof.amount}"
        case Dead(decline) if (
            by_hand or _may_try_again(attempt, decline, scales) or may_have_forgotten(draft)
        ):
            return f"declined ({decline.kind}): {decline.code or 'no code'}"
        case _:
            return None


def _tell_people(draft: Draft, found: str) -> None:
    detail = draft.after.held_detail
    if found not in detail:
        draft.set(held_detail=f"{detail}; found since: {found}" if detail else found)
        draft.note("proof_found", f"{found}; it stays held until a person lets it go on")


def _may_try_again(attempt: Attempt, decline: Declined, scales: Scales) -> bool:
    schedule = scales.policy.soft_decline_schedule
    return decline.kind is DeclineKind.SOFT and attempt.number <= len(schedule)


def _on_trouble(draft: Draft, trouble: Mismatched | Contradicted | WeWereRefused) -> None:
    """Hold for a person; what is held already is held for contradictions from now on."""
    match trouble:
        case Mismatched(_, why):
            _hold_or_hold_for(draft, HeldReason.PROOF_MISMATCH, why)
        case Contradicted(why):
            if draft.after.held_reason is not HeldReason.CONTRADICTION:
                draft.incident(IncidentKind.CONTRADICTION, why)
            _hold_or_hold_for(draft, HeldReason.CONTRADICTION, why)
        case WeWereRefused(cause):
            if draft.after.state is not State.HELD:
                draft.hold(HeldReason.MISCONFIGURED, cause)


def _hold_or_hold_for(draft: Draft, reason: HeldReason, why: str) -> None:
    if draft.after.state is State.HELD:
        draft.set(held_reason=reason, held_detail=why, due_at=None)
    else:
        _resume(draft)
        draft.hold(reason, why)


def _on_dead(draft: Draft, attempt: Attempt, decline: Declined, scales: Scales) -> None:
    why = why_dead(decline)
    if _may_try_again(attempt, decline, scales):
        due = draft.now + scales.policy.soft_decline_schedule[attempt.number - 1]
        draft.put(replace(attempt, closed=True))
        _resume(draft)
        draft.move(State.READY, f"{why}; tried again by schedule", due_at=due, **_OFF_THE_LADDER)
    elif may_have_forgotten(draft):
        _ask_for_the_forgotten(draft, why)
    else:
        draft.put(replace(attempt, closed=True))
        _resume(draft)
        draft.decide(Verdict.FAILED, why)


def why_dead(decline: Declined) -> str:
    """Give the reason that the history has for a decline."""
    return f"declined ({decline.kind}): {decline.code or 'no code'} {decline.message}".rstrip()


def _ask_for_the_forgotten(draft: Draft, why: str) -> None:
    """Have the gateways asked for later attempts before `failed` is told of restored books."""
    if draft.after.state is State.READY:
        draft.set(due_at=draft.now)
        return
    reason = f"{why}; asked first whether a later attempt is missing from our books"
    draft.move(State.READY, reason, due_at=draft.now, **_OFF_THE_LADDER)


_OFF_THE_LADDER = {
    "tries": 0,
    "trying_since": None,
    "pending_deadline": None,
    "undo_asked_at": None,
}


def _on_waiting(draft: Draft, waiting: Waiting, scales: Scales) -> None:
    if draft.after.state is State.HELD:
        return
    if draft.after.state is not State.PENDING:
        _resume(draft)
        draft.move(State.PENDING, _why_waiting(waiting))
    if draft.after.pending_deadline is None:  # also after a retry; and the ladder is kept
        wait = max(scales.policy.pending_deadline, 2 * scales.capabilities.settles_at_most)
        draft.set(pending_deadline=draft.now + wait, tries=0, trying_since=draft.now)
    if waiting.final_at is not None and waiting.final_at > draft.now:
        draft.set(due_at=waiting.final_at)
    elif waiting.final_at is not None and scales.capabilities.lookup is not Lookup.QUERY:
        why = "declined, and nobody can tell whether it stayed so"
        hold_unknown(draft, why, scales.capabilities)
    elif waiting.pending.needs_customer and waiting.pending.action_url is None:
        draft.set(due_at=draft.now if draft.after.undo_asked_at is None else _climb(draft, scales))
    elif waiting.pending.next_poll is not None:
        draft.set(due_at=_as_wished(draft, waiting.pending.next_poll))
    else:
        draft.set(due_at=_climb(draft, scales))


def _as_wished(draft: Draft, wish: timedelta) -> datetime:
    """Give when the gateway wants to be asked, neither at once nor past the deadline."""
    deadline = draft.after.pending_deadline
    latest = deadline if deadline and deadline > draft.now else draft.now + retry.HOURLY
    return min(draft.now + max(wish, retry.RUNGS[0]), latest)


def _why_waiting(waiting: Waiting) -> str:
    if waiting.final_at is not None:
        return f"declined, but not finally before {waiting.final_at.isoformat(timespec='seconds')}"
    if waiting.pending.needs_customer:
        # Not the address itself: who has it may act for the customer, and this is logged.
        where = "the gateway gave an address" if waiting.pending.action_url else "no usable address"
        return f"the customer must act: {where}"
    return "the gateway says: not final yet"


def _on_untouched(draft: Draft, cause: str, scales: Scales) -> None:
    if draft.after.state in {State.HELD, State.READY}:
        return
    if retry.has_given_up(draft.after.trying_since, draft.now):
        draft.hold(HeldReason.UNREACHABLE, f"nothing was sent for a day: {cause}")
        return
    due = _climb(draft, scales)
    draft.move(State.READY, f"certainly not sent: {cause}", due_at=due)


def _on_absent(draft: Draft, scales: Scales) -> None:
    """Absence allows one thing: the same attempt again. It is never a decline."""
    if scales.can_resend and draft.after.state is not State.HELD:
        if retry.has_given_up(draft.after.trying_since, draft.now):
            hold_unknown(draft, "the gateway does not know it after a day", scales.capabilities)
            return
        due = _climb(draft, scales)
        if draft.after.state is State.READY:
            draft.set(due_at=due)
        else:
            draft.move(State.READY, "the gateway has conclusively not seen it", due_at=due)
        return
    _on_open(draft, "the gateway does not know it, and it may not be sent again", scales)


def _on_open(draft: Draft, cause: str, scales: Scales) -> None:
    if draft.after.state is State.HELD:
        return
    _resume(draft)
    if not scales.can_ask or retry.has_given_up(draft.after.trying_since, draft.now):
        hold_unknown(draft, cause, scales.capabilities)
        return
    due = _climb(draft, scales)
    if scales.capabilities.lookup is Lookup.REPLAY:
        if draft.after.state is not State.READY:
            draft.move(State.READY, f"unknown ({cause}): the same key asks again", due_at=due)
    elif draft.after.state in {State.CHARGING, State.PENDING}:
        draft.move(State.UNRESOLVED, f"nobody knows: {cause}", due_at=due)
    else:
        draft.set(due_at=due)


def _climb(draft: Draft, scales: Scales) -> datetime:
    tries = draft.after.tries
    draft.set(tries=tries + 1, trying_since=draft.after.trying_since or draft.now)
    return draft.now + retry.wait(tries, scales.random)
