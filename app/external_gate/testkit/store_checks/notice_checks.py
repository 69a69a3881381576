"""How every store keeps what gateways tell by themselves, and the looks that they ask for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

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
from external_gate.testkit.store_checks.shortfall import (
    exactly,
    given,
    must,
    nothing,
    only,
    same,
    some,
)
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
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


NOTICES = Area(
    "notices",
    cure="Keep every notice under a unique index on gateway and event id, and let it "
    "become evidence in that transaction, once, by `NewNotice.is_proof`; see "
    "`Store.record_notices`.",
)
"""A notice is durable once told, evidence at most once, and a hint is never lost."""


@NOTICES.check()
async def final_notice_is_evidence_and_wakes_the_workflow(store: Store) -> None:
    await pending(store)

    taken = only(await tell(store, notice(outcome=TAKEN, final=True)))

    same(taken.receipt, NoticeReceipt.RECORDED)
    same((taken.workflow_id, taken.is_evidence, taken.look_asked), (W1, True, False))
    woken = only(await claim(store, 10))
    piece = only(woken.attempts[0].evidence)
    same((piece.source, piece.answer, piece.at), (Source.NOTICE, TAKEN, later(10)))
    kept = only(await store.notices_of(W1, limit=9))
    same((kept.event_id, kept.outcome, kept.evidence), ("evt-1", TAKEN, piece.number))


@NOTICES.check()
async def repeated_final_notice_adds_no_evidence(store: Store) -> None:
    await pending(store)
    final = notice(outcome=TAKEN, final=True)
    await tell(store, final)

    again = only(await tell(store, replace(final, received_at=later(9999))))

    same((again.receipt, again.is_evidence), (NoticeReceipt.DUPLICATE, False))
    dossier = given(await store.dossier(W1))
    same(len(dossier.attempts[0].evidence), 1)
    same(dossier.workflow.look_at, None)
    same([kept.deliveries for kept in await store.notices(limit=9)], [2])


@NOTICES.check()
async def one_event_id_at_two_gateways_is_two_notices(store: Store) -> None:
    await pending(store)

    first, second = exactly(
        2,
        await tell(
            store, notice(outcome=TAKEN, final=True), notice(gateway="other", key=key_of(W2))
        ),
    )

    same((first.receipt, second.receipt), ("recorded", "unmatched"))


@NOTICES.check(
    cases=[
        (None, False),
        (None, True),
        (TAKEN, False),
        (Declined(), False),
        (Pending("ch_1"), True),
        (Unknown("?"), True),
        (Misconfigured("?"), True),
    ],
)
async def what_is_no_final_word_only_asks_to_look(
    store: Store,
    outcome: Outcome | None,
    final: bool,  # noqa: FBT001 - a case
) -> None:
    await pending(store)

    taken = only(await tell(store, notice(outcome=outcome, final=final)))

    same((taken.receipt, taken.is_evidence, taken.look_asked), ("recorded", False, True))
    woken = only(await claim(store, 10))
    same(woken.newest_evidence, 0)
    must(woken.attempts[0].wants_look, "the attempt wants no look")
    same(woken.workflow.look_at, later(10))


@NOTICES.check()
async def repeat_that_says_something_else_is_no_evidence_but_looks(store: Store) -> None:
    await pending(store)
    await tell(store, notice(outcome=Declined(), final=True))

    other = only(await tell(store, notice(outcome=TAKEN, final=True)))

    same((other.receipt, other.is_evidence), (NoticeReceipt.DUPLICATE, False))
    must(other.look_asked, "no look was asked for")
    dossier = given(await store.dossier(W1))
    same([p.answer for p in dossier.attempts[0].evidence], [Declined()])


@NOTICES.check()
async def notice_of_an_unknown_key_is_kept_and_nobodys(store: Store) -> None:
    await pending(store)
    stray = notice(key=key_of(W2), outcome=TAKEN, final=True)

    taken = only(await tell(store, stray))

    same((taken.receipt, taken.workflow_id), (NoticeReceipt.UNMATCHED, None))
    same(taken.meant_for, None)
    kept = only(await store.notices(limit=9, unmatched=True))
    same((kept.attempt_key, kept.outcome, kept.workflow_id), (key_of(W2), TAKEN, None))


@NOTICES.check()
async def notice_of_another_gateway_is_never_evidence(store: Store) -> None:
    await pending(store)

    taken = only(await tell(store, notice(gateway="other", outcome=TAKEN, final=True)))

    same((taken.receipt, taken.meant_for), (NoticeReceipt.UNMATCHED, "main"))
    dossier = given(await store.dossier(W1))
    same(dossier.newest_evidence, 0)
    same(dossier.workflow.look_at, None)
    shown = only(await store.notices_of(W1, limit=9))
    same(shown.workflow_id, None)


@NOTICES.check()
async def unmatched_proof_is_matched_when_its_attempt_is_first_sent(store: Store) -> None:
    early = notice(outcome=TAKEN, final=True)
    await tell(store, early)
    some(await store.notices(limit=9, unmatched=True))

    dossier = await pending(store)
    again = only(await tell(store, early))

    same(again.receipt, NoticeReceipt.DUPLICATE)
    nothing(await store.notices(limit=9, unmatched=True))
    attempt = (await store.dossier(dossier.workflow.workflow_id) or dossier).attempts[0]
    same([piece.answer for piece in attempt.evidence].count(TAKEN), 1)


@NOTICES.check()
async def notices_of_one_body_are_told_in_their_order(store: Store) -> None:
    await pending(store)

    taken = await tell(
        store,
        notice("a", outcome=TAKEN, final=True),
        notice("b", key=key_of(W2)),
        notice("a", outcome=TAKEN, final=True),
        notice("c"),
    )

    same([each.receipt for each in taken], [
        "recorded", "unmatched", "duplicate", "recorded",
    ])  # fmt: skip
    same([kept.event_id for kept in await store.notices(limit=2)], ["c", "b"])
    older = await store.notices(limit=9, before=taken[1].number)
    same([kept.event_id for kept in older], ["a"])
