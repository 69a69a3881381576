"""A process of ours: it can be killed or stopped at every await at a boundary, and wakes again."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from tests.simulation.world import World

RESTARTS_WITHIN_SECONDS = (0.1, 600.0)
STOPS_FOR_SECONDS = (0.5, 6 * 3600.0)
"""From a long collection of garbage to a machine that was suspended over a meal."""


class Process:
    """One life of a process. Once dead it never passes another edge."""

    def __init__(self, world: World, name: str, *, clock_is_off: timedelta) -> None:
        self.name = name
        self.dead = False
        self.clock = ProcessClock(self, world, clock_is_off)
        self.idle: Callable[[], bool] = lambda: True
        """Whether nothing is being worked on, so that periodic work can be left out."""
        self.busy = asyncio.Event()
        """Set when something is claimed."""
        self.died: Callable[[], None] = lambda: None
        self._world = world
        self._awake = asyncio.Event()
        self._awake.set()

    async def edge(self, where: str) -> None:
        """Pass a boundary, unless this is where the process dies or is stopped."""
        chances = self._world.chances
        if not self.dead and self._awake.is_set():
            if chances.strikes("crash"):
                self.kill(where)
            elif chances.strikes("stop_and_wake"):
                self.stop(chances.spread(*STOPS_FOR_SECONDS), where)
        await self.passes()

    async def passes(self) -> None:
        """Go on only while alive and awake; what was cancelled meanwhile is told afterwards."""
        cancelled = False
        while True:
            if self._world.over:
                raise asyncio.CancelledError
            if self.dead:
                await self._world.never()
            if self._awake.is_set():
                break
            try:
                await self._awake.wait()
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError

    def kill(self, where: str) -> None:
        """End the process between two statements."""
        if not self.dead:
            self.dead = True
            self._world.timeline.tell(self.name, "KILLED {}", where)
            self._world.database.crash()
            self.died()

    def stop(self, seconds: float, where: str) -> None:
        """Stop the whole process as SIGSTOP does; it wakes without knowing."""
        self._world.timeline.tell(self.name, "stopped for {:.1f} s {}", seconds, where)
        self._awake.clear()
        self._world.loop.later(seconds, self.wake)

    def wake(self) -> None:
        """Let it go on."""
        if not self._awake.is_set():
            self._world.timeline.tell(self.name, "wakes up")
            self._awake.set()

    def release(self) -> None:
        """Let everything that waits in it end: the world is over."""
        self._awake.set()
        self.busy.set()


class ProcessClock:
    """The clock of one machine: the true time, and by how much it is off."""

    def __init__(self, process: Process, world: World, off: timedelta) -> None:
        self.off = off
        self._process = process
        self._world = world

    def now(self) -> datetime:
        """Give what this machine believes to be the time."""
        return self._world.loop.true_time() + self.off

    async def rest(self, duration: timedelta) -> None:
        """Wait, whether or not its process has something to do."""
        await asyncio.sleep(max(0.0, duration.total_seconds()))
        await self._process.passes()

    async def sleep(self, duration: timedelta) -> None:
        """Wait; while its process has nothing to do, periodic work is left out."""
        seconds = duration.total_seconds()
        await self.rest(duration)
        while self._process.idle() and not self._world.over:
            self._process.busy.clear()
            await self._process.busy.wait()
            await asyncio.sleep(self._world.chances.between(0, seconds))
            await self._process.passes()
