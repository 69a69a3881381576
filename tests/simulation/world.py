"""What everybody in a simulated world shares: time, chance, the truth and the database."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.simulation.chances import Chances
from tests.simulation.database import Database, MemoryDatabase
from tests.simulation.timeline import Timeline
from tests.simulation.truth import Fate, Truth
from tests.simulation.virtual_loop import VirtualLoop

Result = TypeVar("Result")


@dataclass
class World:
    """One world of one seed."""

    loop: VirtualLoop
    chances: Chances
    timeline: Timeline
    truth: Truth
    database: Database
    over: bool = False
    """Set at the end: every wait is given up."""
    restoring: bool = False
    """While a backup is being put back nothing is started."""
    adapter_version: int = 1
    database_down_until: float = 0.0
    metronome_down_until: float = 0.0
    barred: set[str] = field(default_factory=set)
    """Workflows that the refusing guard refuses from now on."""
    committed: Callable[[], None] = lambda: None
    """Called after every commit, so that workers wake when something becomes due."""
    on_the_wire: Callable[[Fate], None] = lambda _fate: None
    """Called when a charge leaves, so that somebody can do something at that bad moment."""
    fell_asleep: Callable[[], None] = lambda: None
    """Called when a machine sleeps with a charge in hand, so that another one takes its place."""
    waiters: list["asyncio.Future[None]"] = field(default_factory=list)

    @classmethod
    def begin(
        cls, seed: int, loop: VirtualLoop, database: Callable[[], Database] = MemoryDatabase
    ) -> "World":
        """Give the world of a seed, empty."""
        timeline = Timeline(loop.time)
        return cls(loop, Chances(seed), timeline, Truth(timeline, loop.time), database())

    async def never(self) -> None:
        """Wait for ever: whoever is dead goes no further."""
        if self.over:
            raise asyncio.CancelledError
        await self.loop.create_future()

    @property
    def database_is_down(self) -> bool:
        return self.loop.time() < self.database_down_until

    async def asked(self, answering: Coroutine[Any, Any, Result], *, patience: float) -> Result:
        """Wait for somebody else's process, which goes on by itself when we lose patience."""
        task = self.loop.create_task(answering)
        done, _ = await asyncio.wait({task}, timeout=patience)
        if not done:
            task.add_done_callback(_forget)
            raise TimeoutError
        return task.result()


def _forget(task: "asyncio.Task[Any]") -> None:
    """Nobody waits for its result any more."""
    if not task.cancelled():
        task.exception()
