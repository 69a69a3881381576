"""What befalls a world once in a while: outages, clocks that jump, backups put back, bad ideas."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from external_gate.domain.charge import Payer
from tests.simulation.metronome_books import Course
from tests.simulation.truth import Fate

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

BACKUP_IS_OLDER_SECONDS = 30.0
"""Nobody puts back a backup of this very moment: older than two heartbeats, at least."""

CLOCK_AHEAD_AT_MOST = timedelta(minutes=20)
"""Behind the truth a clock may be as far as it likes; ahead only by less than the margins that the
engine keeps: half of the shortest window that a gateway has."""

RESTORING_TAKES_SECONDS = (90.0, 7200.0)
"""Longer than a request of the lost life can be under way."""


class Troubles:
    """Plans what happens in the time of troubles."""

    def __init__(self, universe: "Universe", span: float) -> None:
        self._universe = universe
        self._world = universe.world
        self._chances = universe.world.chances
        self._span = span

    def plan(self) -> None:
        """Draw everything and set its time."""
        chances, universe = self._chances, self._universe
        for kind, times, happen in (
            ("clock_jump", 3, self._jump_clocks),
            ("store_outage", 2, self._lose_the_database),
            ("operator_act", 8, universe.people.act),
            ("meddling", 1, self._meddle),
            ("payer_moved", 2, self._move_a_payer),
            ("adapter_changed", 1, self._change_the_adapter),
            ("guard_changed", 2, self._bar_somebody),
            ("metronome_down", 2, self._lose_metronome),
            ("metronome_expires", 1, self._expire),
            ("restore", 1, self._restore),
        ):
            for _ in range(chances.random.randint(1, times)):
                if chances.strikes(kind):
                    universe.at(self._moment(), partial(self._unless_over, happen))

    def _moment(self) -> float:
        """Most of what goes wrong goes wrong while a charge is young."""
        if self._chances.random.random() < 0.6:
            return min(self._span, self._chances.spread(1, 4 * 3600))
        return self._chances.between(0, self._span)

    def strike_at_the_wire(self, fate: Fate) -> None:
        """Let something go wrong just while a charge leaves or is under way."""
        for kind, happen in (
            ("operator_at_the_wire", partial(self._universe.people.act, fate)),
            ("guard_at_the_wire", partial(self._bar, fate)),
            ("clock_at_the_wire", self._set_clocks_back),
        ):
            if self._chances.strikes(kind):
                self._universe.at(
                    self._chances.spread(0.01, 20), partial(self._unless_over, happen)
                )

    async def _unless_over(self, happen: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._chances.rates:
            await happen()

    async def _set_clocks_back(self) -> None:
        self._move_clocks(-self._chances.spread(600, 3e5))

    async def _jump_clocks(self) -> None:
        back = self._chances.random.random() < 0.5
        self._move_clocks((-1 if back else 1) * self._chances.spread(1, 3e5))

    def _move_clocks(self, seconds: float) -> None:
        for service in self._universe.services:
            off = service.process.clock.off + timedelta(seconds=seconds)
            service.process.clock.off = min(off, CLOCK_AHEAD_AT_MOST)
            service.wake_when_due()
        self._world.timeline.tell("world", "all clocks jump by {:.0f} s", seconds)

    async def _lose_the_database(self) -> None:
        seconds = self._chances.spread(0.5, 1800)
        self._world.database_down_until = self._world.loop.time() + seconds
        self._world.timeline.tell("world", "the database is away for {:.1f} s", seconds)

    async def _lose_metronome(self) -> None:
        seconds = self._chances.spread(5, 1e5)
        if self._chances.random.random() < 0.1:
            seconds = float("inf")
        self._world.metronome_down_until = self._world.loop.time() + seconds
        self._world.timeline.tell("world", "Metronome is down for {:.0f} s", seconds)

    async def _meddle(self) -> None:
        workflow_id = self._chances.random.choice(list(self._universe.metronome.workflows))
        course = self._chances.random.choice((Course.COMMITTED, Course.CANCELLED))
        self._universe.metronome.end(workflow_id, course)

    async def _expire(self) -> None:
        workflow_id = self._chances.random.choice(list(self._universe.metronome.workflows))
        self._universe.metronome.end(workflow_id, Course.EXPIRED)

    async def _move_a_payer(self) -> None:
        payers = self._universe.setting.payers
        customer_id = self._chances.random.choice(list(payers))
        there = None if payers[customer_id].gateway else "second"
        payers[customer_id] = Payer(f"cus-{customer_id}-{there}", "pm", there)
        self._world.timeline.tell("world", "{} pays through {} now", customer_id, there)

    async def _change_the_adapter(self) -> None:
        self._world.adapter_version += 1
        self._world.timeline.tell("world", "the adapter makes other bytes now")
        await asyncio.sleep(self._chances.spread(10, 1e5))
        self._world.adapter_version = 1

    async def _bar_somebody(self) -> None:
        await self._bar(self._chances.random.choice(list(self._world.truth.fates.values())))

    async def _bar(self, fate: Fate) -> None:
        self._world.barred.add(fate.workflow_id)
        fate.refused_by_guard = True
        self._world.timeline.tell("world", "a guard refuses {} now", fate.workflow_id)

    async def _restore(self) -> None:
        """Put back an earlier state of the database, and have everything told again."""
        world = self._world
        backup, taken_at = world.database.copy(), world.loop.time()
        await asyncio.sleep(self._chances.spread(BACKUP_IS_OLDER_SECONDS, 1e5))
        world.timeline.tell("world", "the backup of {:.0f} s is put back", taken_at)
        for service in list(self._universe.services):
            await service.store.heartbeat(service.process.clock.now())
            service.process.died = lambda: None
            service.process.kill("for the restore")
        self._universe.services.clear()
        world.restoring = True
        await asyncio.sleep(self._chances.spread(*RESTORING_TAKES_SECONDS))
        found_out = world.database.replace(backup)
        world.truth.restored(world.database.verdicts(), world.database.attempt_keys())
        world.restoring = False
        world.timeline.tell("world", "restored; found out: {}", found_out)
        self._universe.start_service()
        self._universe.begin(self._universe.courier.redeliver_everything())
