"""The charge: save the intent, send once, save what it came to."""

from datetime import datetime, timedelta

from external_gate.domain.changed import changed
from external_gate.domain.charge import ChargeRequest
from external_gate.domain.evidence import Attempt
from external_gate.domain.ledger import (
    Allow,
    Defer,
    Deferral,
    GuardVerdict,
    Hold,
    Refuse,
)
from external_gate.domain.standing import Dead
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine import calling, preparing, recalling
from external_gate.engine.case import Case
from external_gate.engine.concluding import conclude, read_and_decide
from external_gate.engine.draft import Draft
from external_gate.engine.looks_while_held import hold_unknown
from external_gate.engine.preparing import Later, NeedsPerson, Prepared
from external_gate.engine.recalling import Clear, Found
from external_gate.engine.scales import may_have_forgotten, may_resend, standing_in
from external_gate.engine.undone import took_money
from external_gate.engine.weighing import why_dead
from external_gate.guards.rules import Intended, ask, deferred_by, judge
from external_gate.stores.store_records import GuardSpoke

SEND_WITHIN = timedelta(seconds=5)
"""How long after its intent was saved a charge may leave; after a crash, absence can be believed
this much plus the request timeout later."""

FRESH_FOR = timedelta(minutes=5)
"""How long invoice, payer and a look at the gateway are true enough to charge on: far above what
three calls with their timeouts take, so only a worker that was stopped meanwhile prepares again."""

LOOK_AT_THE_SWITCH_AFTER = timedelta(minutes=1)
"""How often a workflow that waits for a switch of the configuration asks again."""


async def advance(case: Case) -> None:
    """Bring a `received` or `ready` workflow to a charge and its answer, or tell why not."""
    if _is_known(case):
        await _decide_known(case)
        return
    if _window_is_over(case):
        await _hold_after_the_window(case)
        return
    prepared = await _prepare_and_recall(case)
    if isinstance(prepared, tuple):
        await _adopt(case, *prepared)
        return
    match prepared:
        case Later(cause):
            await preparing.put_off(case, cause)
        case NeedsPerson(reason, detail):
            draft = case.draft()
            draft.hold(reason, detail)
            await case.save(draft, give_back=True)
        case Prepared() if _window_is_over(case):  # it ended while we were preparing
            await _hold_after_the_window(case)
        case Prepared():
            await _charge(case, prepared)


async def _prepare_and_recall(
    case: Case,
) -> Prepared | Later | NeedsPerson | tuple[Prepared, Found]:
    """Give what may be charged now; with what the gateway knows of it already, if it does."""
    began = case.engine.latest_now()
    prepared = await preparing.prepare(case)
    if not isinstance(prepared, Prepared):
        return prepared
    await case.enter_lane_soon(prepared.attempt.gateway)
    match await recalling.recall(case, prepared.attempt):
        case Found() as found:
            return prepared, found
        case Later() | NeedsPerson() as obstacle:
            return obstacle
        case _:
            late = case.engine.latest_now() - began > FRESH_FOR
    return Later("preparing took too long: begun again") if late else prepared


async def _hold_after_the_window(case: Case) -> None:
    draft = case.draft()
    capabilities = case.engine.capabilities(case.attempt.gateway if case.attempt else "")
    hold_unknown(draft, "the key's window is over before the next send", capabilities)
    await case.save(draft, give_back=True)


def _is_known(case: Case) -> bool:
    """Whether evidence has settled the charge already, whoever read it: then nothing is sent."""
    if any(took_money(attempt) for attempt in case.dossier.attempts):
        return True
    attempt = case.attempt
    return attempt is not None and isinstance(standing_in(case.engine, case.draft(), attempt), Dead)


async def _decide_known(case: Case) -> None:
    """Decide what is settled; `failed` of restored books only when nothing is missing in them."""
    attempt, draft = case.attempt, case.draft()
    if attempt is None or not may_have_forgotten(draft) or any(map(took_money, draft.attempts)):
        await read_and_decide(case)
        return
    match standing_in(case.engine, draft, attempt), await recalling.recall_others(case, attempt):
        case Dead(decline), Clear():
            draft = case.draft()
            draft.put(changed(attempt, closed=True))
            draft.move(State.CHARGING, "no later attempt is missing from our books")
            draft.decide(Verdict.FAILED, why_dead(decline))
            await case.save(draft, give_back=False)
        case _, Later(cause):
            await preparing.put_off(case, cause)
        case _, NeedsPerson(reason, detail):
            draft = case.draft()
            draft.hold(reason, detail)
            await case.save(draft, give_back=True)


def _window_is_over(case: Case) -> bool:
    attempt = case.attempt
    return (
        attempt is not None
        and attempt.sends > 0
        and not may_resend(case.engine, case.draft(), attempt)
    )


