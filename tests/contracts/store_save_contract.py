"""How every store saves moves under their fence."""

from dataclasses import replace

import pytest

from external_gate.domain.errors import Broken, LeaseLost, Refused
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind, Release
from external_gate.domain.money import Money
from external_gate.domain.outcome import Declined, Unknown
from external_gate.domain.workflow import Actor, State, Verdict
from external_gate.stores.store import Store
from tests.contracts.store_samples import (
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


class SaveContract:
    """A save is whole or nothing, is made by the newest holder only, and overwrites nobody."""

    async def test_saved_dossier_is_read_back_equal(self, store: Store) -> None:
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
        release = Release(Verdict.PAID, 2, "r-workflow-1-paid-2", later(7))

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

        assert saved.workflow == after
        assert (saved.attempts, saved.releases) == ((attempt(),), (release,))
        assert await store.dossier(W1) == saved

    async def test_history_and_incidents_are_read_back_in_order(self, store: Store) -> None:
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

        first, moved, noted = await store.history(W1)
        assert first.number < moved.number < noted.number
        assert (moved.from_state, moved.to_state) == (State.RECEIVED, State.READY)
        assert noted == replace(entry, number=noted.number)
        (told,) = await store.incidents(W1)
        assert told == replace(incident, number=told.number)

    async def test_late_worker_cannot_save(self, store: Store) -> None:
        await begun(store)
        late = await claimed(store)
        await claimed(store, now=later(60))

        with pytest.raises(LeaseLost):
            await store.save(change(late, State.READY))

        dossier = await store.dossier(W1)
        assert dossier is not None
        assert dossier.workflow.state is State.RECEIVED

    async def test_evidence_of_a_late_worker_is_kept(self, store: Store) -> None:
        late = await charging(store)
        await claimed(store, now=later(60))

        with pytest.raises(LeaseLost):
            await store.save(change(late, State.PAID, evidence=((key_of(), SUCCESS),)))

        dossier = await store.dossier(W1)
        assert dossier is not None
        assert dossier.workflow.state is State.CHARGING
        (kept,) = dossier.attempts[0].evidence
        assert kept == replace(SUCCESS, number=kept.number)

    async def test_decision_that_has_not_read_all_evidence_is_refused(self, store: Store) -> None:
        dossier = await charging(store)
        await store.append_evidence(key_of(), [evidence(Unknown("timeout"))])
        own = ((key_of(), DECLINE),)

        with pytest.raises(Refused, match="evidence"):
            await store.save(change(dossier, State.DECLINED, evidence=own))

        again = await store.dossier(W1)
        assert again is not None
        assert [piece.answer for piece in again.attempts[0].evidence] == [
            Unknown("timeout"),
            Declined(code="card_declined"),
        ]
        saved = await store.save(change(again, State.DECLINED))
        assert saved.workflow.evidence_read == again.newest_evidence > 0

    async def test_own_evidence_counts_as_read(self, store: Store) -> None:
        saved = await paid(store)

        assert saved.workflow.state is State.PAID
        assert saved.workflow.evidence_read == saved.newest_evidence > 0

    async def test_lease_ends_with_the_save_that_gives_it_back(self, store: Store) -> None:
        await begun(store)
        dossier = await claimed(store)
        after = replace(dossier.workflow, state=State.READY, due_at=later(20))

        await store.save(change(dossier, State.READY, after=after, give_back=True))

        assert not await store.claim(owner="w", now=later(19), lease=LEASE, limit=9)
        assert await store.claim(owner="w", now=later(20), lease=LEASE, limit=9)

    async def test_save_in_between_keeps_the_lease(self, store: Store) -> None:
        await begun(store)
        dossier = await claimed(store)
        after = replace(dossier.workflow, state=State.READY, due_at=later(1))

        saved = await store.save(change(dossier, State.READY, after=after))

        assert saved.workflow.due_at == later(1)
        assert not await store.claim(owner="w", now=later(59), lease=LEASE, limit=9)
        assert await store.claim(owner="w", now=later(60), lease=LEASE, limit=9)

    async def test_move_that_the_history_does_not_tell_is_a_bug(self, store: Store) -> None:
        await begun(store)
        dossier = await claimed(store)

        skipped = path(State.READY, State.CHARGING)

        with pytest.raises(Broken, match="history"):
            await store.save(change(dossier, State.READY, history=()))
        with pytest.raises(Broken, match="history"):
            await store.save(change(dossier, State.READY, State.CHARGING, history=skipped))

    async def test_ended_workflow_never_moves_again(self, store: Store) -> None:
        ended = await store.save(change(await paid(store), State.RELEASED))

        with pytest.raises(Broken):
            await store.save(change(ended, State.HELD, evidence=((key_of(), DECLINE),)))

        dossier = await store.dossier(W1)
        assert dossier is not None
        assert dossier.workflow.state is State.RELEASED
        assert dossier.newest_evidence > ended.newest_evidence  # the late truth is kept

    async def test_decided_verdict_never_changes(self, store: Store) -> None:
        dossier = await paid(store)
        decided = replace(dossier.workflow, verdict=Verdict.PAID)
        dossier = await store.save(change(dossier, after=decided))
        for other in (Verdict.FAILED, None):
            turned = replace(dossier.workflow, verdict=other)
            with pytest.raises(Broken):
                await store.save(change(dossier, after=turned))

        back = await store.save(change(dossier, State.REFUNDING))
        turned = replace(back.workflow, state=State.DECLINED, verdict=Verdict.FAILED)
        saved = await store.save(change(back, State.DECLINED, after=turned))

        assert saved.workflow.verdict is Verdict.FAILED

    async def test_release_is_updated_by_generation_under_its_key(self, store: Store) -> None:
        dossier = await paid(store)
        sent = Release(Verdict.PAID, 1, "key-1", later(1))
        dossier = await store.save(change(dossier, releases=(sent,)))
        answered = replace(sent, sends=2, answered_at=later(2), answer="done")
        following = Release(Verdict.PAID, 2, "key-2", later(3))

        dossier = await store.save(change(dossier, releases=(answered, following)))

        assert dossier.releases == (answered, following)
        with pytest.raises(Broken, match="key-3"):
            await store.save(change(dossier, releases=(replace(sent, key="key-3"),)))

    async def test_failed_save_writes_nothing_but_evidence(self, store: Store) -> None:
        dossier = await charging(store)
        held_for_no_reason = replace(dossier.workflow, state=State.HELD, amount=Money(1, "EUR"))
        before = await store.history(W1)

        with pytest.raises(Broken):
            await store.save(
                change(
                    dossier,
                    State.HELD,
                    after=held_for_no_reason,
                    attempts=(attempt(closed=True),),
                    releases=(Release(Verdict.FAILED, 1, "key-1", NOW),),
                    incidents=(Incident(IncidentKind.CONTRADICTION, NOW, ""),),
                    evidence=((key_of(), SUCCESS),),
                )
            )

        after = await store.dossier(W1)
        assert after is not None
        assert after.workflow == dossier.workflow
        assert [piece.answer for piece in after.attempts[0].evidence] == [SUCCESS.answer]
        assert not after.attempts[0].closed
        assert after.releases == ()
        assert list(await store.history(W1)) == list(before)
        assert list(await store.incidents(W1)) == []
