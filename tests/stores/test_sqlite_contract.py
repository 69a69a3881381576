"""The store on SQLite keeps the contract of every store: our own kit certifies it."""

from pathlib import Path

import pytest

from external_gate.testkit import StoreCheck, StoreRig
from tests.stores.store_rigs import SqliteRig
from tests.tallies import count


@pytest.fixture
def store_rig(tmp_path: Path) -> StoreRig:
    return SqliteRig(tmp_path)


def test_sqlite_store_keeps_the_contract(store_check: StoreCheck) -> None:
    store_check.must_hold()

    count("checks of the store kit kept on SQLite")
