"""How one worker's places are shared, so that nobody who is slow or busy keeps the others waiting.

Each gateway has a lane. Whoever finds its lane full gives its lease back and stands aside: it is
due again after a while for any worker, and this one fetches it as soon as its lane has room.
"""

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

from external_gate.domain.errors import Unavailable
from external_gate.domain.identifiers import CustomerId, WorkflowId

GATEWAY_SHARE = 3
"""A lane grows while it is shorter than so many times the places that are free of lanes. One that
hangs ends at three quarters of all places, the next at three quarters of the rest, and one more
always finds a place, whatever hangs (Choudhury and Hahne, Dynamic Queue Length Thresholds, 1998).
Below four places there is nothing to share."""

CUSTOMER_SHARE = 1
"""The same for the charges of one customer: half of all places, when nobody hangs."""

ASIDE_AT_LEAST = timedelta(seconds=10)
"""How long whoever stands aside is due for nobody: this worker fetches it earlier, and if it dies,
another finds it then."""

PATIENCE = timedelta(milliseconds=100)
"""How long whoever has prepared a charge waits in its place: a gateway that answers lets it in by
then, and before one that hangs it is gone soon."""

RETURNS_PER_SECOND = 50
"""So many of those that wait may become due again in a second: a claim each, of some hundred
microseconds, so that a long queue costs little."""

LONGEST_QUEUE = 10_000
"""Workflows of one lane that are remembered; those beyond are found when they are due again."""

MOST_CUSTOMERS = 10_000
"""Customers whose usual gateway is remembered."""


class LaneFull(Unavailable):
    """The gateway is not to be asked now, for the sake of the others; nothing was saved or sent."""

    def __init__(self, gateway: str) -> None:
        super().__init__(f"gateway {gateway} has all the calls that it may have at once")
        self.gateway = gateway


@dataclass(slots=True)
class _Queue:
    """Who stands aside for one gateway: customers take turns, each with its oldest first."""

    by_customer: OrderedDict[CustomerId, deque[WorkflowId]] = field(default_factory=OrderedDict)
    known: set[WorkflowId] = field(default_factory=set)

    def add(self, customer: CustomerId, workflow_id: WorkflowId) -> None:
        if workflow_id not in self.known and len(self.known) < LONGEST_QUEUE:
            self.known.add(workflow_id)
            self.by_customer.setdefault(customer, deque()).append(workflow_id)

    def pop(self, customer: CustomerId) -> WorkflowId:
        line = self.by_customer[customer]
        workflow_id = line.popleft()
        self.known.discard(workflow_id)
        self.by_customer.move_to_end(customer)
        if not line:
            del self.by_customer[customer]
        return workflow_id

    def drop(self, customer: CustomerId, workflow_id: WorkflowId) -> None:
        if workflow_id in self.known:
            self.known.discard(workflow_id)
            self.by_customer[customer].remove(workflow_id)
            if not self.by_customer[customer]:
                del self.by_customer[customer]


