"""One life of our service in a simulated world: the real worker, intake and operations."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from external_gate.domain.charge import Payer
from external_gate.domain.clock import HighWater
from external_gate.domain.errors import Refused, Unavailable
from external_gate.domain.ledger import HistoryEntry, Incident
from external_gate.domain.outcome import Answer
from external_gate.domain.workflow import HeldReason, Workflow
from external_gate.engine.context import Engine, Policy
from external_gate.engine.operations import Operations
from external_gate.engine.worker import Worker
from external_gate.guards.rules import GuardRules
from external_gate.intake.gateway_notices import NoticeReceiver
from external_gate.intake.inbox import InboxRecorder
from external_gate.intake.receive import Receiver
from external_gate.intake.signature import AgeLimits
from external_gate.metronome.billing import ReleaseAnswer
from external_gate.payers.payer_source import PayerQuestion
from external_gate.stores.store_records import NewNotice, NoticeTaken, Recorded
from tests.simulation.gateway_books import GatewayBooks
from tests.simulation.gateway_edge import GatewayEdge
from tests.simulation.metronome_books import MetronomeBooks
from tests.simulation.metronome_edge import MetronomeEdge
from tests.simulation.process import Process
from tests.simulation.store_edge import StoreEdge
from tests.simulation.world import World

LEASE = timedelta(seconds=60)
POLL = timedelta(seconds=1)
SECRET = "whsec-of-the-simulation"

RUSHES_LAST_SECONDS = (0.1, 60.0, 4 * 3600.0)
"""Around which what came in a rush waits in the inbox; mostly it is milliseconds."""

MOST_CLAIMS_AT_ONCE = 60
"""Of one workflow without time passing; more means that the engine runs hot."""


@dataclass(frozen=True)
class Setting:
    """What all lives of a world's service have in common."""

    policy: Policy
    rules: GuardRules
    gateways: Mapping[str, GatewayBooks]
    metronome: MetronomeBooks
    payers: dict[str, Payer] = field(default_factory=dict)


class Service:
    """A process with everything that the product runs in one."""

    def __init__(
        self,
        world: World,
        setting: Setting,
        *,
        name: str,
        clock_is_off: timedelta,
        rush: Random | None = None,
    ) -> None:
        self.process = Process(world, name, clock_is_off=clock_is_off)
        self._world = world
        high_water = HighWater(elapsed=world.loop.time)
        store = StoreEdge(world, self.process)
        store.high_water = high_water
        if rush is not None:
            store.rush_at = 1
        engine = Engine(
            store=store,
            billing=MetronomeEdge(world, self.process, setting.metronome, high_water),
            gateways={
                key: GatewayEdge(world, self.process, books, high_water)
                for key, books in setting.gateways.items()
            },
            payers=_Payers(setting.payers, self.process),
            rules=setting.rules,
            policy=setting.policy,
            clock=self.process.clock,
            random=world.chances.random,
            observer=Watch(world, self.process),
            high_water=high_water,
        )
        self.store = store
        self.operations = Operations(engine)
        self.receiver = Receiver(store, [SECRET], AgeLimits(), self.process.clock, _Deaf())
        self.notice_receiver = NoticeReceiver(
            store, engine.gateways, self.process.clock, _DeafToGateways()
        )
        self._rush = rush
        self._recorder = InboxRecorder(
            store, self.receiver, _Restful(self.process), POLL, _InboxWatch(world)
        )
        self.worker = Worker(engine, owner=name, concurrency=4, lease=LEASE, poll=POLL)
        self.process.idle = lambda: self.worker.running == 0
        self._alarm: asyncio.TimerHandle | None = None

    def start(self) -> "asyncio.Task[None]":
        """Begin to work; the task ends with the world."""
        task = self._world.loop.create_task(self._work())
        self.wake_when_due()
        return task

    async def _work(self) -> None:
        recording = [self._keep_recording(self._rush)] if self._rush else []
        await asyncio.gather(self.worker.run(), *recording)

    async def _keep_recording(self, rush: Random) -> None:
        """Record what waits, also what earlier lives have left, after a while that chance gives."""
        while True:
            left = self.receiver.pressure.left
            left.clear()
            try:
                await self._recorder.run_once()
            except Unavailable as away:
                self._world.timeline.tell(self.process.name, "could not record: {!r}", away)
            else:
                await left.wait()
            await asyncio.sleep(rush.choice(RUSHES_LAST_SECONDS) * rush.random())
            await self.process.passes()

    def wake_when_due(self) -> None:
        """Wake the worker when the next workflow can be claimed, by this machine's clock."""
        due = self._world.database.next_claimable()
        if self._alarm is not None:
            self._alarm.cancel()
        if due is None or self.process.dead:
            return
        seconds = (due - self.process.clock.now()).total_seconds()
        self._alarm = self._world.loop.call_later(max(0.002, seconds), self._wake)

    def _wake(self) -> None:
        self.worker.wake()
        # Should the claim fail, there is another one, as polling would make it.
        self._alarm = self._world.loop.call_later(POLL.total_seconds(), self.wake_when_due)

    async def deliver(self, headers: Mapping[str, str], body: bytes) -> Recorded:
        """Take a webhook in. Raises as `Receiver.receive`."""
        return await self.receiver.receive(headers, body)

    async def hear(
        self, gateway: str, headers: Mapping[str, str], body: bytes
    ) -> Sequence[NoticeTaken]:
        """Take a gateway's notification in. Raises as `NoticeReceiver.receive`."""
        return await self.notice_receiver.receive(gateway, headers, body, url="")


