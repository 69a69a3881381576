"""The contract of every store, for a simulated process on each kind of database."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from operator import attrgetter

import pytest

from external_gate.stores.store import Store
from external_gate.testkit.store_checks.store_catalog import StoreCase
from external_gate.testkit.store_conformance import play_store, store_cases
from tests.simulation.database import Database
from tests.simulation.process import Process
from tests.simulation.store_edge import StoreEdge
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.world import World

MakeDatabase = Callable[[], Database]

CASES = [case for case in store_cases() if case.needs is None]
"""A world crashes and goes away in ways of its own, which its own tests are about."""


class StoreEdgeRig:
    """A world without faults, in which every handle is a process of its own."""

    def __init__(self, make_database: MakeDatabase) -> None:
        self._make_database = make_database
        self._loop = VirtualLoop()

    async def start(self) -> None:
        self._world = World.begin(0, self._loop, self._make_database)
        self._world.chances.stop()

    def store(self) -> Store:
        return StoreEdge(self._world, Process(self._world, "p", clock_is_off=timedelta(0)))

    async def stop(self) -> None:
        self._world.database.close()
        self._loop.close()


class OfStoreEdge:
    """A world per test; `make_database` is a fixture of whoever inherits."""

    @pytest.mark.parametrize("case", CASES, ids=attrgetter("id"))
    def test_every_check_of_the_store_kit_holds(
        self, make_database: MakeDatabase, case: StoreCase
    ) -> None:
        result = asyncio.run(play_store(case, StoreEdgeRig(make_database)))

        assert not result.violations
