"""How a hold that was asked for takes effect in every store."""

from dataclasses import replace

import pytest

from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import Actor, HeldReason, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import HoldWanted
from tests.contracts.store_samples import (
    LEASE,
    W1,
    attempt,
    begun,
    change,
    charging,
    claimed,
    later,
    paid,
)


def _hold(at: float = 5) -> HistoryEntry:
    return HistoryEntry(later(at), Actor.PERSON, "hold_asked_for", reason="stop", who="ada")


class HoldContract:
    """Whoever asks for a hold need not wait for the worker, and no charge slips past it."""

    async def test_no_charge_is_saved_while_a_hold_is_wanted(self, store: Store) -> None:
        await begun(store)
        dossier = await claimed(store)
        await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="wait", entry=_hold())

        with pytest.raises(HoldWanted):
            await store.save(change(dossier, State.READY, State.CHARGING, attempts=(attempt(),)))

        again = await store.dossier(W1)
        assert again is not None
        assert (again.workflow.state, again.attempts) == (State.RECEIVED, ())
        assert again.workflow.hold_wanted is HeldReason.OPERATOR
        assert (await store.history(W1))[-1].event == "hold_asked_for"

    async def test_hold_asked_for_meanwhile_survives_a_save_and_wakes(self, store: Store) -> None:
        dossier = await charging(store)
        await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="wait", entry=_hold())
        after = replace(
            dossier.workflow, state=State.PENDING, updated_at=later(9), due_at=later(9999)
        )

        saved = await store.save(change(dossier, State.PENDING, after=after, give_back=True))

        assert saved.workflow.hold_wanted is HeldReason.OPERATOR
        assert saved.workflow.hold_wanted_detail == "wait"
        (woken,) = await store.claim(owner="w", now=later(9), lease=LEASE, limit=9)
        held = await store.save(change(woken, State.HELD))
        assert held.workflow.hold_wanted is None
        assert held.workflow.hold_wanted_detail == ""

    async def test_hold_that_the_decision_has_read_does_not_wake_again(self, store: Store) -> None:
        await charging(store)
        await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="wait", entry=_hold())
        read = await claimed(store, now=later(60))
        after = replace(read.workflow, state=State.UNRESOLVED, due_at=later(9999))

        await store.save(change(read, State.UNRESOLVED, after=after, give_back=True))

        assert not await store.claim(owner="w", now=later(9998), lease=LEASE, limit=9)

    async def test_hold_makes_a_waiting_workflow_due(self, store: Store) -> None:
        await begun(store, at=later(9999))

        await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="", entry=_hold(at=5))

        assert await store.claim(owner="w", now=later(5), lease=LEASE, limit=9)

    async def test_hold_of_an_unknown_workflow_is_refused(self, store: Store) -> None:
        with pytest.raises(BadInput, match=W1):
            await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="", entry=_hold())

    async def test_hold_of_an_ended_workflow_is_refused(self, store: Store) -> None:
        await store.save(change(await paid(store), State.RELEASED))

        with pytest.raises(Refused, match="ended"):
            await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="", entry=_hold())
