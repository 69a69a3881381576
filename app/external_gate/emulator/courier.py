"""Carries the queued webhooks to their receiver, over real sockets and in the queue's order."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from external_gate.emulator.delivery import Delivery, Outbox
from external_gate.emulator.emulated_time import EmulatedTime
from external_gate.emulator.faults import Fault, FaultDesk, Sighting
from external_gate.emulator.signing import signed_headers

ANSWER_WITHIN_SECONDS = 10.0  # real time; Metronome's own limit is not documented
AT_ONCE = 50
"""Attempts on the wire; the rest wait here, because each in httpx' own queue delays all others."""


@dataclass(slots=True)
class WebhookTarget:
    """Where notifications go; without a URL they wait."""

    url: str | None
    secret: str


@dataclass(slots=True)
class Courier:
    """Try what is due, each delivery in a task of its own, `AT_ONCE` at once: a slow answer delays
    none but those that find no place."""

    outbox: Outbox
    time: EmulatedTime
    faults: FaultDesk
    target: WebhookTarget
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def wake(self) -> None:
        """Look again now: something was queued, or the clock or the target changed."""
        self._woken.set()

    async def run(self) -> None:
        """Carry webhooks until cancelled."""
        async with self._client() as client, asyncio.TaskGroup() as tasks:
            while True:
                self._woken.clear()
                for delivery in self._start_due():
                    tasks.create_task(self._attempt(client, *delivery))
                await self._sleep()

    async def run_once(self) -> int:
        """Try everything that is due now, once; tell how many attempts that were."""
        async with self._client() as client:
            started = self._start_due()
            await asyncio.gather(*(self._attempt(client, *delivery) for delivery in started))
        return len(started)

    def _start_due(self) -> list[tuple[Delivery, Fault | None]]:
        if self.target.url is None:
            return []
        now = self.time.now()
        started: list[tuple[Delivery, Fault | None]] = []
        for delivery in self.outbox.due(now):
            fault = self._fault_for(delivery)
            if fault and fault.kind == "reorder":
                self.outbox.hold_back(delivery)
                self.wake()
            elif fault and fault.kind == "slow":
                self.outbox.postpone(delivery, timedelta(seconds=float(fault.seconds)))
            else:
                self.outbox.start(delivery, now=now)
                started.append((delivery, fault))
        return started

    def _fault_for(self, delivery: Delivery) -> Fault | None:
        sent = delivery.notification
        return self.faults.take(
            Sighting(
                "webhook",
                type=sent.type,
                workflow_id=sent.workflow_id,
                customer_id=sent.customer_id,
            )
        )

    async def _attempt(
        self, client: httpx.AsyncClient, delivery: Delivery, fault: Fault | None
    ) -> None:
        status = None
        if fault is None or fault.kind != "drop_before":
            status = await self._send(client, delivery)
        lost = fault is not None and fault.kind == "lost_acknowledgement"
        accepted = status is not None and status <= 299 and not lost
        now = self.time.now()
        if fault and fault.kind == "duplicate":
            self.outbox.add(delivery.notification, now=now)
        self.outbox.finish(delivery, status=status, accepted=accepted, now=now)
        self.wake()

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> int | None:
        body = delivery.notification.body
        async with self._places:
            headers = signed_headers(body, secret=self.target.secret, wall_now=self.time.wall_now())
            try:
                answer = await client.post(self.target.url or "", content=body, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL):
                return None
        return answer.status_code

    async def _sleep(self) -> None:
        next_due_at = self.outbox.next_due_at() if self.target.url is not None else None
        seconds = None if next_due_at is None else self.time.wall_seconds_until(next_due_at)
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    @staticmethod
    def _client() -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=ANSWER_WITHIN_SECONDS, trust_env=False)
