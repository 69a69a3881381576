"""Looks after contracts whose payment failed, in as many processes as there are.

A process that dies leaves its claim to run out; the next one goes on where it was.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

from external_gate.domain.aftermath import Aftermath
from external_gate.domain.clock import Clock
from external_gate.domain.errors import LeaseLost
from external_gate.stores.store import Store
from external_gate.thresholds.after_failed import AftercareObserver, AfterFailed

TOGETHER = 8
"""Contracts at once: a guest at Metronome's, and there is no hurry."""

LEASE = timedelta(minutes=5)
"""Longer than a change may take with its repetitions and its reading back; see `applying`."""


class Aftercare:
    """Works in one process; several share a store. Belongs to one event loop."""

    def __init__(
        self,
        steps: AfterFailed,
        store: Store,
        *,
        clock: Clock,
        observer: AftercareObserver,
        poll: timedelta,
    ) -> None:
        self._steps = steps
        self._store = store
        self._clock = clock
        self._observer = observer
        self._poll = poll
        self._draining = asyncio.Event()

    async def run(self) -> None:
        """Work until `drain`. May be cancelled at any point: what was intended is saved."""
        while not self._draining.is_set():
            if not await self.run_once():
                await self._pause()

    async def run_once(self) -> int:
        """Do once what is due; give how much it was."""
        try:
            found = await self._store.claim_aftermaths(
                now=self._clock.now(), lease=LEASE, limit=TOGETHER
            )
        except Exception as error:  # noqa: BLE001 - the outermost loop: it must go on
            self._observer.aftercare_failed(error)
            return 0
        await asyncio.gather(*map(self._step, found))
        return len(found)

    def drain(self) -> None:
        """Claim nothing more."""
        self._draining.set()

    async def _step(self, found: Aftermath) -> None:
        try:
            await self._steps.step(found)
        except LeaseLost:
            return
        except Exception as error:  # noqa: BLE001 - as above; it is due again when its lease ends
            self._observer.aftercare_failed(error)

    async def _pause(self) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(self._poll))
        ending = asyncio.ensure_future(self._draining.wait())
        try:
            await asyncio.wait({sleeping, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sleeping, ending):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
