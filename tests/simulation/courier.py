"""Notifications of Metronome and the gateways: signed by other code, repeated, late, reordered."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from email.utils import format_datetime

from external_gate.domain.errors import BadInput, Refused, Unavailable
from external_gate.domain.outcome import Answer
from tests.simulation.metronome_books import CONTRACT, GateWorkflow
from tests.simulation.notice_wire import HEADER, sign_notice, write_notice
from tests.simulation.service import SECRET, Service
from tests.simulation.world import World

PATIENCE_SECONDS = 30.0
"""How long a sender waits for its acknowledgement."""

RETRIES_SECONDS = (5.0, 60.0, 300.0, 900.0, 3600.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0)
"""Between the deliveries of one notification; two days in all, as Metronome does."""

NOTICE_TRIES = 4

GATEWAYS = ("main", "second")
"""Of every world, by their names in the configuration."""

REDATES = True
"""Whether what is sent again after a restore is signed with a new date: nobody documents it."""


class Courier:
    """Delivers to whichever process is up."""

    def __init__(self, world: World, somebody: Callable[[], Service | None]) -> None:
        self._world = world
        self._somebody = somebody
        self._sent: list[tuple[str, bytes, datetime]] = []
        self._events = 0
        self.on_the_way = 0
        self.redates = REDATES

    async def announce(self, workflow: GateWorkflow) -> None:
        """Deliver a workflow's notification until it is acknowledged."""
        chances = self._world.chances
        body = _body(workflow, workflow.total)
        self._sent.append((workflow.workflow_id, body, self._world.loop.true_time()))
        if chances.strikes("delivery_forged"):
            await self._deliver(workflow.workflow_id, body, secret="of-somebody-else")
        if chances.strikes("delivery_garbled"):
            await self._deliver("", b'{"type": "payment_gate.external_initiate"')
        if chances.strikes("delivery_delayed"):
            await asyncio.sleep(chances.spread(1, 7200))
        await self._until_acknowledged(workflow.workflow_id, body)
        if chances.strikes("delivery_repeated"):
            await asyncio.sleep(chances.spread(0.01, 1e5))
            await self._until_acknowledged(workflow.workflow_id, body)
        if chances.strikes("delivery_conflicting"):
            await asyncio.sleep(chances.spread(0.01, 1e4))
            other = _body(workflow, workflow.total + 1)
            await self._until_acknowledged(workflow.workflow_id, other)

    async def redeliver_everything(self) -> None:
        """Send again what was ever sent, until it is taken: a person sees to it after a restore."""
        await asyncio.gather(*(self._redeliver(*sent) for sent in list(self._sent)))

    async def _redeliver(self, workflow_id: str, body: bytes, date: datetime) -> None:
        self.on_the_way += 1
        while not await self._deliver(workflow_id, body, date=None if self.redates else date):  # noqa: ASYNC110 - a schedule, not a wait for a state
            await asyncio.sleep(1200)
        self.on_the_way -= 1

    async def notice(self, key: str, answer: Answer) -> None:
        """Bring a gateway's signed word, some tries, perhaps late or twice, or only as a hint."""
        self.on_the_way += 1
        try:
            await self._notice(key, answer)
        finally:
            self.on_the_way -= 1

    async def _notice(self, key: str, answer: Answer) -> None:
        chances = self._world.chances
        await asyncio.sleep(chances.between(0, 2))
        if chances.strikes("notice_late"):
            await asyncio.sleep(chances.spread(1, 2e5))
        self._events += 1
        gateway = _gateway_of(answer)
        event_id = f"evt-{self._events}"
        body = write_notice(event_id, key, None if chances.strikes("notice_is_hint") else answer)
        if chances.strikes("notice_forged"):
            await self._bring(gateway, event_id, body, signed_by="somebody else")
        if chances.strikes("notice_misdirected"):
            other = next(name for name in GATEWAYS if name != gateway)
            await self._bring(other, event_id, body, signed_by=other)
        for _ in range(2 if chances.strikes("notice_repeated") else 1):
            for _ in range(NOTICE_TRIES):
                lost = chances.strikes("notice_lost")
                if not lost and await self._bring(gateway, event_id, body, signed_by=gateway):
                    break
                await asyncio.sleep(600)

    async def _bring(self, gateway: str, event_id: str, body: bytes, *, signed_by: str) -> bool:
        service = self._somebody()
        if service is None:
            return False
        headers = {HEADER: sign_notice(signed_by, body)}
        try:
            hearing = service.hear(gateway, headers, body)
            taken = await self._world.asked(hearing, patience=PATIENCE_SECONDS)
        except (TimeoutError, Unavailable, Refused) as refused:
            self._world.timeline.tell("notice", "{} was not taken: {!r}", event_id, refused)
            return False
        truth = self._world.truth
        truth.must("P7", signed_by == gateway, "a forged notice was taken")
        kept = self._world.restoring or self._is_kept(gateway, event_id)
        truth.must("P1", kept, f"notice {event_id} was acknowledged and is not kept")
        self._world.timeline.tell("notice", "{}: {}", event_id, taken)
        return not self._world.chances.strikes("acknowledgement_lost")

    def _is_kept(self, gateway: str, event_id: str) -> bool:
        row = self._world.database.connection.execute(
            "SELECT 1 FROM gateway_notices WHERE gateway = ? AND event_id = ?", (gateway, event_id)
        ).fetchone()
        return row is not None

    async def _until_acknowledged(self, workflow_id: str, body: bytes) -> None:
        self.on_the_way += 1
        try:
            for seconds in RETRIES_SECONDS:
                lost = self._world.chances.strikes("delivery_lost")
                if not lost and await self._deliver(workflow_id, body):
                    return
                await asyncio.sleep(seconds)
        finally:
            self.on_the_way -= 1

    async def _deliver(
        self,
        workflow_id: str,
        body: bytes,
        *,
        secret: str = SECRET,
        date: datetime | None = None,
    ) -> bool:
        service = self._somebody()
        if service is None:
            return False
        signed = format_datetime(date or self._world.loop.true_time(), usegmt=True)
        signature = hmac.new(secret.encode(), signed.encode() + b"\n" + body, hashlib.sha256)
        headers = {"x-metronome-date": signed, "metronome-webhook-signature": signature.hexdigest()}
        try:
            delivering = service.deliver(headers, body)
            recorded = await self._world.asked(delivering, patience=PATIENCE_SECONDS)
        except (TimeoutError, Unavailable, BadInput) as refused:
            self._world.timeline.tell("webhook", "{} was not taken: {!r}", workflow_id, refused)
            return False
        self._world.truth.must("P7", secret == SECRET, "a forged notification was taken")
        self._world.timeline.tell("webhook", "{}: {}", workflow_id, recorded.receipt)
        if workflow_id:
            self._world.truth.fates[workflow_id].acknowledged = True
        return not self._world.chances.strikes("acknowledgement_lost")


def _gateway_of(answer: Answer) -> str:
    """Give the gateway that speaks: its charges are numbered under its name."""
    return str(getattr(answer, "charge_id", "")).split("-")[0]


def _body(workflow: GateWorkflow, total: Decimal) -> bytes:
    return json.dumps(
        {
            "id": f"n-{workflow.workflow_id}",
            "type": "payment_gate.external_initiate",
            "properties": {
                "workflow_id": workflow.workflow_id,
                "workflow_type": "spend",
                "customer_id": workflow.customer_id,
                "contract_id": CONTRACT,
                "invoice_id": workflow.invoice_id,
                "invoice_total": int(total),
                "invoice_currency": "USD",
            },
        }
    ).encode()
