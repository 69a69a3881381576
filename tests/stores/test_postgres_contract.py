"""The store on PostgreSQL keeps the contract of every store: our own kit certifies it."""

import pytest

from external_gate.stores.postgres_address import PostgresAddress
from external_gate.testkit import StoreCheck, StoreRig
from tests.stores.store_rigs import PostgresRig
from tests.tallies import count
from tests.throwaway_postgres import Cluster


@pytest.fixture
def store_rig(postgres: Cluster, address: PostgresAddress) -> StoreRig:
    return PostgresRig(postgres, address)


def test_postgres_store_keeps_the_contract(store_check: StoreCheck) -> None:
    store_check.must_hold()

    count("checks of the store kit kept on PostgreSQL")
