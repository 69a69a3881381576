"""external-gate's own service, put together from a configuration as `serve` does, without the web.

Notifications are received first, off the clock; then its worker, and what records them, run until
all are released.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta

from bench.faults import WrongAnswer
from bench.load.notifications import Notifications
from bench.servers.product import Setup
from bench.working.answering import URL, AnswersAtOnce
from bench.working.processor_time import ProcessorTime
from bench.working.turn import AT_ONCE, CONCURRENCY, Done, Place, Turn
from external_gate.assembly import Service, check_gateway, make_gateways
from external_gate.cli.running import configure_logs, opened, spare_collections
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import State, Workflow
from external_gate.metronome.client import MetronomeClient
from external_gate.observe.metrics import Metrics
from external_gate.observe.observer import LoggingObserver
from external_gate.settings import Loaded, load
from external_gate.stores.store_records import Counts

FIRST_GUESS = 150.0
"""Workflows per second."""

LOOK_SECONDS = 0.05
"""Between two looks whether other crews have left anything."""

NO_AGE = timedelta()


class CountingObserver(LoggingObserver):
    """The service's own observer, which also counts what was released."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(metrics)
        self.released = 0
        self.released_last = 0.0
        self.wanted = 0
        self.all_released = asyncio.Event()
        self.astray: str = ""
        """What became of a workflow that went another way."""

    def saved(self, before: Workflow, after: Workflow, history: tuple[HistoryEntry, ...]) -> None:
        """Count, after having done what the service does."""
        super().saved(before, after, history)
        if before.state is after.state:
            return
        if after.state is State.RELEASED:
            self.released += 1
            self.released_last = time.perf_counter()
        elif after.has_ended or after.state is State.HELD:
            self.astray = f"{after.state} {after.held_reason or ''} {after.held_detail}"
        if self.astray or self.released == self.wanted:
            self.all_released.set()


class GateCrew:
    """Stores notifications, then works until everything is released.

    Turns say `work` (both), or `store` and `join` where several crews share what is stored.
    """

    def __init__(self, service: Service, observer: CountingObserver) -> None:
        self._service = replace(service, engine=replace(service.engine, observer=observer))
        self._observer = observer
        self._per_second = FIRST_GUESS

    async def work(self, turn: Turn) -> Done:
        """Do one turn; the clock runs from the first claim to the last release."""
        if turn.verb == "store":
            return Done(count=await self._store(turn), seconds=turn.seconds)
        if turn.verb == "join":
            return await self._release_all(turn, self._nothing_is_left())
        self._observer.wanted += await self._store(turn)
        self._observer.all_released.clear()
        done = await self._release_all(turn, self._all_released())
        self._per_second = done.count / done.seconds
        return done

    async def _release_all(self, turn: Turn, end: Coroutine[None, None, None]) -> Done:
        observer, worker, spent = self._observer, self._service.worker(), ProcessorTime()
        before, cpu = observer.released, time.process_time()
        began = observer.released_last = time.perf_counter()
        recorder = self._service.inbox_recorder(worker.wake)
        with spent if turn.profiled else nullcontext():
            running = asyncio.gather(worker.run(), recorder.run())
            await end
            recorder.drain()
            worker.drain()
            await running
        if observer.astray:
            raise WrongAnswer(f"a workflow was not released: {observer.astray}")
        return Done(
            count=observer.released - before,
            seconds=observer.released_last - began,
            cpu_seconds=time.process_time() - cpu,
            spent=dict(spent.by_place),
        )

    async def _all_released(self) -> None:
        await self._observer.all_released.wait()

    async def _nothing_is_left(self) -> None:
        while _left(await self._service.store.counts()):
            if self._observer.astray:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _store(self, turn: Turn) -> int:
        count = turn.most or max(CONCURRENCY, int(self._per_second * turn.seconds))
        await receive_all(self._service, turn.batch, count)
        return count


def _left(counts: Counts) -> int:
    return counts.inbox + sum(counts.by_state.values())


async def receive_all(service: Service, batch: int, count: int, age: timedelta = NO_AGE) -> None:
    """Have so many notifications received, as many at once as workflows are worked on."""
    notifications, numbers = Notifications(batch, age), itertools.count()

    async def receive_some() -> None:
        while (number := next(numbers)) < count:
            await service.receiver.receive(*notifications.delivery(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(receive_some())


@asynccontextmanager
async def open_crew(place: Place) -> AsyncIterator[GateCrew]:
    """Give the service over its store; this process alone may hold a SQLite file."""
    async with open_service(place) as service:
        yield crew_of(service)


def crew_of(service: Service) -> GateCrew:
    """Give a crew that works with a service."""
    return GateCrew(service, CountingObserver(service.metrics))


@asynccontextmanager
async def open_service(place: Place) -> AsyncIterator[Service]:
    """Give the service itself, opened."""
    loaded = load_setup(place)
    async with opened(loaded, exclusive=True) as service:
        spare_collections()
        yield answered(service, place)


def load_setup(place: Place) -> Loaded:
    """Write a crew's configuration and read it as the service does; its logs go as they would."""
    at_once = place.outside_url == AT_ONCE
    setup = Setup(
        store_url=place.store_url,
        receives_only=False,
        outside_url=URL if at_once else place.outside_url,
        worker=f"concurrency = {CONCURRENCY}",
    )
    config = place.folder / f"crew-{time.monotonic_ns()}.toml"
    config.write_text(setup.toml(0))
    loaded = load(config, {}, check_gateway=check_gateway)
    configure_logs(loaded)
    return loaded


def answered(service: Service, place: Place) -> Service:
    """Give the service as it calls the world of a place: over HTTP, or answered in the process."""
    if place.outside_url != AT_ONCE:
        return service
    caller = AnswersAtOnce()
    billing = MetronomeClient(caller, base_url=URL, token="bench-token")  # noqa: S106 - of nobody
    gateways = make_gateways(service.settings, caller, service.clock)
    return replace(service, engine=replace(service.engine, billing=billing, gateways=gateways))
