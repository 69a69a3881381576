"""Fixtures of the engine's tests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from external_gate.domain.charge import Capabilities
from tests.databases import Database
from tests.engine.world import EVERY_ANSWER, World, open_world

MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
async def make_world(database: Database) -> AsyncIterator[MakeWorld]:
    """Give a maker of worlds on one database, all closed at the end."""
    async with AsyncExitStack() as stack:

        async def make(capabilities: Capabilities = EVERY_ANSWER, **policy: Any) -> World:
            world = await open_world(database.store(), capabilities, **policy)
            stack.push_async_callback(world.store.close)
            return world

        yield make


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    """Give a world with the most capable gateway."""
    return await make_world()
