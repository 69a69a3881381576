"""What a service asks its database while the history beside it grows, question by question."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from bench.faults import WrongAnswer
from bench.load.notifications import Notifications, identity
from bench.working.gate import open_service, receive_all
from bench.working.turn import CONCURRENCY, Done, Place, Turn
from external_gate.assembly import Service
from external_gate.domain.identifiers import CustomerId
from external_gate.domain.workflow import State
from external_gate.engine.worker import BATCH
from external_gate.stores.store_records import WorkflowFilter

LEASE = timedelta(minutes=1)
OLD = timedelta(days=4)
"""Notifications this old begin workflows that are held at once: nothing that can be claimed."""

HELD = 20
SHOWN = 51
"""What `workflows list` asks for by default: one more than it shows."""

NEWEST = WorkflowFilter(limit=SHOWN)


class Questions:
    """Turns say which question; each is asked again and again, and only itself is timed."""

    def __init__(self, service: Service) -> None:
        self._store = service.store
        self._service = service
        self._asked = 0
        self._ask: dict[str, Callable[[Turn], Awaitable[tuple[int, float]]]] = {
            "claim": self._claim,
            "list": lambda _turn: self._list(NEWEST),
            "list held": lambda _turn: self._list(replace(NEWEST, states=frozenset({State.HELD}))),
            "list customer": lambda _turn: self._list(self._of_customer()),
            "acknowledge": self._acknowledge,
        }

    async def work(self, turn: Turn) -> Done:
        """Ask until the time is over."""
        until, count, seconds = time.perf_counter() + turn.seconds, 0, 0.0
        while not count or time.perf_counter() < until:
            done, took = await self._ask[turn.verb](turn)
            count, seconds = count + done, seconds + took
        return Done(count=count, seconds=seconds)

    async def _claim(self, _turn: Turn) -> tuple[int, float]:
        now, began = self._service.clock.now(), time.perf_counter()
        claimed = await self._store.claim(owner="bench", now=now, lease=LEASE, limit=BATCH)
        took = time.perf_counter() - began
        if len(claimed) != BATCH:
            raise WrongAnswer(f"{len(claimed)} of {BATCH} due workflows were claimed")
        fences = [(each.workflow.workflow_id, each.workflow.fence) for each in claimed]
        await self._store.give_back(fences, due_at=now)
        return 1, took

    async def _list(self, wanted: WorkflowFilter) -> tuple[int, float]:
        """Ask as the command does: the rows, and which of them have incidents."""
        began = time.perf_counter()
        rows = await self._store.workflows(wanted)
        await self._store.workflows(replace(wanted, with_incidents=True))
        took = time.perf_counter() - began
        if not rows:
            raise WrongAnswer(f"nothing was listed of {wanted}")
        return 1, took

    def _of_customer(self) -> WorkflowFilter:
        self._asked += 1
        customer = identity("customer", self._asked % HELD)
        return replace(NEWEST, customer_id=CustomerId(customer))

    async def _acknowledge(self, turn: Turn) -> tuple[int, float]:
        """Take in as many at once as connections would bring; they are committed together."""
        self._asked += CONCURRENCY
        notifications = Notifications(turn.batch, OLD)
        deliveries = [notifications.delivery(self._asked + each) for each in range(CONCURRENCY)]
        began = time.perf_counter()
        await asyncio.gather(*(self._service.receiver.receive(*each) for each in deliveries))
        took = time.perf_counter() - began
        await recorded(self._service)
        return CONCURRENCY, took


async def recorded(service: Service) -> None:
    """Record what a rush has left."""
    await service.inbox_recorder(lambda: None).run_once()


@asynccontextmanager
async def open_crew(place: Place) -> AsyncIterator[Questions]:
    """Give the service's own store and receiver, with a batch of due workflows and some held."""
    async with open_service(place) as service:
        await receive_all(service, batch=-1, count=BATCH)
        await receive_all(service, batch=-2, count=HELD, age=OLD)
        await recorded(service)
        yield Questions(service)
