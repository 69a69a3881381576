"""The store on SQLite keeps the contract of every store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.store import Store
from tests.contracts.store_contract import StoreContract


class TestSqliteStore(StoreContract):
    """One fresh file per test."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = SqliteStore(tmp_path / "gate.db")
        await store.open()
        yield store
        await store.close()
