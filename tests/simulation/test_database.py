"""The database of the simulated worlds keeps the contract of every store."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from external_gate.stores.store import Store
from tests.contracts.store_contract import StoreContract
from tests.simulation.process import Process
from tests.simulation.store_edge import StoreEdge
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.world import World


class TestStoreEdge(StoreContract):
    """A world without faults per test."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        loop = VirtualLoop()
        world = World.begin(0, loop)
        world.chances.stop()
        yield StoreEdge(world, Process(world, "p", clock_is_off=timedelta(0)))
        world.database.close()
        loop.close()
