"""The release: tell Metronome, and believe only what proves that it was told."""

from datetime import timedelta

from external_gate.domain.changed import changed
from external_gate.domain.errors import Broken, Unavailable
from external_gate.domain.ledger import IncidentKind, Release
from external_gate.domain.workflow import HeldReason, State, Verdict
from external_gate.engine import retry
from external_gate.engine.case import Case
from external_gate.engine.draft import Draft
from external_gate.engine.reading_back import Proof, read_back
from external_gate.engine.undone import charged_attempt
from external_gate.engine.weighing import weigh
from external_gate.metronome.billing import ReleaseAnswer, ReleaseResult
from external_gate.stores.store_records import UnreadEvidence

CONFLICT_PATIENCE = timedelta(minutes=10)
"""How long a 409 is taken for our own earlier call still being worked on."""

LOOK_TWICE_AFTER = timedelta(minutes=5)
"""How far apart an invoice must be seen void twice before money is given back unasked."""


async def release(case: Case) -> None:
    """Send the release that is owed, once, and act on the answer."""
    if case.workflow.void_seen_at is not None:
        await _settle_by_reading(case, "the invoice was void before")
        return
    if case.workflow.restored_at is not None and await _was_told_before(case):
        return
    owed = _owed(case)
    first_send = case.just_decided
    case.just_decided = False
    case.check_lease()
    began = case.engine.clock.now()
    answer = await case.engine.billing.release(
        case.workflow.workflow_id, owed.verdict, key=owed.key, not_after=case.lease_until
    )
    case.engine.observer.release_called(answer, case.engine.clock.now() - began)
    try:
        await _act(case, owed, answer, first_send=first_send)
    except UnreadEvidence:
        await _act_on_news(case, owed, answer)


async def _was_told_before(case: Case) -> bool:
    """Look, before restored books tell anything, whether the lost life has told Metronome already.

    What it told may be the opposite: a refund, and `failed`, of what the gateway still calls paid.
    """
    why = "restored books may lack a release"
    try:
        proof = await read_back(case)
    except Unavailable as error:
        await _read_later(case, f"{why}; reading back: {error}", None, None)
        return True
    except Broken:
        return False  # it cannot be read at all: Metronome's answer to the release tells
    if proof is Proof.NOTHING:
        return False
    draft = case.draft()
    draft.note("read_back", str(proof))
    _settle(case, draft, proof, why)
    due = draft.after.due_at
    await case.save(draft, give_back=due is None or due > draft.now)
    return True


def _owed(case: Case) -> Release:
    workflow = case.workflow
    for known in case.dossier.releases:
        if (known.verdict, known.generation) == (workflow.verdict, workflow.release_generation):
            return known
    raise Broken(f"workflow {workflow.workflow_id} owes a release that was never begun")


async def _act(case: Case, owed: Release, answer: ReleaseAnswer, *, first_send: bool) -> None:
    match answer.result:
        case ReleaseResult.DONE:
            await _end(case, owed, answer, "Metronome took the release")
        case ReleaseResult.ALREADY_COMMITTED if owed.verdict is Verdict.PAID and not first_send:
            await _end(case, owed, answer, "Metronome had taken an earlier call of ours")
        case ReleaseResult.FAILED:
            await _try_again(case, owed, answer, next_generation=True)
        case ReleaseResult.CONFLICT if not _conflict_is_old(case, owed):
            await _try_again(case, owed, answer)
        case (
            ReleaseResult.UNANSWERED
            | ReleaseResult.NOT_SENT
            | ReleaseResult.BUSY
            | ReleaseResult.UNAUTHORIZED
        ):
            await _try_again(case, owed, answer)
        case _:
            await _settle_by_reading(case, f"{answer.result}: {answer.detail}", owed, answer)


async def _act_on_news(case: Case, owed: Release, answer: ReleaseAnswer) -> None:
    """Keep Metronome's answer although evidence arrived meanwhile, and decide by both."""
    while True:
        await case.reread()
        draft = case.draft()
        _answered(draft, owed, answer)
        weigh(case.engine, draft)
        if answer.result is ReleaseResult.DONE and draft.after.state is not State.HELD:
            _finish(draft, owed.verdict, "Metronome took the release")
        due = draft.after.due_at
        try:
            await case.save(draft, give_back=due is None or due > draft.now)
        except UnreadEvidence:
            continue
        return


def _conflict_is_old(case: Case, owed: Release) -> bool:
    since = case.workflow.trying_since
    return (
        owed.answer == ReleaseResult.CONFLICT
        and since is not None
        and case.engine.clock.now() - since >= CONFLICT_PATIENCE
    )


def _answered(draft: Draft, owed: Release, answer: ReleaseAnswer) -> None:
    """Write the answer beside the release; an unanswered send leaves it unanswered."""
    unanswered = answer.result in {ReleaseResult.UNANSWERED, ReleaseResult.NOT_SENT}
    draft.put_release(
        changed(
            owed,
            sends=owed.sends + 1 if owed.answer else owed.sends,
            answered_at=owed.answered_at if unanswered else draft.now,
            answer=owed.answer if unanswered and owed.answer else answer.result,
        )
    )
    detail = f"{answer.result}: {answer.detail}" if answer.detail else str(answer.result)
    draft.note("release_answered", detail, key=owed.key)


