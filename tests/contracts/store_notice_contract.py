"""How every store keeps what gateways tell by themselves, and the looks that they ask for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from external_gate.domain.evidence import Source
from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.outcome import (
    Declined,
    Misconfigured,
    Outcome,
    Pending,
    Succeeded,
    Unknown,
)
from external_gate.domain.workflow import State
from external_gate.stores.store import Store
from external_gate.stores.store_records import (
    Dossier,
    NewNotice,
    NoticeReceipt,
    NoticeTaken,
)
from tests.contracts.store_samples import (
    LEASE,
    PRICE,
    W1,
    W2,
    change,
    charging,
    key_of,
    later,
)

TAKEN = Succeeded("ch_1", PRICE, "reference-1")
FAR = timedelta(hours=6)
AT = later(10)


def notice(
    event_id: str = "evt-1",
    *,
    gateway: str = "main",
    key: AttemptKey | None = None,
    outcome: Outcome | None = None,
    final: bool = False,
    at: datetime = AT,
) -> NewNotice:
    """Give a notice about the sample's attempt; a hint unless it claims something final."""
    return NewNotice(gateway, event_id, key or key_of(), outcome, final, at)


async def tell(store: Store, *notices: NewNotice) -> Sequence[NoticeTaken]:
    return await store.record_notices(notices)


async def pending(store: Store, workflow_id: WorkflowId = W1) -> Dossier:
    """Bring a workflow to a pending charge that is looked at in six hours, leased by nobody."""
    dossier = await charging(store, workflow_id)
    waits = replace(dossier.workflow, state=State.PENDING, due_at=later(0) + FAR)
    return await store.save(change(dossier, State.PENDING, after=waits, give_back=True))


async def claim(store: Store, seconds: float) -> list[Dossier]:
    return list(await store.claim(owner="w", now=later(seconds), lease=LEASE, limit=9))


class NoticeContract:
    """A notice is durable once told, evidence at most once, and a hint is never lost."""

    async def test_final_notice_is_evidence_and_wakes_the_workflow(self, store: Store) -> None:
        await pending(store)

        (taken,) = await tell(store, notice(outcome=TAKEN, final=True))

        assert taken.receipt is NoticeReceipt.RECORDED
        assert (taken.workflow_id, taken.is_evidence, taken.look_asked) == (W1, True, False)
        (woken,) = await claim(store, 10)
        (piece,) = woken.attempts[0].evidence
        assert (piece.source, piece.answer, piece.at) == (Source.NOTICE, TAKEN, later(10))
        (kept,) = await store.notices_of(W1, limit=9)
        assert (kept.event_id, kept.outcome, kept.evidence) == ("evt-1", TAKEN, piece.number)

    async def test_repeated_final_notice_adds_no_evidence(self, store: Store) -> None:
        await pending(store)
        final = notice(outcome=TAKEN, final=True)
        await tell(store, final)

        (again,) = await tell(store, replace(final, received_at=later(9999)))

        assert (again.receipt, again.is_evidence) == (NoticeReceipt.DUPLICATE, False)
        dossier = await store.dossier(W1)
        assert dossier is not None
        assert len(dossier.attempts[0].evidence) == 1
        assert dossier.workflow.look_at is None
        assert [kept.deliveries for kept in await store.notices(limit=9)] == [2]

    async def test_one_event_id_at_two_gateways_is_two_notices(self, store: Store) -> None:
        await pending(store)

        first, second = await tell(
            store, notice(outcome=TAKEN, final=True), notice(gateway="other", key=key_of(W2))
        )

        assert (first.receipt, second.receipt) == ("recorded", "unmatched")

    @pytest.mark.parametrize(
        ("outcome", "final"),
        [
            (None, False),
            (None, True),
            (TAKEN, False),
            (Declined(), False),
            (Pending("ch_1"), True),
            (Unknown("?"), True),
            (Misconfigured("?"), True),
        ],
    )
    async def test_what_is_no_final_word_only_asks_to_look(
        self, store: Store, outcome: Outcome | None, final: bool
    ) -> None:
        await pending(store)

        (taken,) = await tell(store, notice(outcome=outcome, final=final))

        assert (taken.receipt, taken.is_evidence, taken.look_asked) == ("recorded", False, True)
        (woken,) = await claim(store, 10)
        assert woken.newest_evidence == 0
        assert woken.attempts[0].wants_look
        assert woken.workflow.look_at == later(10)

    async def test_repeat_that_says_something_else_is_no_evidence_but_looks(
        self, store: Store
    ) -> None:
        await pending(store)
        await tell(store, notice(outcome=Declined(), final=True))

        (other,) = await tell(store, notice(outcome=TAKEN, final=True))

        assert (other.receipt, other.is_evidence) == (NoticeReceipt.DUPLICATE, False)
        assert other.look_asked
        dossier = await store.dossier(W1)
        assert dossier is not None
        assert [p.answer for p in dossier.attempts[0].evidence] == [Declined()]

    async def test_notice_of_an_unknown_key_is_kept_and_nobodys(self, store: Store) -> None:
        await pending(store)
        stray = notice(key=key_of(W2), outcome=TAKEN, final=True)

        (taken,) = await tell(store, stray)

        assert (taken.receipt, taken.workflow_id) == (NoticeReceipt.UNMATCHED, None)
        assert taken.meant_for is None
        (kept,) = await store.notices(limit=9, unmatched=True)
        assert (kept.attempt_key, kept.outcome, kept.workflow_id) == (key_of(W2), TAKEN, None)

    async def test_notice_of_another_gateway_is_never_evidence(self, store: Store) -> None:
        await pending(store)

        (taken,) = await tell(store, notice(gateway="other", outcome=TAKEN, final=True))

        assert (taken.receipt, taken.meant_for) == (NoticeReceipt.UNMATCHED, "main")
        dossier = await store.dossier(W1)
        assert dossier is not None
        assert dossier.newest_evidence == 0
        assert dossier.workflow.look_at is None
        (shown,) = await store.notices_of(W1, limit=9)
        assert shown.workflow_id is None

    async def test_unmatched_proof_is_matched_when_its_attempt_is_first_sent(
        self, store: Store
    ) -> None:
        early = notice(outcome=TAKEN, final=True)
        await tell(store, early)
        assert await store.notices(limit=9, unmatched=True)

        dossier = await pending(store)
        (again,) = await tell(store, early)

        assert again.receipt is NoticeReceipt.DUPLICATE
        assert not await store.notices(limit=9, unmatched=True)
        attempt = (await store.dossier(dossier.workflow.workflow_id) or dossier).attempts[0]
        assert [piece.answer for piece in attempt.evidence].count(TAKEN) == 1

    async def test_notices_of_one_body_are_told_in_their_order(self, store: Store) -> None:
        await pending(store)

        taken = await tell(
            store,
            notice("a", outcome=TAKEN, final=True),
            notice("b", key=key_of(W2)),
            notice("a", outcome=TAKEN, final=True),
            notice("c"),
        )

        assert [each.receipt for each in taken] == [
            "recorded", "unmatched", "duplicate", "recorded",
        ]  # fmt: skip
        assert [kept.event_id for kept in await store.notices(limit=2)] == ["c", "b"]
        older = await store.notices(limit=9, before=taken[1].number)
        assert [kept.event_id for kept in older] == ["a"]
