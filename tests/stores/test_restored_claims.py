"""A claim from before the database was found an older copy: its worker must not move anything."""

from pathlib import Path

import pytest

from external_gate.domain.errors import LeaseLost
from external_gate.domain.workflow import State
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.sql_store import SqlStore
from external_gate.testkit.store_checks.store_samples import (
    LEASE,
    SUCCESS,
    W1,
    attempt,
    begun,
    change,
    charging,
    claimed,
    key_of,
    later,
)
from tests.stores.conftest import opened, opened_postgres


async def sends_nothing_by_an_old_claim(store: SqlStore) -> None:
    await begun(store, W1)
    dossier = await claimed(store, W1)
    await store.mark_restored(later(5))

    with pytest.raises(LeaseLost):
        await store.save(
            change(dossier, State.READY, State.CHARGING, attempts=(attempt(W1),), give_back=False)
        )

    (again,) = await store.claim(owner="w", now=later(61), lease=LEASE, limit=9)
    assert again.workflow.restored_at == later(5)
    assert again.attempts == ()


async def keeps_the_evidence_of_an_old_claim(store: SqlStore) -> None:
    dossier = await charging(store, W1)
    await store.mark_restored(later(5))

    with pytest.raises(LeaseLost):
        await store.save(change(dossier, State.PAID, evidence=((key_of(W1), SUCCESS),)))

    (again,) = await store.claim(owner="w", now=later(61), lease=LEASE, limit=9)
    assert again.workflow.restored_at == later(5)
    assert [piece.answer for piece in again.attempts[0].evidence] == [SUCCESS.answer]


async def test_a_claim_from_before_the_restore_cannot_charge(path: Path) -> None:
    async with opened(path) as store:
        await sends_nothing_by_an_old_claim(store)


async def test_a_claim_from_before_the_failover_cannot_charge(address: PostgresAddress) -> None:
    async with opened_postgres(address) as store:
        await sends_nothing_by_an_old_claim(store)


async def test_the_mark_outlives_an_answer_that_was_on_its_way(path: Path) -> None:
    async with opened(path) as store:
        await keeps_the_evidence_of_an_old_claim(store)


async def test_the_mark_outlives_an_answer_across_a_failover(address: PostgresAddress) -> None:
    async with opened_postgres(address) as store:
        await keeps_the_evidence_of_an_old_claim(store)