async def _end(case: Case, owed: Release, answer: ReleaseAnswer, why: str) -> None:
    draft = case.draft()
    _answered(draft, owed, answer)
    _finish(draft, owed.verdict, why)
    await case.save(draft, give_back=True)


def _finish(draft: Draft, verdict: Verdict, why: str) -> None:
    ended = State.RELEASED if verdict is Verdict.PAID else State.CANCELLED
    draft.move(ended, why, due_at=None, tries=0, trying_since=None)


async def _try_again(
    case: Case, owed: Release, answer: ReleaseAnswer, *, next_generation: bool = False
) -> None:
    """Stay owed. After a received 5xx the key must change: Metronome replays stored errors."""
    draft = case.draft()
    _answered(draft, owed, answer)
    if next_generation:
        draft.begin_release(owed.generation + 1)
    if answer.result is ReleaseResult.CONFLICT and owed.answer != ReleaseResult.CONFLICT:
        draft.set(tries=0, trying_since=draft.now)  # patience with conflicts begins at the first
    slow = answer.result is ReleaseResult.UNAUTHORIZED
    wait = (
        retry.RELEASE_CAP
        if slow
        else answer.retry_after
        or retry.wait(draft.after.tries, case.engine.random, cap=retry.RELEASE_CAP)
    )
    draft.set(
        tries=draft.after.tries + 1,
        trying_since=draft.after.trying_since or draft.now,
        due_at=draft.now + wait,
    )
    await case.save(draft, give_back=True)


async def _settle_by_reading(
    case: Case, why: str, owed: Release | None = None, answer: ReleaseAnswer | None = None
) -> None:
    """Metronome did not take the release: find out what has become of its workflow."""
    try:
        proof = await read_back(case)
    except (Unavailable, Broken) as error:
        await _read_later(case, f"{why}; reading back: {error}", owed, answer)
        return
    draft = case.draft()
    if owed is not None and answer is not None:
        _answered(draft, owed, answer)
    draft.note("read_back", str(proof))
    _settle(case, draft, proof, why)
    due = draft.after.due_at
    await case.save(draft, give_back=due is None or due > draft.now)


async def _read_later(
    case: Case, why: str, owed: Release | None, answer: ReleaseAnswer | None
) -> None:
    draft = case.draft()
    if owed is not None and answer is not None:
        _answered(draft, owed, answer)
    else:
        draft.note("put_off", why)
    wait = retry.wait(draft.after.tries, case.engine.random, cap=retry.RELEASE_CAP)
    draft.set(
        tries=draft.after.tries + 1,
        trying_since=draft.after.trying_since or draft.now,
        due_at=draft.now + wait,
    )
    await case.save(draft, give_back=True)


def _settle(case: Case, draft: Draft, proof: Proof, why: str) -> None:
    if draft.after.verdict is Verdict.PAID:
        _after_paid(case, draft, proof, why)
    else:
        _after_failed(draft, proof, why)


def _after_paid(case: Case, draft: Draft, proof: Proof, why: str) -> None:
    match proof:
        case Proof.COMMITTED:
            _finish(draft, Verdict.PAID, f"read back as committed ({why})")
        case Proof.CANCELLED if _may_refund_unasked(case, draft):
            _see_void(draft, why)
        case Proof.CANCELLED:
            draft.hold(HeldReason.RELEASE_REFUSED, f"charged, but the invoice is void ({why})")
        case Proof.NOTHING:
            draft.hold(HeldReason.RELEASE_REFUSED, f"charged, and nothing is proven ({why})")


def _after_failed(draft: Draft, proof: Proof, why: str) -> None:
    match proof:
        case Proof.CANCELLED:
            _finish(draft, Verdict.FAILED, f"read back as void ({why})")
        case Proof.COMMITTED:
            detail = f"`failed` is owed, but Metronome has committed ({why})"
            draft.incident(IncidentKind.RELEASE_CONTRADICTED, detail)
            draft.hold(HeldReason.CONTRADICTION, detail)
        case Proof.NOTHING:
            draft.hold(HeldReason.RELEASE_REFUSED, f"nothing is proven ({why})")


def _may_refund_unasked(case: Case, draft: Draft) -> bool:
    """Configured, possible, and no release of ours still without an answer (design §4)."""
    attempt = charged_attempt(case.workflow, case.dossier.attempts)
    return (
        case.engine.policy.refund_when_unreleasable
        and attempt is not None
        and case.engine.capabilities(attempt.gateway).refund
        and all(known.answered_at is not None for known in draft.releases)
    )


def _see_void(draft: Draft, why: str) -> None:
    seen = draft.after.void_seen_at
    if seen is None:
        due = draft.now + LOOK_TWICE_AFTER
        draft.set(void_seen_at=draft.now, due_at=due)
        draft.note("void_seen", f"charged, but the invoice is void; looked at again ({why})")
    elif draft.now - seen < LOOK_TWICE_AFTER:
        draft.set(due_at=seen + LOOK_TWICE_AFTER)
    else:
        draft.move(
            State.REFUNDING,
            "the invoice was seen void twice: the money goes back",
            undo_asked_at=draft.now,
            due_at=draft.now,
            tries=0,
            trying_since=None,
        )
