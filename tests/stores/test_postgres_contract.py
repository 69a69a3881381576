"""The store on PostgreSQL keeps the contract of every store."""

from collections.abc import AsyncIterator

import pytest

from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.store import Store
from tests.contracts.store_contract import StoreContract


class TestPostgresStore(StoreContract):
    """One fresh schema per test."""

    @pytest.fixture
    async def store(self, address: PostgresAddress) -> AsyncIterator[Store]:
        store = PostgresStore(address)
        await store.open()
        yield store
        await store.close()
