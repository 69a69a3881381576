"""How a hold that was asked for takes effect in every store."""

from dataclasses import replace

from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import Actor, HeldReason, State
from external_gate.stores.store import Store
from external_gate.stores.store_records import HoldWanted
from external_gate.testkit.store_checks.shortfall import given, nothing, only, refused, same, some
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
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


HOLDS = Area(
    "holds",
    cure="Read `hold_wanted` in the transaction that saves, and carry it over by "
    "`store_rules.standing_after`: a save must not overwrite what was asked for "
    "meanwhile.",
)
"""Whoever asks for a hold need not wait for the worker, and no charge slips past it."""


@HOLDS.check()
async def no_charge_is_saved_while_a_hold_is_wanted(store: Store) -> None:
    await begun(store)
    dossier = await claimed(store)
    await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="wait", entry=_hold())

    with refused(HoldWanted):
        await store.save(change(dossier, State.READY, State.CHARGING, attempts=(attempt(),)))

    again = given(await store.dossier(W1))
    same((again.workflow.state, again.attempts), (State.RECEIVED, ()))
    same(again.workflow.hold_wanted, HeldReason.OPERATOR)
    same((await store.history(W1))[-1].event, "hold_asked_for")


@HOLDS.check()
async def hold_asked_for_meanwhile_survives_a_save_and_wakes(store: Store) -> None:
    dossier = await charging(store)
    await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="wait", entry=_hold())
    after = replace(dossier.workflow, state=State.PENDING, updated_at=later(9), due_at=later(9999))

    saved = await store.save(change(dossier, State.PENDING, after=after, give_back=True))

    same(saved.workflow.hold_wanted, HeldReason.OPERATOR)
    same(saved.workflow.hold_wanted_detail, "wait")
    woken = only(await store.claim(owner="w", now=later(9), lease=LEASE, limit=9))
    held = await store.save(change(woken, State.HELD))
    same(held.workflow.hold_wanted, None)
    same(held.workflow.hold_wanted_detail, "")


@HOLDS.check()
async def hold_that_the_decision_has_read_does_not_wake_again(store: Store) -> None:
    await charging(store)
    await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="wait", entry=_hold())
    read = await claimed(store, now=later(60))
    after = replace(read.workflow, state=State.UNRESOLVED, due_at=later(9999))

    await store.save(change(read, State.UNRESOLVED, after=after, give_back=True))

    nothing(await store.claim(owner="w", now=later(9998), lease=LEASE, limit=9))


@HOLDS.check()
async def hold_makes_a_waiting_workflow_due(store: Store) -> None:
    await begun(store, at=later(9999))

    await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="", entry=_hold(at=5))

    some(await store.claim(owner="w", now=later(5), lease=LEASE, limit=9))


@HOLDS.check()
async def hold_of_an_unknown_workflow_is_refused(store: Store) -> None:
    with refused(BadInput, naming=W1):
        await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="", entry=_hold())


@HOLDS.check()
async def hold_of_an_ended_workflow_is_refused(store: Store) -> None:
    await store.save(change(await paid(store), State.RELEASED))

    with refused(Refused, naming="ended"):
        await store.want_hold(W1, reason=HeldReason.OPERATOR, detail="", entry=_hold())
