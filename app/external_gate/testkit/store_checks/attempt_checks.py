"""How every store keeps attempts and their evidence."""

from dataclasses import replace
from datetime import timedelta

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
from external_gate.testkit.store_checks.shortfall import given, nothing, only, refused, same, some
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
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


ATTEMPTS = Area(
    "attempts",
    cure="Compare an attempt that is known with the one given, field by field, and let a "
    "partial unique index allow one open attempt per workflow; append evidence "
    "without a fence.",
)
"""P2: one open attempt, frozen; evidence is appended by anybody and never lost."""


@ATTEMPTS.check()
async def workflow_has_one_open_attempt(store: Store) -> None:
    dossier = await charging(store)

    with refused(Broken):
        await store.save(change(dossier, attempts=(attempt(number=2),)))

    again = given(await store.dossier(W1))
    same(len(again.attempts), 1)


@ATTEMPTS.check()
async def next_attempt_begins_with_the_save_that_closes_the_old_one(store: Store) -> None:
    dossier = await charging(store)
    old, new = attempt(closed=True), attempt(number=2)

    saved = await store.save(change(dossier, attempts=(new, old)))

    same(saved.attempts, (old, new))
    same(saved.attempt, new)


@ATTEMPTS.check(
    cases=[
        attempt(gateway="another"),
        attempt(body=b"other bytes"),
        attempt(charge=replace(attempt().charge, amount=Money(1, "USD"))),
        attempt(charge=replace(attempt().charge, attempt_key=key_of(number=9))),
    ],
)
async def attempt_is_frozen(store: Store, altered: object) -> None:
    dossier = await charging(store)

    with refused(Broken, naming="frozen"):
        await store.save(change(dossier, attempts=(altered,)))


@ATTEMPTS.check()
async def what_may_change_of_an_attempt_changes(store: Store) -> None:
    dossier = await charging(store)
    resent = attempt(sends=2, send_deadline=later(70), last_possible_send=later(90))

    saved = await store.save(change(dossier, attempts=(resent,)))

    same(saved.attempts, (resent,))


@ATTEMPTS.check(cases=[attempt(closed=False), attempt(closed=True, sends=2)])
async def closed_attempt_is_never_sent_again(store: Store, altered: object) -> None:
    dossier = await charging(store)
    dossier = await store.save(change(dossier, attempts=(attempt(closed=True),)))

    with refused(Broken):
        await store.save(change(dossier, attempts=(altered,)))


@ATTEMPTS.check()
async def attempt_of_another_workflow_is_a_bug(store: Store) -> None:
    await charging(store, W2)
    dossier = await charging(store, W1)

    with refused(Broken, naming=W2):
        await store.save(change(dossier, attempts=(attempt(W2),)))
    with refused(Broken, naming=key_of(W2)):
        await store.save(change(dossier, evidence=((key_of(W2), SUCCESS),)))


@ATTEMPTS.check(cases=ANSWERS)
async def every_answer_is_read_back_equal(store: Store, answer: Answer) -> None:
    await charging(store)
    piece = Evidence(Source.LOOKUP, answer, asked_at=later(1), at=later(2), send=3)

    same(await store.append_evidence(key_of(), [piece]), W1)

    dossier = given(await store.dossier(W1))
    kept = only(dossier.attempts[0].evidence)
    same(kept, replace(piece, number=dossier.newest_evidence))


@ATTEMPTS.check()
async def evidence_of_an_unknown_key_is_nobodys(store: Store) -> None:
    await charging(store)

    same(await store.append_evidence(key_of(W2), [SUCCESS]), None)

    dossier = given(await store.dossier(W1))
    same(dossier.newest_evidence, 0)


@ATTEMPTS.check()
async def evidence_can_come_with_the_attempt_that_it_begins(store: Store) -> None:
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

    same(saved.attempts[0].charge_id, "ch_1")
    same(saved.workflow.evidence_read, saved.newest_evidence)


@ATTEMPTS.check()
async def evidence_wakes_a_workflow_that_waits(store: Store) -> None:
    dossier = await charging(store)
    waits = replace(dossier.workflow, state=State.PENDING, due_at=None)
    await store.save(change(dossier, State.PENDING, after=waits, give_back=True))

    await store.append_evidence(key_of(), [evidence(Unknown("?"), at=later(7))])

    nothing(await store.claim(owner="w", now=later(6), lease=LEASE, limit=9))
    woken = only(await store.claim(owner="w", now=later(7), lease=LEASE, limit=9))
    same(woken.workflow.due_at, None)


@ATTEMPTS.check()
async def evidence_does_not_put_off_what_is_due_earlier(store: Store) -> None:
    dossier = await charging(store)
    soon = replace(dossier.workflow, state=State.PENDING, due_at=later(3))
    await store.save(change(dossier, State.PENDING, after=soon, give_back=True))

    await store.append_evidence(key_of(), [evidence(Unknown("?"), at=later(7))])

    some(await store.claim(owner="w", now=later(3), lease=LEASE, limit=9))


@ATTEMPTS.check()
async def evidence_does_not_take_a_workflow_from_its_worker(store: Store) -> None:
    await charging(store)

    await store.append_evidence(key_of(), [evidence(Unknown("?"), at=later(7))])

    nothing(await store.claim(owner="w", now=later(59), lease=LEASE, limit=9))


@ATTEMPTS.check()
async def late_truth_wakes_an_ended_workflow(store: Store) -> None:
    dossier = await paid(store)
    ended = replace(dossier.workflow, state=State.RELEASED, due_at=None)
    await store.save(change(dossier, State.RELEASED, after=ended, give_back=True))

    await store.append_evidence(key_of(), [evidence(Declined(), at=later(999))])

    some(await store.claim(owner="w", now=later(999), lease=LEASE, limit=9))
