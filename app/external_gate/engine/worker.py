"""The worker: claims due workflows in batches, works on many at once, and drains on request."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from external_gate.domain.errors import GateError, Unavailable
from external_gate.domain.identifiers import WorkflowId
from external_gate.engine.case import Case
from external_gate.engine.context import Engine
from external_gate.engine.lanes import PATIENCE, Lanes
from external_gate.engine.steps import advance
from external_gate.stores.store_records import Dossier

BATCH = 32
"""How many workflows one claim takes at most; a batch costs little more than one."""


class Worker:
    """Works on due workflows until it is told to drain.

    A charge in flight is never cancelled by the worker: draining waits for it. `patience` is how
    long a prepared charge waits for room in its gateway's lane before it stands aside.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        owner: str,
        concurrency: int,
        lease: timedelta,
        poll: timedelta,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._engine = engine
        self._owner = owner
        self._concurrency = concurrency
        self._lease = lease
        self._poll = poll
        self._cases: dict[WorkflowId, Case] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self._is_away = False
        """Whether the database could not be asked when it was last tried."""
        self._wake = asyncio.Event()
        self._lanes = Lanes(concurrency, engine.gateways, patience=patience)

    @property
    def running(self) -> int:
        """Give how many workflows are being worked on now."""
        return len(self._tasks)

    def wake(self) -> None:
        """Claim at once instead of at the next poll: something has just become due."""
        self._wake.set()

    async def run_once(self) -> int:
        """Claim one batch, work on it to the end, and give how many workflows that were."""
        cases = self._cases_of(*await self._claim(BATCH))
        async with asyncio.TaskGroup() as group:
            for case in cases:
                group.create_task(self._work(case))
        return len(cases)

    async def run(self) -> None:
        """Work until `drain` is called; trouble with the database is waited out."""
        renewing = asyncio.create_task(self._keep_leases())
        try:
            while not self._draining:
                self._wake.clear()
                if not await self._fill():
                    await self._wait_for_work()
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing

    def drain(self) -> None:
        """Claim nothing more, and finish the steps that are under way."""
        self._draining = True
        self._wake.set()

    async def _fill(self) -> bool:
        """Claim for the free places; true when there may be more to claim at once."""
        free = self._concurrency - len(self._tasks)
        if free <= 0:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            return True
        try:
            await self._fetch(free)
            free = self._concurrency - len(self._tasks)
            claimed = await self._claim(min(free, BATCH)) if free else None
        except Unavailable as error:
            if not self._is_away:  # one line for a whole outage
                self._engine.observer.claim_failed(error)
            self._is_away = True
            return False
        except Exception as error:  # noqa: BLE001 - of this loop too: it must go on
            self._engine.observer.claim_failed(error)
            return False
        self._is_away = False
        if claimed is not None:
            self._begin(*claimed)
        return claimed is None or bool(claimed[0])

    def _begin(self, dossiers: Sequence[Dossier], lease_until: datetime) -> None:
        for case in self._cases_of(dossiers, lease_until, lanes=self._lanes):
            task = asyncio.create_task(self._work(case))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _claim(self, limit: int) -> tuple[Sequence[Dossier], datetime]:
        """Claim; a lease counts from before the claim, however long its answer took to arrive."""
        lease_until = self._engine.latest_now() + self._lease
        dossiers = await self._engine.store.claim(
            owner=self._owner, now=self._engine.clock.now(), lease=self._lease, limit=limit
        )
        return dossiers, lease_until

    async def _fetch(self, limit: int) -> None:
        """Begin those that stood aside and have room in their lane now, before any others."""
        wanted = self._lanes.fetch(limit)
        if not wanted:
            return
        lease_until = self._engine.latest_now() + self._lease
        now = self._engine.clock.now()
        asked = [
            self._engine.store.acquire(each, owner=self._owner, now=now, lease=self._lease)
            for each in wanted
        ]
        found = await asyncio.gather(*asked, return_exceptions=True)
        dossiers: list[Dossier] = []
        for workflow_id, dossier in zip(wanted, found, strict=True):
            if isinstance(dossier, BaseException):
                # Somebody else has it, or it is found when it is due again.
                self._lanes.leave(workflow_id)
            else:
                dossiers.append(dossier)
        self._begin(dossiers, lease_until)

    def _cases_of(
        self, dossiers: Sequence[Dossier], lease_until: datetime, *, lanes: Lanes | None = None
    ) -> list[Case]:
        cases = [Case(self._engine, dossier, lease_until, lanes) for dossier in dossiers]
        self._cases |= {case.workflow.workflow_id: case for case in cases}
        return cases

    async def _work(self, case: Case) -> None:
        """Work on one workflow; an error of ours leaves it to the next claim, never to `failed`."""
        try:
            await advance(case, may_go_on=lambda: not self._draining)
            if not case.given_back:
                await self._hand_on(case)
        except GateError as error:
            self._engine.observer.step_failed(case.workflow, error)
        except Exception as error:  # noqa: BLE001 - the worker's outermost loop: it must go on
            self._engine.observer.step_failed(case.workflow, error)
        finally:
            self._cases.pop(case.workflow.workflow_id, None)
            self._lanes.leave(case.workflow.workflow_id)
            if self._lanes.has_somebody_to_fetch:
                self._wake.set()

    async def _hand_on(self, case: Case) -> None:
        """Give a workflow back in the middle of its way, for whoever works next."""
        fenced = [(case.workflow.workflow_id, case.fence)]
        await self._engine.store.give_back(fenced, due_at=self._engine.clock.now())

    async def _wait_for_work(self) -> None:
        waiting = asyncio.create_task(self._engine.clock.sleep(self._poll))
        woken = asyncio.create_task(self._wake.wait())
        _, left = await asyncio.wait({waiting, woken}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _keep_leases(self) -> None:
        """Renew the leases of everything under way, three times per lease."""
        while True:
            await self._engine.clock.sleep(self._lease / 3)
            await self.renew_once()

    async def renew_once(self) -> None:
        """Prolong every lease held now; one that was lost is dropped at its next save."""
        cases = list(self._cases.values())
        if not cases:
            return
        lease_until = self._engine.latest_now() + self._lease
        until = self._engine.clock.now() + self._lease
        fences = [(case.workflow.workflow_id, case.fence) for case in cases]
        try:
            lost = await self._engine.store.renew(fences, until=until)
        except Unavailable:
            return  # the lease may run out; the fence then protects what matters
        for case in cases:
            if case.workflow.workflow_id not in lost:
                case.lease_until = lease_until
