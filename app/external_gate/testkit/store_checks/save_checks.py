"""How every store saves moves under their fence."""

from dataclasses import replace

from external_gate.domain.errors import Broken, LeaseLost, Refused
from external_gate.domain.identifiers import release_key
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind, Release
from external_gate.domain.money import Money
from external_gate.domain.outcome import Declined, Unknown
from external_gate.domain.workflow import Actor, State, Verdict
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.shortfall import (
    exactly,
    given,
    must,
    nothing,
    only,
    refused,
    same,
    some,
)
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    DECLINE,
    LEASE,
    NOW,
    PRICE,
    SUCCESS,
    W1,
    attempt,
    begun,
    change,
    charging,
    claimed,
    evidence,
    key_of,
    later,
    paid,
    path,
)

SAVES = Area(
    "saves",
    cure="In one transaction: append the evidence and keep it whatever follows, compare "
    "the fence and the newest evidence, check the path by `store_rules.check_path`, "
    "then write; see `Store.save`.",
)
"""A save is whole or nothing, is made by the newest holder only, and overwrites nobody."""


@SAVES.check()
async def saved_dossier_is_read_back_equal(store: Store) -> None:
    await begun(store)
    dossier = await claimed(store)
    after = replace(
        dossier.workflow,
        state=State.CHARGING,
        updated_at=later(1),
        due_at=later(31),
        verdict=None,
        amount=PRICE,
        rounding="-0.25",
        tries=3,
        trying_since=later(2),
        pending_deadline=later(3),
        undo_asked_at=later(4),
        approvals=frozenset({"amount", "shadow"}),
        restored_at=later(5),
        void_seen_at=later(6),
        release_generation=2,
    )
    release = Release(Verdict.PAID, 2, release_key(W1, "paid", 2), later(7))

    saved = await store.save(
        change(
            dossier,
            State.READY,
            State.CHARGING,
            after=after,
            attempts=(attempt(),),
            releases=(release,),
        )
    )

    same(saved.workflow, after)
    same((saved.attempts, saved.releases), ((attempt(),), (release,)))
    same(await store.dossier(W1), saved)


@SAVES.check()
async def history_and_incidents_are_read_back_in_order(store: Store) -> None:
    await begun(store)
    dossier = await claimed(store)
    entry = HistoryEntry(
        later(1), Actor.PERSON, "noted", reason="asked", who="ada", facts={"ticket": "7"}
    )
    incident = Incident(IncidentKind.SECOND_CHARGE, later(2), "ch_1 and ch_2")

    await store.save(
        change(
            dossier,
            State.READY,
            history=(*path(State.RECEIVED, State.READY), entry),
            incidents=(incident,),
        )
    )

    first, moved, noted = exactly(3, await store.history(W1))
    numbers = [first.number, moved.number, noted.number]
    same(sorted(set(numbers)), numbers)
    same((moved.from_state, moved.to_state), (State.RECEIVED, State.READY))
    same(noted, replace(entry, number=noted.number))
    told = only(await store.incidents(W1))
    same(told, replace(incident, number=told.number))


@SAVES.check()
async def late_worker_cannot_save(store: Store) -> None:
    await begun(store)
    late = await claimed(store)
    await claimed(store, now=later(60))

    with refused(LeaseLost):
        await store.save(change(late, State.READY))

    dossier = given(await store.dossier(W1))
    same(dossier.workflow.state, State.RECEIVED)


@SAVES.check()
async def evidence_of_a_late_worker_is_kept(store: Store) -> None:
    late = await charging(store)
    await claimed(store, now=later(60))

    with refused(LeaseLost):
        await store.save(change(late, State.PAID, evidence=((key_of(), SUCCESS),)))

    dossier = given(await store.dossier(W1))
    same(dossier.workflow.state, State.CHARGING)
    kept = only(dossier.attempts[0].evidence)
    same(kept, replace(SUCCESS, number=kept.number))


@SAVES.check()
async def decision_that_has_not_read_all_evidence_is_refused(store: Store) -> None:
    dossier = await charging(store)
    await store.append_evidence(key_of(), [evidence(Unknown("timeout"))])
    own = ((key_of(), DECLINE),)

    with refused(Refused, naming="evidence"):
        await store.save(change(dossier, State.DECLINED, evidence=own))

    again = given(await store.dossier(W1))
    same(
        [piece.answer for piece in again.attempts[0].evidence],
        [
            Unknown("timeout"),
            Declined(code="card_declined"),
        ],
    )
    saved = await store.save(change(again, State.DECLINED))
    same(saved.workflow.evidence_read, again.newest_evidence)
    must(again.newest_evidence > 0, "no evidence is there")