class Lanes:
    """Who occupies which lane, and who waits for it. For one worker and one event loop."""

    def __init__(
        self, places: int, gateways: Collection[str], *, patience: timedelta = PATIENCE
    ) -> None:
        self._places = places
        self._patience = patience
        self._waiting: list[asyncio.Future[None]] = []
        self._only = next(iter(gateways)) if len(gateways) == 1 else ""
        self._inside: dict[WorkflowId, tuple[str, CustomerId]] = {}
        self._by_gateway: Counter[str] = Counter()
        self._by_customer: Counter[CustomerId] = Counter()
        self._aside: dict[str, _Queue] = {}
        self._usual: OrderedDict[CustomerId, str] = OrderedDict()

    def guess(self, customer: CustomerId) -> str:
        """Give the gateway that will most likely charge a customer; empty when nobody knows."""
        return self._only or self._usual.get(customer, "")

    def check(self, workflow_id: WorkflowId, gateway: str, customer: CustomerId) -> None:
        """Raise `LaneFull` when there would be no room now; takes none."""
        if workflow_id not in self._inside and not self._has_room(gateway, customer):
            self._stand_aside(workflow_id, gateway, customer)

    def enter(self, workflow_id: WorkflowId, gateway: str, customer: CustomerId) -> None:
        """Occupy a place of a gateway's lane until `leave`. Raises `LaneFull`.

        Whoever occupied another lane has left it.
        """
        if self._inside.get(workflow_id) == (gateway, customer):
            return
        self.leave(workflow_id)
        self._remember(customer, gateway)
        if not self._has_room(gateway, customer):
            self._stand_aside(workflow_id, gateway, customer)
        self._occupy(workflow_id, gateway, customer)
        if queue := self._aside.get(gateway):
            queue.drop(customer, workflow_id)

    async def enter_soon(self, workflow_id: WorkflowId, gateway: str, customer: CustomerId) -> None:
        """Enter, and wait a moment for room: who has prepared a charge would have to do it again.

        Raises `LaneFull`.
        """
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience.total_seconds()):
                while workflow_id not in self._inside and not self._has_room(gateway, customer):
                    self._waiting.append(moved := loop.create_future())
                    await moved
        self.enter(workflow_id, gateway, customer)

    def leave(self, workflow_id: WorkflowId) -> None:
        """Occupy nothing any more; repeatable."""
        gateway, customer = self._inside.pop(workflow_id, ("", None))
        if customer is not None:
            self._by_gateway[gateway] -= 1
            self._by_customer -= Counter({customer: 1})  # forgets those at nothing
            for moved in self._waiting:
                if not moved.done():
                    moved.set_result(None)
            self._waiting.clear()

    def aside_for(self, gateway: str) -> timedelta:
        """Tell how long whoever stands aside for a gateway now is due for nobody."""
        waiting = len(self._aside[gateway].known) if gateway in self._aside else 0
        return ASIDE_AT_LEAST + timedelta(seconds=waiting / RETURNS_PER_SECOND)

    def fetch(self, limit: int) -> list[WorkflowId]:
        """Give up to so many of those that stand aside and have room now; they occupy it already.

        Whoever cannot be had after all must `leave`.
        """
        fetched: list[WorkflowId] = []
        for gateway, queue in self._aside.items():
            while len(fetched) < limit and (customer := self._next(gateway, queue)) is not None:
                workflow_id = queue.pop(customer)
                self._occupy(workflow_id, gateway, customer)
                fetched.append(workflow_id)
        return fetched

    @property
    def has_somebody_to_fetch(self) -> bool:
        """Tell whether `fetch` would give any."""
        return any(self._next(gateway, queue) is not None for gateway, queue in self._aside.items())

    def _next(self, gateway: str, queue: _Queue) -> CustomerId | None:
        return next((each for each in queue.by_customer if self._has_room(gateway, each)), None)

    def _has_room(self, gateway: str, customer: CustomerId) -> bool:
        free = self._places - len(self._inside)
        return self._by_gateway[gateway] < GATEWAY_SHARE * free and self._by_customer[
            customer
        ] < max(1, CUSTOMER_SHARE * free)

    def _occupy(self, workflow_id: WorkflowId, gateway: str, customer: CustomerId) -> None:
        self._inside[workflow_id] = (gateway, customer)
        self._by_gateway[gateway] += 1
        self._by_customer[customer] += 1

    def _stand_aside(self, workflow_id: WorkflowId, gateway: str, customer: CustomerId) -> None:
        self._aside.setdefault(gateway, _Queue()).add(customer, workflow_id)
        raise LaneFull(gateway)

    def _remember(self, customer: CustomerId, gateway: str) -> None:
        self._usual[customer] = gateway
        self._usual.move_to_end(customer)
        if len(self._usual) > MOST_CUSTOMERS:
            self._usual.popitem(last=False)
