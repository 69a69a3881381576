"""How every store brings looks forward that gateways ask for, and loses none."""

from dataclasses import replace
from datetime import timedelta

from external_gate.domain.workflow import Actor, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import Dossier, NoticeReceipt
from external_gate.stores.store_rules import LOOKS_APART
from external_gate.testkit.store_checks.notice_checks import FAR, claim, notice, pending, tell
from external_gate.testkit.store_checks.shortfall import must, nothing, only, same, some
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    W1,
    W2,
    attempt,
    begun,
    change,
    charging,
    claimed,
    key_of,
    later,
    paid,
)

NO_LOOK = "the attempt wants no look any more: the hint was lost"


async def look(store: Store, dossier: Dossier, *, seconds: float) -> Dossier:
    """Save that a look was made, and give the workflow back."""
    at = later(seconds)
    made = tuple(replace(each, look_made=each.look_asked) for each in dossier.attempts)
    after = replace(dossier.workflow, looked_at=at, updated_at=at)
    return await store.save(change(dossier, after=after, attempts=made, give_back=True))


LOOKS = Area(
    "looks",
    cure="Keep `look_asked` and `look_made` per attempt, move `look_at` by "
    "`store_rules.look_at` alone, and leave `due_at` as it was; give back by "
    "`store_rules.claimable_after`.",
)
"""A hint brings one look forward, keeps the schedule, and waits for nobody's lease in vain."""


@LOOKS.check()
async def hint_keeps_the_schedule(store: Store) -> None:
    before = await pending(store)
    await tell(store, notice())

    woken = only(await claim(store, 10))

    same(before.workflow.due_at, later(0) + FAR)
    same(woken.workflow.due_at, later(0) + FAR)
    await look(store, woken, seconds=11)
    nothing(await claim(store, FAR.total_seconds() - 1))
    some(await claim(store, FAR.total_seconds()))


@LOOKS.check()
async def looks_that_hints_bring_forward_are_apart(store: Store) -> None:
    await pending(store)
    await tell(store, notice("evt-1", at=later(10)))
    woken = only(await claim(store, 10))
    await look(store, woken, seconds=10)

    await tell(store, notice("evt-2", at=later(11)))
    await tell(store, notice("evt-3", at=later(14)))

    gap = LOOKS_APART.total_seconds()
    nothing(await claim(store, 10 + gap - 0.001))
    again = only(await claim(store, 10 + gap))
    must(again.attempts[0].wants_look, NO_LOOK)


@LOOKS.check()
async def flood_of_hints_writes_one_line_for_each_look(store: Store) -> None:
    await pending(store)
    known = len(await store.history(W1))

    for number in range(50):
        await tell(store, notice(f"evt-{number}"))

    lines = (await store.history(W1))[known:]
    same([(line.event, line.actor) for line in lines], [("look_asked", Actor.INTAKE)])
    same(lines[0].facts, {"gateway": "main", "event_id": "evt-0", "attempt": "1"})


@LOOKS.check()
async def hint_during_a_lease_waits_for_its_end_and_is_not_lost(store: Store) -> None:
    dossier = await charging(store)
    await tell(store, notice())
    nothing(await claim(store, LEASE.total_seconds() - 1))

    waits = replace(dossier.workflow, state=State.PENDING, due_at=later(0) + FAR)
    await store.save(change(dossier, State.PENDING, after=waits, give_back=True))

    woken = only(await claim(store, 10))
    must(woken.attempts[0].wants_look, NO_LOOK)
    same(woken.workflow.due_at, later(0) + FAR)


@LOOKS.check(cases=[None, FAR])
async def hint_during_a_lease_outlives_a_give_back(store: Store, due_in: timedelta | None) -> None:
    dossier = await charging(store)
    await tell(store, notice())

    due_at = None if due_in is None else later(0) + due_in
    await store.give_back([(W1, dossier.workflow.fence)], due_at=due_at)

    some(await claim(store, 10))


@LOOKS.check()
async def hint_that_arrives_during_the_look_asks_for_another(store: Store) -> None:
    await pending(store)
    await tell(store, notice("evt-1"))
    woken = only(await claim(store, 10))
    await tell(store, notice("evt-2", at=later(11)))

    saved = await look(store, woken, seconds=12)

    must(saved.attempts[0].wants_look, NO_LOOK)
    same(saved.workflow.look_at, later(12) + LOOKS_APART)
    nothing(await claim(store, 12))
    some(await claim(store, 12 + LOOKS_APART.total_seconds()))


@LOOKS.check()
async def save_that_knows_nothing_of_a_hint_does_not_drop_it(store: Store) -> None:
    await pending(store)
    dossier = await claimed(store)
    await tell(store, notice())

    saved = await store.save(change(dossier, give_back=True, attempts=dossier.attempts))

    must(saved.attempts[0].wants_look, NO_LOOK)
    some(await claim(store, 10))


@LOOKS.check()
async def hint_after_the_end_makes_the_workflow_claimable(store: Store) -> None:
    dossier = await paid(store)
    ended = replace(dossier.workflow, state=State.RELEASED, due_at=None)
    await store.save(change(dossier, State.RELEASED, after=ended, give_back=True))

    await tell(store, notice(at=later(99_999)))

    woken = only(await claim(store, 99_999))
    same(woken.workflow.state, State.RELEASED)
    same(woken.workflow.due_at, None)
    await look(store, woken, seconds=99_999)
    nothing(await claim(store, 10**9))


@LOOKS.check()
async def repeated_hint_is_a_hint_once_more(store: Store) -> None:
    await pending(store)
    await tell(store, notice())
    woken = only(await claim(store, 10))
    await look(store, woken, seconds=10)

    again = only(await tell(store, notice(at=later(100))))

    same((again.receipt, again.look_asked), (NoticeReceipt.DUPLICATE, True))
    some(await claim(store, 100))


@LOOKS.check()
async def hints_about_two_attempts_are_both_kept(store: Store) -> None:
    dossier = await charging(store)
    both = (attempt(closed=True), attempt(number=2))
    await store.save(change(dossier, attempts=both, give_back=True))

    await tell(store, notice("a"), notice("b", key=key_of(number=2)))

    woken = only(await claim(store, 60))
    same([each.wants_look for each in woken.attempts], [True, True])


@LOOKS.check()
async def clock_that_was_ahead_does_not_put_a_look_off_for_long(store: Store) -> None:
    await pending(store)
    await tell(store, notice("a"))
    woken = only(await claim(store, 10))
    await look(store, woken, seconds=3600)

    await tell(store, notice("b", at=later(20)))

    some(await claim(store, 20 + LOOKS_APART.total_seconds()))


@LOOKS.check()
async def hint_for_a_workflow_that_waits_for_nothing_wakes_nobody_else(store: Store) -> None:
    await pending(store)
    await begun(store, W2, at=later(9999))

    await tell(store, notice())

    same([d.workflow.workflow_id for d in await claim(store, 10)], [W1])