@SAVES.check()
async def own_evidence_counts_as_read(store: Store) -> None:
    saved = await paid(store)

    same(saved.workflow.state, State.PAID)
    same(saved.workflow.evidence_read, saved.newest_evidence)
    must(saved.newest_evidence > 0, "no evidence is there")


@SAVES.check()
async def lease_ends_with_the_save_that_gives_it_back(store: Store) -> None:
    await begun(store)
    dossier = await claimed(store)
    after = replace(dossier.workflow, state=State.READY, due_at=later(20))

    await store.save(change(dossier, State.READY, after=after, give_back=True))

    nothing(await store.claim(owner="w", now=later(19), lease=LEASE, limit=9))
    some(await store.claim(owner="w", now=later(20), lease=LEASE, limit=9))


@SAVES.check()
async def save_in_between_keeps_the_lease(store: Store) -> None:
    await begun(store)
    dossier = await claimed(store)
    after = replace(dossier.workflow, state=State.READY, due_at=later(1))

    saved = await store.save(change(dossier, State.READY, after=after))

    same(saved.workflow.due_at, later(1))
    nothing(await store.claim(owner="w", now=later(59), lease=LEASE, limit=9))
    some(await store.claim(owner="w", now=later(60), lease=LEASE, limit=9))


@SAVES.check()
async def move_that_the_history_does_not_tell_is_a_bug(store: Store) -> None:
    await begun(store)
    dossier = await claimed(store)

    skipped = path(State.READY, State.CHARGING)

    with refused(Broken, naming="history"):
        await store.save(change(dossier, State.READY, history=()))
    with refused(Broken, naming="history"):
        await store.save(change(dossier, State.READY, State.CHARGING, history=skipped))


@SAVES.check()
async def ended_workflow_never_moves_again(store: Store) -> None:
    ended = await store.save(change(await paid(store), State.RELEASED))

    with refused(Broken):
        await store.save(change(ended, State.HELD, evidence=((key_of(), DECLINE),)))

    dossier = given(await store.dossier(W1))
    same(dossier.workflow.state, State.RELEASED)
    must(dossier.newest_evidence > ended.newest_evidence, "the late truth is gone")


@SAVES.check()
async def decided_verdict_never_changes(store: Store) -> None:
    dossier = await paid(store)
    decided = replace(dossier.workflow, verdict=Verdict.PAID)
    dossier = await store.save(change(dossier, after=decided))
    for other in (Verdict.FAILED, None):
        turned = replace(dossier.workflow, verdict=other)
        with refused(Broken):
            await store.save(change(dossier, after=turned))

    back = await store.save(change(dossier, State.REFUNDING))
    turned = replace(back.workflow, state=State.DECLINED, verdict=Verdict.FAILED)
    saved = await store.save(change(back, State.DECLINED, after=turned))

    same(saved.workflow.verdict, Verdict.FAILED)


@SAVES.check()
async def release_is_updated_by_generation_under_its_key(store: Store) -> None:
    dossier = await paid(store)
    sent = Release(Verdict.PAID, 1, release_key(W1, "paid", 1), later(1))
    dossier = await store.save(change(dossier, releases=(sent,)))
    answered = replace(sent, sends=2, answered_at=later(2), answer="done")
    following = Release(Verdict.PAID, 2, release_key(W1, "paid", 2), later(3))

    dossier = await store.save(change(dossier, releases=(answered, following)))

    same(dossier.releases, (answered, following))
    with refused(Broken, naming="key-3"):
        await store.save(change(dossier, releases=(replace(sent, key="key-3"),)))


@SAVES.check()
async def failed_save_writes_nothing_but_evidence(store: Store) -> None:
    dossier = await charging(store)
    held_for_no_reason = replace(dossier.workflow, state=State.HELD, amount=Money(1, "EUR"))
    before = await store.history(W1)

    with refused(Broken):
        await store.save(
            change(
                dossier,
                State.HELD,
                after=held_for_no_reason,
                attempts=(attempt(closed=True),),
                releases=(Release(Verdict.FAILED, 1, release_key(W1, "failed", 1), NOW),),
                incidents=(Incident(IncidentKind.CONTRADICTION, NOW, ""),),
                evidence=((key_of(), SUCCESS),),
            )
        )

    after = given(await store.dossier(W1))
    same(after.workflow, dossier.workflow)
    same([piece.answer for piece in after.attempts[0].evidence], [SUCCESS.answer])
    must(not after.attempts[0].closed, "the attempt was closed")
    same(after.releases, ())
    same(list(await store.history(W1)), list(before))
    same(list(await store.incidents(W1)), [])
