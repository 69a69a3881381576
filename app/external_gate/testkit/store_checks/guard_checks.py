"""What guards are asked in every store: one invoice is paid once."""

from dataclasses import replace

from external_gate.domain.identifiers import InvoiceId
from external_gate.domain.ledger import Allow, Defer, GuardVerdict, Ledger
from external_gate.domain.workflow import State
from external_gate.stores.store import Store
from external_gate.stores.store_records import GuardSpoke
from external_gate.testkit.store_checks.shortfall import given, must, only, refused, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    DECLINE,
    SUCCESS,
    W1,
    W2,
    attempt,
    begun,
    change,
    charging,
    claimed,
    key_of,
    later,
)

SHARED = InvoiceId("one-invoice")


GUARDS = Area(
    "guards",
    cure="Ask `Change.judge` in the transaction that saves, and tell it who else has a "
    "charge of this invoice open, has seen money, or is settled as paid.",
)
"""Guards are asked in the transaction that saves, and one invoice is paid once."""


async def _asked(store: Store) -> Ledger:
    """Give what the guards of W1 are told; its save is refused."""
    await begun(store, W1, invoice_id=SHARED)
    dossier = await claimed(store, W1)
    asked: list[Ledger] = []

    def judge(ledger: Ledger) -> GuardVerdict:
        asked.append(ledger)
        return Defer("paused")

    with refused(GuardSpoke) as spoke:
        await store.save(
            change(dossier, State.READY, State.CHARGING, attempts=(attempt(W1),), judge=judge)
        )

    same(spoke.error.verdict, Defer("paused"))
    again = given(await store.dossier(W1))
    same((again.workflow.state, again.attempts), (State.RECEIVED, ()))
    return only(asked)


@GUARDS.check()
async def guard_that_allows_lets_the_save_pass(store: Store) -> None:
    await begun(store)
    dossier = await claimed(store)

    saved = await store.save(change(dossier, State.READY, judge=lambda _: Allow()))

    same(saved.workflow.state, State.READY)


@GUARDS.check()
async def guard_with_a_bug_loses_no_evidence(store: Store) -> None:
    dossier = await charging(store)

    def judge(_: Ledger) -> GuardVerdict:
        raise ZeroDivisionError

    with refused(ZeroDivisionError):
        await store.save(change(dossier, evidence=((key_of(), SUCCESS),), judge=judge))

    again = given(await store.dossier(W1))
    must(again.newest_evidence > 0, "the evidence is gone")


@GUARDS.check()
async def invoice_of_nobody_else_is_free(store: Store) -> None:
    await charging(store, W2)

    same(await _asked(store), Ledger(invoice_taken_by=None))


@GUARDS.check()
async def invoice_is_taken_while_another_charge_may_be_on_the_wire(store: Store) -> None:
    await charging(store, W2, invoice_id=SHARED)

    same(await _asked(store), Ledger(invoice_taken_by=W2))


@GUARDS.check()
async def invoice_is_free_again_when_the_other_charge_is_dead(store: Store) -> None:
    dossier = await charging(store, W2, invoice_id=SHARED)
    dead = (attempt(W2, closed=True),)
    declined = ((key_of(W2), DECLINE),)
    await store.save(change(dossier, State.DECLINED, attempts=dead, evidence=declined))

    same(await _asked(store), Ledger(invoice_taken_by=None))


@GUARDS.check()
async def invoice_stays_taken_when_money_was_ever_seen(store: Store) -> None:
    dossier = await charging(store, W2, invoice_id=SHARED)
    dead = (attempt(W2, closed=True),)
    await store.save(change(dossier, State.DECLINED, attempts=dead, give_back=True))
    await store.append_evidence(key_of(W2), [SUCCESS])  # the truth came late

    same(await _asked(store), Ledger(invoice_taken_by=W2))


@GUARDS.check()
async def invoice_is_taken_while_restored_books_may_lack_the_other_charge(store: Store) -> None:
    await begun(store, W2, invoice_id=SHARED)
    await store.mark_restored(later(60))

    same(await _asked(store), Ledger(invoice_taken_by=W2))


@GUARDS.check()
async def invoice_is_taken_by_what_a_person_settled_as_paid(store: Store) -> None:
    await begun(store, W2, invoice_id=SHARED)
    held = await store.save(change(await claimed(store, W2), State.HELD))
    settled = replace(held.workflow, state=State.PAID, held_reason=None)
    await store.save(change(held, State.PAID, after=settled))

    same(await _asked(store), Ledger(invoice_taken_by=W2))


@GUARDS.check()
async def own_attempt_does_not_take_the_invoice(store: Store) -> None:
    dossier = await charging(store, W1, invoice_id=SHARED)
    asked: list[Ledger] = []

    def judge(ledger: Ledger) -> GuardVerdict:
        asked.append(ledger)
        return Allow()

    await store.save(change(dossier, judge=judge))

    same(asked, [Ledger(invoice_taken_by=None)])


@GUARDS.check()
async def missing_invoice_is_shared_with_nobody(store: Store) -> None:
    await charging(store, W2, invoice_id=InvoiceId(""))
    await begun(store, W1, invoice_id=InvoiceId(""))
    asked: list[Ledger] = []

    def judge(ledger: Ledger) -> GuardVerdict:
        asked.append(ledger)
        return Allow()

    await store.save(change(await claimed(store, W1), State.READY, judge=judge))

    same(asked, [Ledger(invoice_taken_by=None)])
