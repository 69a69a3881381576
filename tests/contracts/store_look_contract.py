"""How every store brings looks forward that gateways ask for, and loses none."""

from dataclasses import replace
from datetime import timedelta

import pytest

from external_gate.domain.workflow import Actor, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import Dossier, NoticeReceipt
from external_gate.stores.store_rules import LOOKS_APART
from tests.contracts.store_notice_contract import FAR, claim, notice, pending, tell
from tests.contracts.store_samples import (
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


async def look(store: Store, dossier: Dossier, *, seconds: float) -> Dossier:
    """Save that a look was made, and give the workflow back."""
    at = later(seconds)
    made = tuple(replace(each, look_made=each.look_asked) for each in dossier.attempts)
    after = replace(dossier.workflow, looked_at=at, updated_at=at)
    return await store.save(change(dossier, after=after, attempts=made, give_back=True))


class LookContract:
    """A hint brings one look forward, keeps the schedule, and waits for nobody's lease in vain."""

    async def test_hint_keeps_the_schedule(self, store: Store) -> None:
        before = await pending(store)
        await tell(store, notice())

        (woken,) = await claim(store, 10)

        assert woken.workflow.due_at == before.workflow.due_at == later(0) + FAR
        await look(store, woken, seconds=11)
        assert not await claim(store, FAR.total_seconds() - 1)
        assert await claim(store, FAR.total_seconds())

    async def test_looks_that_hints_bring_forward_are_apart(self, store: Store) -> None:
        await pending(store)
        await tell(store, notice("evt-1", at=later(10)))
        (woken,) = await claim(store, 10)
        await look(store, woken, seconds=10)

        await tell(store, notice("evt-2", at=later(11)))
        await tell(store, notice("evt-3", at=later(14)))

        gap = LOOKS_APART.total_seconds()
        assert not await claim(store, 10 + gap - 0.001)
        (again,) = await claim(store, 10 + gap)
        assert again.attempts[0].wants_look

    async def test_flood_of_hints_writes_one_line_for_each_look(self, store: Store) -> None:
        await pending(store)
        known = len(await store.history(W1))

        for number in range(50):
            await tell(store, notice(f"evt-{number}"))

        lines = (await store.history(W1))[known:]
        assert [(line.event, line.actor) for line in lines] == [("look_asked", Actor.INTAKE)]
        assert lines[0].facts == {"gateway": "main", "event_id": "evt-0", "attempt": "1"}

    async def test_hint_during_a_lease_waits_for_its_end_and_is_not_lost(
        self, store: Store
    ) -> None:
        dossier = await charging(store)
        await tell(store, notice())
        assert not await claim(store, LEASE.total_seconds() - 1)

        waits = replace(dossier.workflow, state=State.PENDING, due_at=later(0) + FAR)
        await store.save(change(dossier, State.PENDING, after=waits, give_back=True))

        (woken,) = await claim(store, 10)
        assert woken.attempts[0].wants_look
        assert woken.workflow.due_at == later(0) + FAR

    @pytest.mark.parametrize("due_in", [None, FAR])
    async def test_hint_during_a_lease_outlives_a_give_back(
        self, store: Store, due_in: timedelta | None
    ) -> None:
        dossier = await charging(store)
        await tell(store, notice())

        due_at = None if due_in is None else later(0) + due_in
        await store.give_back([(W1, dossier.workflow.fence)], due_at=due_at)

        assert await claim(store, 10)

    async def test_hint_that_arrives_during_the_look_asks_for_another(self, store: Store) -> None:
        await pending(store)
        await tell(store, notice("evt-1"))
        (woken,) = await claim(store, 10)
        await tell(store, notice("evt-2", at=later(11)))

        saved = await look(store, woken, seconds=12)

        assert saved.attempts[0].wants_look
        assert saved.workflow.look_at == later(12) + LOOKS_APART
        assert not await claim(store, 12)
        assert await claim(store, 12 + LOOKS_APART.total_seconds())

    async def test_save_that_knows_nothing_of_a_hint_does_not_drop_it(self, store: Store) -> None:
        await pending(store)
        dossier = await claimed(store)
        await tell(store, notice())

        saved = await store.save(change(dossier, give_back=True, attempts=dossier.attempts))

        assert saved.attempts[0].wants_look
        assert await claim(store, 10)

    async def test_hint_after_the_end_makes_the_workflow_claimable(self, store: Store) -> None:
        dossier = await paid(store)
        ended = replace(dossier.workflow, state=State.RELEASED, due_at=None)
        await store.save(change(dossier, State.RELEASED, after=ended, give_back=True))

        await tell(store, notice(at=later(99_999)))

        (woken,) = await claim(store, 99_999)
        assert woken.workflow.state is State.RELEASED
        assert woken.workflow.due_at is None
        await look(store, woken, seconds=99_999)
        assert not await claim(store, 10**9)

    async def test_repeated_hint_is_a_hint_once_more(self, store: Store) -> None:
        await pending(store)
        await tell(store, notice())
        (woken,) = await claim(store, 10)
        await look(store, woken, seconds=10)

        (again,) = await tell(store, notice(at=later(100)))

        assert (again.receipt, again.look_asked) == (NoticeReceipt.DUPLICATE, True)
        assert await claim(store, 100)

    async def test_hints_about_two_attempts_are_both_kept(self, store: Store) -> None:
        dossier = await charging(store)
        both = (attempt(closed=True), attempt(number=2))
        await store.save(change(dossier, attempts=both, give_back=True))

        await tell(store, notice("a"), notice("b", key=key_of(number=2)))

        (woken,) = await claim(store, 60)
        assert [each.wants_look for each in woken.attempts] == [True, True]

    async def test_clock_that_was_ahead_does_not_put_a_look_off_for_long(
        self, store: Store
    ) -> None:
        await pending(store)
        await tell(store, notice("a"))
        (woken,) = await claim(store, 10)
        await look(store, woken, seconds=3600)

        await tell(store, notice("b", at=later(20)))

        assert await claim(store, 20 + LOOKS_APART.total_seconds())

    async def test_hint_for_a_workflow_that_waits_for_nothing_wakes_nobody_else(
        self, store: Store
    ) -> None:
        await pending(store)
        await begun(store, W2, at=later(9999))

        await tell(store, notice())

        assert [d.workflow.workflow_id for d in await claim(store, 10)] == [W1]