async def _adopt(case: Case, prepared: Prepared, found: Found) -> None:
    """Take up a charge that the gateway knows and our books had forgotten; nothing is sent."""
    draft = case.draft()
    if draft.after.state is State.RECEIVED:
        draft.move(State.READY, "invoice and payer agree")
    draft.move(
        State.CHARGING,
        f"the gateway already knows attempt {found.attempt.number}",
        amount=found.attempt.charge.amount,
        rounding=prepared.rounding,
        due_at=draft.now,
    )
    draft.put(found.attempt)
    await case.save(draft, give_back=False)
    await conclude(case, found.attempt, found.piece)


async def _charge(case: Case, prepared: Prepared) -> None:
    try:
        attempt = await _save_intent(case, prepared)
    except GuardSpoke as spoken:
        await _obey(case, spoken.verdict, _intended(case, prepared.attempt))
        return
    if _is_known(case):  # by a notice that was kept before our books knew the key again
        piece = calling.not_sent(case.engine, attempt, "its end had been told already")
    else:
        request = ChargeRequest(attempt.charge, attempt.body, _deadline(attempt))
        piece = await calling.send_charge(case.engine, attempt, request)
    await conclude(case, attempt, piece)


async def _save_intent(case: Case, prepared: Prepared) -> Attempt:
    """Save `charging` with key and bytes: the first durable step, before the socket opens."""
    draft = case.draft()
    if draft.after.state is State.RECEIVED:
        draft.move(State.READY, "invoice and payer agree")
    attempt = _one_send_more(prepared.attempt, draft.now, case)
    draft.move(
        State.CHARGING,
        f"attempt {attempt.number}, send {attempt.sends}",
        amount=attempt.charge.amount,
        rounding=prepared.rounding,
        due_at=draft.now,
        **({} if prepared.attempt.sends else {"tries": 0, "trying_since": None}),
    )
    draft.note(
        "charge_intended",
        attempt=str(attempt.number),
        attempt_key=attempt.charge.attempt_key,
        gateway=attempt.gateway,
        amount=str(attempt.charge.amount),
        payer=attempt.charge.payer.customer,
    )
    draft.put(attempt)
    intended, rules = _intended(case, prepared.attempt), case.engine.rules
    draft.asked = ask(intended, rules)
    draft.judge = lambda ledger: judge(intended, ledger, rules)
    await case.save(draft, give_back=False)
    saved = case.attempt
    return saved if saved is not None else attempt


def _one_send_more(attempt: Attempt, now: datetime, case: Case) -> Attempt:
    timeout = case.engine.capabilities(attempt.gateway).request_timeout
    latest = case.engine.high_water.latest(now)
    # The whole call must fit into the lease, so that whoever takes over finds it over.
    deadline = max(latest, min(latest + SEND_WITHIN, case.lease_until - timeout))
    return changed(
        attempt,
        sends=attempt.sends + 1,
        first_sent_at=attempt.first_sent_at or now,
        send_deadline=deadline,
        last_possible_send=deadline + timeout,
    )


def _deadline(attempt: Attempt) -> datetime:
    return attempt.send_deadline or attempt.created_at


def _intended(case: Case, attempt: Attempt) -> Intended:
    """Give what is to be saved as intent, from the attempt as it was before this send."""
    return Intended(
        workflow=case.workflow,
        amount=attempt.charge.amount,
        gateway=attempt.gateway,
        payer=attempt.charge.payer,
        # Waiting is judged by the earliest plausible time: what was charged leaves a limit late.
        at=case.engine.clock.now(),
        # After a restore our books may have forgotten a send.
        was_sent=case.workflow.restored_at is not None
        or any(a.sends or a.evidence for a in case.dossier.attempts),
        is_resend=attempt.sends > 0,
    )


async def _obey(case: Case, verdict: GuardVerdict, intended: Intended) -> None:
    """Do what a guard said instead of charging."""
    draft = case.draft()
    match verdict:
        case Defer(reason, until, by):
            if draft.after.state is State.RECEIVED:
                draft.move(State.READY, "invoice and payer agree")
            _wait(draft, deferred_by(by, intended), reason)
            draft.set(due_at=until or draft.now + LOOK_AT_THE_SWITCH_AFTER)
        case Hold(held_reason, detail):
            draft.hold(held_reason, detail)
            if held_reason is HeldReason.BREAKER:
                draft.set(deferred_by=deferred_by(Deferral.BREAKER, intended))
        case Refuse(reason):
            draft.decide(Verdict.FAILED, f"a guard refused: {reason}")
        case Allow():
            draft.set(due_at=draft.now)
    await case.save(draft, give_back=not isinstance(verdict, Refuse))


def _wait(draft: Draft, waits_for: str, reason: str) -> None:
    """Remember what is waited for; the history tells it once, not at every look."""
    if draft.after.deferred_by != waits_for:
        draft.note("deferred", reason)
    draft.set(deferred_by=waits_for)
