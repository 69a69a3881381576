"""Saves that gathered are written together, and each stands or falls by its own fence."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from external_gate.domain.errors import LeaseLost
from external_gate.domain.identifiers import InvoiceId, WorkflowId
from external_gate.domain.ledger import Allow, GuardVerdict, Hold, Ledger
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.sql_store import SqlStore
from external_gate.stores.store_records import Change, Dossier, GuardSpoke, UnreadEvidence
from external_gate.testkit.store_checks.store_samples import (
    DECLINE,
    LEASE,
    SUCCESS,
    attempt,
    begun,
    change,
    charging,
    claimed,
    key_of,
    later,
)
from tests.stores.conftest import Tapped, locked, opened, opened_postgres

MANY = [WorkflowId(f"w-{number}") for number in range(8)]

Outcomes = list[Dossier | BaseException]


async def saved_at_once(store: SqlStore, *changes: Change) -> Outcomes:
    """Have changes saved in one commit, but perhaps for the first."""
    return await asyncio.gather(*map(store.save, changes), return_exceptions=True)


def paying(dossier: Dossier, *, is_carried: bool = True) -> Change:
    """Give the save of a success."""
    evidence = ((key_of(dossier.workflow.workflow_id), SUCCESS),)
    paid = change(dossier, State.PAID, evidence=evidence)
    return paid if is_carried else replace(paid, dossier=None)


async def all_charging(store: SqlStore) -> list[Dossier]:
    return [await charging(store, workflow_id) for workflow_id in MANY]


async def survives_a_lost_lease(store: SqlStore) -> None:
    """See that of many saves the one with an old fence fails alone, and keeps its evidence."""
    dossiers = await all_charging(store)
    lost = dossiers[3].workflow.workflow_id
    await store.claim(owner="another", now=later(61), lease=LEASE, limit=99)
    fresh = [await store.dossier(workflow_id) for workflow_id in MANY]
    changes = [paying(each) for each in fresh if each is not None]
    changes[3] = paying(dossiers[3])

    outcomes = await saved_at_once(store, *changes)

    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(error) for error in failed] == [LeaseLost]
    for workflow_id in MANY:
        found = await store.dossier(workflow_id)
        assert found is not None
        assert found.workflow.state is (State.CHARGING if workflow_id == lost else State.PAID)
        assert [piece.answer for piece in found.attempts[0].evidence] == [SUCCESS.answer]


async def test_one_lost_lease_spoils_no_other_save(path: Path) -> None:
    async with opened(path) as store:
        await survives_a_lost_lease(store)


async def test_one_lost_lease_spoils_no_other_save_on_postgres(address: PostgresAddress) -> None:
    async with opened_postgres(address) as store:
        await survives_a_lost_lease(store)


async def test_many_saves_cost_fewer_statements_than_each_alone(path: Path) -> None:
    tap = Tapped()
    async with opened(path, connect=tap) as store:
        dossiers = await all_charging(store)
        tap.statements.clear()
        with locked(path):
            saves = [asyncio.create_task(store.save(paying(each))) for each in dossiers]
            await asyncio.sleep(0)
        await asyncio.gather(*saves)

    begun_with = [statement.split()[0] for statement in tap.statements]
    assert begun_with.count("COMMIT") == 1
    assert begun_with.count("SAVEPOINT") == 1
    # Nothing of what came with the changes is read again: what stands, and the newest evidence.
    assert begun_with.count("SELECT") <= 3


@pytest.mark.parametrize("is_carried", [True, False])
async def test_what_came_with_a_change_is_given_back_as_it_is_read(
    path: Path, is_carried: bool
) -> None:
    async with opened(path) as store:
        dossier = await charging(store, MANY[0])
        closing = replace(dossier.attempts[0], closed=True, send_deadline=later(0.0005))
        paid = paying(dossier, is_carried=is_carried)
        outcome = await store.save(replace(paid, attempts=(closing,)))

        assert outcome.attempts[0].closed
        found = await store.dossier(MANY[0])
        assert found is not None
        assert (found.attempts, found.releases) == (outcome.attempts, outcome.releases)
        assert found.newest_evidence == outcome.newest_evidence


async def test_evidence_that_the_carried_dossier_lacks_still_refuses_the_save(path: Path) -> None:
    async with opened(path) as store:
        dossiers = await all_charging(store)
        await store.append_evidence(key_of(MANY[2]), [DECLINE])

        outcomes = await saved_at_once(store, *map(paying, dossiers))

        refused = [type(each) for each in outcomes if isinstance(each, BaseException)]
        assert refused == [UnreadEvidence]


def one_of_each_invoice(ledger: Ledger) -> GuardVerdict:
    taken = ledger.invoice_taken_by
    return Allow() if taken is None else Hold(HeldReason.INVOICE_ALREADY_PAID, taken)


@pytest.mark.parametrize("order", [list, reversed])
async def test_of_two_charges_of_one_invoice_saved_at_once_one_is_stopped(
    path: Path, order: Callable[[list[Change]], list[Change]]
) -> None:
    async with opened(path) as store:
        changes = []
        for workflow_id in MANY[:4]:
            await begun(store, workflow_id, invoice_id=InvoiceId("the one"))
            dossier = await claimed(store, workflow_id)
            intent = change(
                dossier,
                State.READY,
                State.CHARGING,
                attempts=(attempt(workflow_id),),
                judge=one_of_each_invoice,
            )
            changes.append(intent)
        with locked(path):
            saves = [asyncio.create_task(store.save(each)) for each in order(changes)]
            await asyncio.sleep(0)

        outcomes = await asyncio.gather(*saves, return_exceptions=True)

        assert [isinstance(each, GuardSpoke) for each in outcomes] == [False, True, True, True]
