"""Running a service until a signal: web, worker, heartbeat, and a drain that loses nothing."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

from external_gate.assembly import Service, make_metrics, make_service, make_store, secrets_of
from external_gate.cli.rounds import rounds_of
from external_gate.domain.errors import Unavailable
from external_gate.observe import events
from external_gate.observe.logs import configure
from external_gate.settings import Loaded
from external_gate.web.app import create_app
from external_gate.web.bearer import Bearers
from external_gate.web.gateway_webhooks import GatewayWebhook
from external_gate.web.health import Health, Readiness
from external_gate.web.payer_changes import PayerChanges
from external_gate.web.server import DrainingServer, listen, make_server
from external_gate.web.webhooks import MetronomeWebhook

HEARTBEAT_EVERY = timedelta(seconds=5)
"""How often the high-water mark of time is written: an older copy of the database is older than
this, and a mark costs one small commit."""


@contextlib.asynccontextmanager
async def opened(loaded: Loaded, *, exclusive: bool) -> AsyncIterator[Service]:
    """Give a service with its store opened; `exclusive` for a serving or working process.

    Raises `Broken` and `Unavailable` as `Store.open`.
    """
    metrics = make_metrics()
    store = make_store(loaded.settings, exclusive=exclusive, metrics=metrics)
    service = make_service(loaded.settings, store, metrics=metrics)
    try:
        await service.store.open()
        _tell_restored(store.restored)
        yield service
    finally:
        await service.aclose()


def _tell_restored(workflows: int | None) -> None:
    if workflows is not None:
        events.log().warning(events.DATABASE_RESTORED, workflows=workflows)


COLLECT_AFTER = 50_000
"""New objects at which the garbage collector comes; Python's 700 are there after a few requests.

Nearly all of a request goes when it is answered. With 2,000 under way those that had to stay were
walked through again and again: a fifth of the processor, where it was measured.
"""


def spare_collections() -> None:
    """Let the garbage collector come seldom, and see nothing of what was loaded at the start.

    Each full collection would walk all of that, and every answer would wait for it: 40 ms, where
    it was measured.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


class Run:
    """One process at work, from start to the end of its drain."""

    def __init__(self, service: Service, *, with_web: bool, with_worker: bool) -> None:
        self._service = service
        self._readiness = Readiness()
        self._worker = service.worker() if with_worker else None
        self._inbox = service.inbox_recorder(self._wake)
        self._rounds = rounds_of(service)
        self._server = self._make_server() if with_web else None
        self._stopping = asyncio.Event()
        self._restored = service.store.restored

    async def until_signal(self, *, announce: bool = True) -> None:
        """Work until SIGTERM or SIGINT, then drain: readiness red, listener closed, work done."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        beating = asyncio.create_task(self._keep_beating())
        working = asyncio.create_task(self._work())
        beside = asyncio.create_task(self._work_beside())
        recording = asyncio.create_task(self._inbox.run())
        if self._worker is not None:
            self._service.store.when_due(self._worker.wake)
        # A worker that fails takes the process with it: its supervisor starts a whole one again.
        for task in (working, recording):
            task.add_done_callback(lambda _task: None if self._readiness.draining else self.stop())
        try:
            await self._serve(announce=announce)
            self._inbox.drain()  # only now: until here deliveries were taken in
            await recording
            await working
            await beside
        finally:
            beside.cancel()  # where the worker or the web has failed
            recording.cancel()
            await asyncio.gather(beside, recording, return_exceptions=True)
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            events.log().info(events.STOPPED)

    def stop(self) -> None:
        """Begin to drain; a second call closes the listener at once."""
        hurry = self._readiness.draining
        self._readiness.draining = True
        events.log().info(events.DRAINING)
        if self._worker is not None:
            self._worker.drain()
            self._service.courier.drain()
            self._rounds.drain()
            self._service.aftercare.drain()
        delay = 0.0 if hurry else self._service.settings.server.drain_delay_seconds
        asyncio.get_running_loop().call_later(delay, self._close_listener)

    def _close_listener(self) -> None:
        self._stopping.set()
        if self._server is not None:
            self._server.should_exit = True

    async def _serve(self, *, announce: bool) -> None:
        if self._server is None:
            events.log().info(events.STARTED, roles=["worker"])
            await self._stopping.wait()
            return
        knobs = self._service.settings.server
        with listen(knobs.host, knobs.port) as listener:
            if announce:
                roles = ["web", "worker"] if self._worker else ["web"]
                host, port = listener.getsockname()[:2]
                events.log().info(events.STARTED, roles=roles, address=f"http://{host}:{port}")
            await self._server.serve(sockets=[listener])

    async def _work(self) -> None:
        if self._worker is not None:
            await self._worker.run()
        else:
            await self._stopping.wait()

    async def _work_beside(self) -> None:
        """Deliver notices, look after failed payments, make the rounds: wherever a worker runs."""
        if self._worker is not None:
            await asyncio.gather(
                self._service.courier.run(), self._service.aftercare.run(), self._rounds.run()
            )

    async def _keep_beating(self) -> None:
        while True:
            await beat_once(self._service)
            if self._service.store.restored != self._restored:  # found out while we run
                self._restored = self._service.store.restored
                _tell_restored(self._restored)
            woken_at = asyncio.get_running_loop().time() + HEARTBEAT_EVERY.total_seconds()
            await self._service.clock.sleep(HEARTBEAT_EVERY)
            lag = asyncio.get_running_loop().time() - woken_at
            self._service.metrics.set_event_loop_lag(max(0.0, lag))

    def _make_server(self) -> DrainingServer:
        service, knobs = self._service, self._service.settings.server
        health = Health(
            service.store, service.clock, service.metrics, self._readiness, self._running
        )
        webhook = MetronomeWebhook(
            service.receiver,
            body_limit_bytes=knobs.body_limit_bytes,
            body_timeout_seconds=knobs.body_timeout_seconds,
            wake=self._wake,
        )
        gateway_webhook = GatewayWebhook(
            service.notice_receiver,
            body_limit_bytes=knobs.body_limit_bytes,
            body_timeout_seconds=knobs.body_timeout_seconds,
            wake=self._wake,
        )
        payer_changes = PayerChanges(
            service.store,
            Bearers(service.settings.operators.people),
            service.clock,
            body_limit_bytes=knobs.body_limit_bytes,
            body_timeout_seconds=knobs.body_timeout_seconds,
        )
        return make_server(create_app(webhook, gateway_webhook, payer_changes, health), knobs)

    def _running(self) -> int:
        return self._worker.running if self._worker else 0

    def _wake(self) -> None:
        if self._worker is not None:
            self._worker.wake()


async def beat_once(service: Service) -> None:
    """Raise the high-water mark; a database that is away is left to readiness and the next beat."""
    with contextlib.suppress(Unavailable):
        high_water = service.engine.high_water
        # The latest plausible time, so that the next life knows it as well.
        high_water.observe(await service.store.heartbeat(high_water.latest(service.clock.now())))


def configure_logs(loaded: Loaded) -> None:
    """Set up logging with every configured secret masked, and say which names were ignored."""
    configure(
        level=loaded.settings.log.level,
        format=loaded.settings.log.format,
        secrets=secrets_of(loaded.settings),
    )
    if loaded.ignored_names:
        events.log().info(events.NAMES_IGNORED, names=list(loaded.ignored_names))