class _Payers:
    """Everybody has one payer; who moves house changes gateways."""

    def __init__(self, payers: dict[str, Payer], process: Process) -> None:
        self._payers = payers
        self._process = process

    async def find(self, question: PayerQuestion) -> Payer | None:
        await self._process.edge("before asking for the payer")
        return self._payers.get(question.customer_id)


class _Restful:
    """The clock of somebody whose rests are no periodic work."""

    def __init__(self, process: Process) -> None:
        self._clock = process.clock

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep(self, duration: timedelta) -> None:
        await self._clock.rest(duration)


class _Deaf:
    """An intake observer that does not listen."""

    def acknowledged(self, receipt: str, age: timedelta) -> None: ...

    def recorded(
        self,
        recorded: Recorded,
        kind: str,
        age: timedelta,
        flaw: str | None,
        *,
        held: HeldReason | None = None,
    ) -> None: ...

    def refused(self, reason: str, age: timedelta | None, *, only_the_date: bool) -> None: ...

    def shed(self, reason: str, untold: int) -> None: ...


class _InboxWatch:
    """The observer of the inbox: what cannot be recorded breaks the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def inbox_failed(self, error: Exception) -> None: ...

    def entry_failed(self, number: int, error: Exception) -> None:
        self._world.truth.breaks("bug", f"entry {number} of the inbox: {error!r}")


class _DeafToGateways:
    """An observer of gateways' notices that does not listen."""

    def notice_taken(self, notice: NewNotice, taken: NoticeTaken) -> None: ...

    def notices_ignored(self, gateway: str) -> None: ...

    def notices_refused(self, gateway: str | None, reason: str) -> None: ...

    def adapter_failed(self, gateway: str, error: Exception) -> None: ...


class Watch:
    """The engine's observer: an error of ours breaks the world, everything else is counted."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process
        self._hot: dict[str, tuple[float, int]] = {}

    def saved(self, before: Workflow, after: Workflow, history: tuple[HistoryEntry, ...]) -> None:
        now = self._world.loop.time()
        since, count = self._hot.get(after.workflow_id, (now, 0))
        count = count + 1 if since == now else 0
        self._hot[after.workflow_id] = (now, count)
        if count > MOST_CLAIMS_AT_ONCE:
            self._world.truth.breaks("hot", f"{after.workflow_id} is saved again and again")
            self._process.kill("because it runs hot")

    def incident(self, workflow: Workflow, incident: Incident) -> None:
        self._world.timeline.tell(
            self._process.name,
            "INCIDENT {} {}: {}",
            workflow.workflow_id,
            incident.kind,
            incident.detail,
        )

    def gateway_called(
        self, gateway: str, operation: str, answer: Answer, duration: timedelta
    ) -> None: ...

    def release_called(self, answer: ReleaseAnswer, duration: timedelta) -> None: ...

    def lease_lost(self, workflow: Workflow) -> None:
        self._world.timeline.tell(self._process.name, "lost {}", workflow.workflow_id)

    def claim_failed(self, error: Exception) -> None:
        self._world.timeline.tell(self._process.name, "could not claim: {!r}", error)

    def step_failed(self, workflow: Workflow, error: Exception) -> None:
        self._world.timeline.tell(
            self._process.name, "step of {} failed: {!r}", workflow.workflow_id, error
        )
        if not isinstance(error, Unavailable | Refused):
            about = f"{workflow.workflow_id}: {error!r}"
            self._world.truth.breaks("bug", about)
