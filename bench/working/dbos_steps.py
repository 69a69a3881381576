"""A DBOS workflow of three steps, one per call, from a queue in which all of them wait already."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dbos import DBOS, DBOSConfig, Queue

from bench.working.bare_calls import open_calling
from bench.working.three_calls import MakeCall, demand_200, three_calls
from bench.working.turn import CONCURRENCY, Done, Place, Turn

QUEUE = "charges"
POLL_SECONDS = 0.05
"""Its default of 1 s would leave it idle most of the time."""

FIRST_GUESS = 40.0
"""Workflows per second."""


class DbosCrew:
    """Fills the queue while nobody listens to it, then waits until it is empty."""

    def __init__(self, outside_url: str, make_call: MakeCall, queue: Queue) -> None:
        self._queue = queue
        self._per_second = FIRST_GUESS
        self._left, self._began = 0, 0.0
        self._finished = asyncio.Event()
        self._loop = asyncio.get_running_loop()

        async def call_outside(batch: int, number: int, which: int) -> None:
            demand_200(await make_call(three_calls(outside_url, batch, number)[which]))

        async def charge_and_release(batch: int, number: int) -> None:
            self._began = self._began or time.perf_counter()
            for which in range(3):
                await step(batch, number, which)
            self._loop.call_soon_threadsafe(self._count_one)

        step = DBOS.step()(call_outside)
        self._workflow = DBOS.workflow()(charge_and_release)

    async def work(self, turn: Turn) -> Done:
        """Do as many workflows as should fill the time; the clock starts with the first of them."""
        count = max(CONCURRENCY // 2, int(self._per_second * turn.seconds))
        await self._queue.set_worker_concurrency_async(0)
        self._left, self._began = count, 0.0
        self._finished.clear()
        numbers = itertools.count()
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(self._enqueue(turn.batch, numbers, count))
        cpu = time.process_time()
        await self._queue.set_worker_concurrency_async(CONCURRENCY)
        await self._finished.wait()
        seconds = time.perf_counter() - self._began
        self._per_second = count / seconds
        return Done(count=count, seconds=seconds, cpu_seconds=time.process_time() - cpu)

    async def _enqueue(self, batch: int, numbers: "itertools.count[int]", count: int) -> None:
        while (number := next(numbers)) < count:
            await DBOS.enqueue_workflow_async(QUEUE, self._workflow, batch, number)

    def _count_one(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._finished.set()


@asynccontextmanager
async def open_crew(place: Place) -> AsyncIterator[DbosCrew]:
    """Give DBOS with its tables in an empty database."""
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": place.store_url,
        "log_level": "WARNING",
    }
    DBOS(config=config)
    async with open_calling() as make_call:
        DBOS.launch()
        try:
            queue = await DBOS.register_queue_async(
                QUEUE, worker_concurrency=0, polling_interval_sec=POLL_SECONDS
            )
            yield DbosCrew(place.outside_url, make_call, queue)
        finally:
            await asyncio.to_thread(DBOS.destroy)
