"""Recording what a rush has left in the inbox: little by little while deliveries come, then all."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from external_gate.domain.clock import Clock
from external_gate.domain.errors import Unavailable
from external_gate.intake.receive import Receiver
from external_gate.stores.store import Store
from external_gate.stores.store_inbox import MOST_WAITING
from external_gate.stores.store_records import SignedDelivery

SMALL_PAGE = 16
"""Entries in one commit while deliveries wait for their answers: some 4 ms, in which they wait."""

REST = timedelta(milliseconds=100)
"""Between two such pages: some 150 a second are recorded, more than one process charges at gateways
that take half a second, and what it takes of the processor is a twentieth."""

PAGE = 128
"""Entries in one commit when nobody waits, or when it has become too many."""

PAGES = 8
"""Until the oldest are asked for again: on PostgreSQL a lower number may appear after a higher one,
and must not wait for the end of a rush."""


class InboxObserver(Protocol):
    """Hears of what could not be recorded; must neither raise nor block."""

    def inbox_failed(self, error: Exception) -> None:
        """Nothing is recorded until it ends; it is tried again at every poll."""
        ...

    def entry_failed(self, number: int, error: Exception) -> None:
        """One entry cannot be recorded and stays; the others go on."""
        ...


@dataclass(slots=True)
class InboxRecorder:
    """Works in one process; several share an inbox. Belongs to one event loop."""

    store: Store
    receiver: Receiver
    clock: Clock
    poll: timedelta
    observer: InboxObserver
    wake: Callable[[], None] = lambda: None
    """Called whenever something was recorded: it may be due."""
    _draining: asyncio.Event = field(default_factory=asyncio.Event)
    _told: set[int] = field(default_factory=set)

    async def run(self) -> None:
        """Record until `drain`, then what is left. Begins with what an earlier life has left."""
        await self._count()
        while not self._draining.is_set():
            self.receiver.pressure.left.clear()
            went_well = await self._try()
            await self._pause(heeds_rush=went_well)
        await self._try()

    async def run_once(self) -> int:
        """Record everything that waits, oldest first; give how much was recorded.

        Raises `Unavailable` when the database is away; what was not recorded stays.
        """
        total = 0
        while recorded := await self._record_some():
            total += recorded
            if self._draining.is_set() and self.receiver.pressure.waiting <= 0:
                break  # what still comes is another process's
        return total

    async def _record_some(self) -> int:
        """Record some pages, from the oldest on; give how much was recorded."""
        recorded = pages = after = 0
        while pages < PAGES:
            entries = await self.store.inbox(after=after, limit=self._page())
            if not entries:
                self.receiver.pressure.waiting = 0  # whoever took out what this process had left
                break
            recorded += await self._record(entries)
            # A page of nothing but what cannot be recorded must not keep others from their turn.
            pages += any(entry.number not in self._told for entry in entries)
            after = entries[-1].number
            if self._is_pressed():
                await self.clock.sleep(REST)
        return recorded

    def drain(self) -> None:
        """Record what is left without a rest, then end: nothing comes any more."""
        self._draining.set()

    async def _count(self) -> None:
        """Begin with how much is there: what several lives leave must not become too many."""
        with suppress(Exception):  # then it is counted from nothing
            self.receiver.pressure.waiting = (await self.store.counts()).inbox

    async def _try(self) -> bool:
        try:
            await self.run_once()
        except Exception as error:  # noqa: BLE001 - the outermost loop: it must go on
            self.observer.inbox_failed(error)
            return False
        return True

    async def _record(self, entries: Sequence[SignedDelivery]) -> int:
        """Record a page in one commit; give how many were recorded here."""
        results = await asyncio.gather(
            *(self.receiver.record_entry(entry) for entry in entries), return_exceptions=True
        )
        recorded = 0
        away: Unavailable | None = None
        for entry, result in zip(entries, results, strict=True):
            if isinstance(result, Unavailable):
                away = result
            elif isinstance(result, Exception):
                self._tell_once(entry.number, result)
            elif isinstance(result, BaseException):
                raise result
            elif result is not None:
                recorded += 1
        if recorded:
            self.wake()
        if away is not None:
            raise away
        return recorded

    def _tell_once(self, number: int, error: Exception) -> None:
        if number not in self._told:
            self._told.add(number)
            self.observer.entry_failed(number, error)

    def _is_pressed(self) -> bool:
        """Tell whether deliveries wait for their answers, and there is room for more of them."""
        pressure = self.receiver.pressure
        few = pressure.waiting < MOST_WAITING
        return pressure.under_way > 0 and few and not self._draining.is_set()

    def _page(self) -> int:
        return SMALL_PAGE if self._is_pressed() else PAGE

    async def _pause(self, *, heeds_rush: bool) -> None:
        """Wait for the next rush, or for the next look at what others may have left."""
        ways = [self.clock.sleep(self.poll), self._draining.wait()]
        if heeds_rush:
            ways.append(self.receiver.pressure.left.wait())
        waiting = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
