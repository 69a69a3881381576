"""How every store keeps attempts and their evidence."""

from dataclasses import replace
from datetime import timedelta

import pytest

from external_gate.domain.errors import Broken
from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Answer,
    Declined,
    DeclineKind,
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
from external_gate.domain.workflow import State
from external_gate.stores.store import Store
from tests.contracts.store_samples import (
    LEASE,
    PRICE,
    SUCCESS,
    W1,
    W2,
    attempt,
    begun,
    change,
    charging,
    claimed,
    evidence,
    key_of,
    later,
    paid,
)

ANSWERS: tuple[Answer, ...] = (
    Succeeded("ch_1", Money(1234567890123, "JPY"), "reference"),
    Succeeded("ch_1", PRICE),
    Declined(DeclineKind.SOFT, "insufficient_funds", "später", "ch_2"),
    Declined(),
    Pending("ch_3", timedelta(seconds=1.5), needs_customer=True, action_url="https://a.example"),
    Pending(),
    Unknown("timeout"),
    NotSent("connection refused"),
    Misconfigured("401"),
    NotFound(conclusive=True),
    NotFound(conclusive=False),
    Undone(),
    UndoPending(),
    TooLate("settled"),
    UndoUnknown("timeout"),
)


class AttemptContract:
    """P2: one open attempt, frozen; evidence is appended by anybody and never lost."""

    async def test_workflow_has_one_open_attempt(self, store: Store) -> None:
        dossier = await charging(store)

        with pytest.raises(Broken):
            await store.save(change(dossier, attempts=(attempt(number=2),)))

        again = await store.dossier(W1)
        assert again is not None
        assert len(again.attempts) == 1

    async def test_next_attempt_begins_with_the_save_that_closes_the_old_one(
        self, store: Store
    ) -> None:
        dossier = await charging(store)
        old, new = attempt(closed=True), attempt(number=2)

        saved = await store.save(change(dossier, attempts=(new, old)))

        assert saved.attempts == (old, new)
        assert saved.attempt == new

    @pytest.mark.parametrize(
        "altered",
        [
            attempt(gateway="another"),
            attempt(body=b"other bytes"),
            attempt(charge=replace(attempt().charge, amount=Money(1, "USD"))),
            attempt(charge=replace(attempt().charge, attempt_key=key_of(number=9))),
        ],
    )
    async def test_attempt_is_frozen(self, store: Store, altered: object) -> None:
        dossier = await charging(store)

        with pytest.raises(Broken, match="frozen"):
            await store.save(change(dossier, attempts=(altered,)))

    async def test_what_may_change_of_an_attempt_changes(self, store: Store) -> None:
        dossier = await charging(store)
        resent = attempt(sends=2, send_deadline=later(70), last_possible_send=later(90))

        saved = await store.save(change(dossier, attempts=(resent,)))

        assert saved.attempts == (resent,)

    @pytest.mark.parametrize("altered", [attempt(closed=False), attempt(closed=True, sends=2)])
    async def test_closed_attempt_is_never_sent_again(self, store: Store, altered: object) -> None:
        dossier = await charging(store)
        dossier = await store.save(change(dossier, attempts=(attempt(closed=True),)))

        with pytest.raises(Broken):
            await store.save(change(dossier, attempts=(altered,)))

    async def test_attempt_of_another_workflow_is_a_bug(self, store: Store) -> None:
        await charging(store, W2)
        dossier = await charging(store, W1)

        with pytest.raises(Broken, match=W2):
            await store.save(change(dossier, attempts=(attempt(W2),)))
        with pytest.raises(Broken, match=key_of(W2)):
            await store.save(change(dossier, evidence=((key_of(W2), SUCCESS),)))

    @pytest.mark.parametrize("answer", ANSWERS, ids=repr)
    async def test_every_answer_is_read_back_equal(self, store: Store, answer: Answer) -> None:
        await charging(store)
        piece = Evidence(Source.LOOKUP, answer, asked_at=later(1), at=later(2), send=3)

        assert await store.append_evidence(key_of(), [piece]) == W1

        dossier = await store.dossier(W1)
        assert dossier is not None
        (kept,) = dossier.attempts[0].evidence
        assert kept == replace(piece, number=dossier.newest_evidence)

    async def test_evidence_of_an_unknown_key_is_nobodys(self, store: Store) -> None:
        await charging(store)

        assert await store.append_evidence(key_of(W2), [SUCCESS]) is None

        dossier = await store.dossier(W1)
        assert dossier is not None
        assert dossier.newest_evidence == 0

    async def test_evidence_can_come_with_the_attempt_that_it_begins(self, store: Store) -> None:
        await begun(store)
        dossier = await claimed(store)
        found = ((key_of(), SUCCESS),)

        saved = await store.save(
            change(
                dossier,
                State.READY,
                State.CHARGING,
                State.PAID,
                attempts=(attempt(),),
                evidence=found,
            )
        )

        assert saved.attempts[0].charge_id == "ch_1"
        assert saved.workflow.evidence_read == saved.newest_evidence

    async def test_evidence_wakes_a_workflow_that_waits(self, store: Store) -> None:
        dossier = await charging(store)
        waits = replace(dossier.workflow, state=State.PENDING, due_at=None)
        await store.save(change(dossier, State.PENDING, after=waits, give_back=True))

        await store.append_evidence(key_of(), [evidence(Unknown("?"), at=later(7))])

        assert not await store.claim(owner="w", now=later(6), lease=LEASE, limit=9)
        (woken,) = await store.claim(owner="w", now=later(7), lease=LEASE, limit=9)
        assert woken.workflow.due_at is None

    async def test_evidence_does_not_put_off_what_is_due_earlier(self, store: Store) -> None:
        dossier = await charging(store)
        soon = replace(dossier.workflow, state=State.PENDING, due_at=later(3))
        await store.save(change(dossier, State.PENDING, after=soon, give_back=True))

        await store.append_evidence(key_of(), [evidence(Unknown("?"), at=later(7))])

        assert await store.claim(owner="w", now=later(3), lease=LEASE, limit=9)

    async def test_evidence_does_not_take_a_workflow_from_its_worker(self, store: Store) -> None:
        await charging(store)

        await store.append_evidence(key_of(), [evidence(Unknown("?"), at=later(7))])

        assert not await store.claim(owner="w", now=later(59), lease=LEASE, limit=9)

    async def test_late_truth_wakes_an_ended_workflow(self, store: Store) -> None:
        dossier = await paid(store)
        ended = replace(dossier.workflow, state=State.RELEASED, due_at=None)
        await store.save(change(dossier, State.RELEASED, after=ended, give_back=True))

        await store.append_evidence(key_of(), [evidence(Declined(), at=later(999))])

        assert await store.claim(owner="w", now=later(999), lease=LEASE, limit=9)
