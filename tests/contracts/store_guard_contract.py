"""What guards are asked in every store: one invoice is paid once."""

from dataclasses import replace

import pytest

from external_gate.domain.identifiers import InvoiceId
from external_gate.domain.ledger import Allow, Defer, GuardVerdict, Ledger
from external_gate.domain.workflow import State
from external_gate.stores.store import Store
from external_gate.stores.store_records import GuardSpoke
from tests.contracts.store_samples import (
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
)

SHARED = InvoiceId("one-invoice")


class GuardContract:
    """Guards are asked in the transaction that saves, and one invoice is paid once."""

    async def _asked(self, store: Store) -> Ledger:
        """Give what the guards of W1 are told; its save is refused."""
        await begun(store, W1, invoice_id=SHARED)
        dossier = await claimed(store, W1)
        asked: list[Ledger] = []

        def judge(ledger: Ledger) -> GuardVerdict:
            asked.append(ledger)
            return Defer("paused")

        with pytest.raises(GuardSpoke) as spoke:
            await store.save(
                change(dossier, State.READY, State.CHARGING, attempts=(attempt(W1),), judge=judge)
            )

        assert spoke.value.verdict == Defer("paused")
        again = await store.dossier(W1)
        assert again is not None
        assert (again.workflow.state, again.attempts) == (State.RECEIVED, ())
        (ledger,) = asked
        return ledger

    async def test_guard_that_allows_lets_the_save_pass(self, store: Store) -> None:
        await begun(store)
        dossier = await claimed(store)

        saved = await store.save(change(dossier, State.READY, judge=lambda _: Allow()))

        assert saved.workflow.state is State.READY

    async def test_guard_with_a_bug_loses_no_evidence(self, store: Store) -> None:
        dossier = await charging(store)

        def judge(_: Ledger) -> GuardVerdict:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await store.save(change(dossier, evidence=((key_of(), SUCCESS),), judge=judge))

        again = await store.dossier(W1)
        assert again is not None
        assert again.newest_evidence > 0

    async def test_invoice_of_nobody_else_is_free(self, store: Store) -> None:
        await charging(store, W2)

        assert await self._asked(store) == Ledger(invoice_taken_by=None)

    async def test_invoice_is_taken_while_another_charge_may_be_on_the_wire(
        self, store: Store
    ) -> None:
        await charging(store, W2, invoice_id=SHARED)

        assert await self._asked(store) == Ledger(invoice_taken_by=W2)

    async def test_invoice_is_free_again_when_the_other_charge_is_dead(self, store: Store) -> None:
        dossier = await charging(store, W2, invoice_id=SHARED)
        dead = (attempt(W2, closed=True),)
        declined = ((key_of(W2), DECLINE),)
        await store.save(change(dossier, State.DECLINED, attempts=dead, evidence=declined))

        assert await self._asked(store) == Ledger(invoice_taken_by=None)

    async def test_invoice_stays_taken_when_money_was_ever_seen(self, store: Store) -> None:
        dossier = await charging(store, W2, invoice_id=SHARED)
        dead = (attempt(W2, closed=True),)
        await store.save(change(dossier, State.DECLINED, attempts=dead, give_back=True))
        await store.append_evidence(key_of(W2), [SUCCESS])  # the truth came late

        assert await self._asked(store) == Ledger(invoice_taken_by=W2)

    async def test_invoice_is_taken_by_what_a_person_settled_as_paid(self, store: Store) -> None:
        await begun(store, W2, invoice_id=SHARED)
        held = await store.save(change(await claimed(store, W2), State.HELD))
        settled = replace(held.workflow, state=State.PAID, held_reason=None)
        await store.save(change(held, State.PAID, after=settled))

        assert await self._asked(store) == Ledger(invoice_taken_by=W2)

    async def test_own_attempt_does_not_take_the_invoice(self, store: Store) -> None:
        dossier = await charging(store, W1, invoice_id=SHARED)
        asked: list[Ledger] = []

        def judge(ledger: Ledger) -> GuardVerdict:
            asked.append(ledger)
            return Allow()

        await store.save(change(dossier, judge=judge))

        assert asked == [Ledger(invoice_taken_by=None)]

    async def test_missing_invoice_is_shared_with_nobody(self, store: Store) -> None:
        await charging(store, W2, invoice_id=InvoiceId(""))
        await begun(store, W1, invoice_id=InvoiceId(""))
        asked: list[Ledger] = []

        def judge(ledger: Ledger) -> GuardVerdict:
            asked.append(ledger)
            return Allow()

        await store.save(change(await claimed(store, W1), State.READY, judge=judge))

        assert asked == [Ledger(invoice_taken_by=None)]
