"""Work that is done in rounds beside the worker, each at its own pace, until the drain."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from external_gate.assembly import Service
from external_gate.domain.clock import Clock

WATCH_EVERY = timedelta(minutes=1)
"""Much less than a webhook may be late, so that it is reported on time."""

PRUNE_EVERY = timedelta(hours=1)
"""So often that a round is short."""


class RoundsObserver(Protocol):
    """Hears of a round that failed; must neither raise nor block."""

    def round_failed(self, name: str, error: Exception) -> None:
        """It is made again at its next time."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """One kind of work."""

    name: str
    run_once: Callable[[], Awaitable[int]]
    every: timedelta


class Rounds:
    """Makes rounds until `drain`; one that is under way is finished, a failed one made again."""

    def __init__(self, *rounds: Round, clock: Clock, observer: RoundsObserver) -> None:
        self._rounds = rounds
        self._clock = clock
        self._observer = observer
        self._draining = asyncio.Event()

    async def run(self) -> None:
        """Make every round at its own pace."""
        await asyncio.gather(*map(self._keep_making, self._rounds))

    def drain(self) -> None:
        """Begin no further round."""
        self._draining.set()

    async def _keep_making(self, one: Round) -> None:
        while not self._draining.is_set():
            try:
                await one.run_once()
            except Exception as error:  # noqa: BLE001 - the outermost loop: it must go on
                self._observer.round_failed(one.name, error)
            await self._pause(one.every)

    async def _pause(self, duration: timedelta) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(duration))
        ending = asyncio.ensure_future(self._draining.wait())
        _, left = await asyncio.wait({sleeping, ending}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def rounds_of(service: Service) -> Rounds:
    """Give the rounds that a working process makes."""
    return Rounds(
        Round("watch", service.watch.run_once, WATCH_EVERY),
        Round("retention", service.retention.run_once, PRUNE_EVERY),
        clock=service.clock,
        observer=service.rounds_observer,
    )
