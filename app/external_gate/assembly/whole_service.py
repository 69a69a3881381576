"""The running service: everything of it, and how settings become it."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random, SystemRandom

from prometheus_client import CollectorRegistry

from external_gate.assembly.policies import (
    keep_others,
    make_aftercare_policy,
    make_age_limits,
    make_policy,
    make_rules,
)
from external_gate.assembly.system_clock import SystemClock, elapsed_seconds
from external_gate.assembly.ways_out import (
    make_contracting,
    make_gateways,
    make_ways_out,
    resolve,
)
from external_gate.domain.charge import Payer
from external_gate.domain.clock import Clock, HighWater
from external_gate.domain.identifiers import CustomerId
from external_gate.engine.context import Engine
from external_gate.engine.operations import Operations
from external_gate.engine.worker import Worker
from external_gate.intake.gateway_notices import NoticeReceiver
from external_gate.intake.inbox import InboxRecorder
from external_gate.intake.receive import Receiver
from external_gate.intake.retention import Retention
from external_gate.metronome.contracting_client import ContractingClient
from external_gate.notices.courier import Courier
from external_gate.notices.endpoints import (
    forward_routes,
    forwarding_of,
    notice_routes,
    subscriptions_of,
)
from external_gate.observe.aftercare_observer import LoggingAftercareObserver
from external_gate.observe.courier_observer import LoggingCourierObserver
from external_gate.observe.inbox_observer import LoggingInboxObserver
from external_gate.observe.metrics import Metrics
from external_gate.observe.notice_observer import LoggingNoticeObserver
from external_gate.observe.observer import LoggingObserver
from external_gate.observe.rounds_observer import LoggingRoundsObserver
from external_gate.outbound.calls import Caller
from external_gate.outbound.transport import OwnCaller
from external_gate.payers.payer_source import PayerSurroundings
from external_gate.payers.source_registry import build_payer_source
from external_gate.settings import Settings
from external_gate.stores import choosing
from external_gate.stores.store import Store
from external_gate.thresholds.after_failed import AfterFailed
from external_gate.thresholds.aftercare import Aftercare
from external_gate.thresholds.applying import Thresholds
from external_gate.thresholds.payer_watch import PayerWatch
from external_gate.thresholds.reached_watch import ReachedWatch


@dataclass(frozen=True, slots=True)
class Service:
    """Everything of one running service, not yet opened."""

    settings: Settings
    store: Store
    engine: Engine
    receiver: Receiver
    notice_receiver: NoticeReceiver
    operations: Operations
    courier: Courier
    watch: ReachedWatch
    retention: Retention
    rounds_observer: LoggingRoundsObserver
    aftercare: Aftercare
    metrics: Metrics
    observer: LoggingObserver
    callers: tuple[OwnCaller, ...]
    clock: Clock

    def worker(self) -> Worker:
        """Give a worker over the engine; as many as wanted may run."""
        knobs = self.settings.worker
        return Worker(
            self.engine,
            owner=owner_name(),
            concurrency=knobs.concurrency,
            lease=timedelta(seconds=knobs.lease_seconds),
            poll=timedelta(seconds=knobs.poll_seconds),
        )

    def inbox_recorder(self, wake: Callable[[], None]) -> InboxRecorder:
        """Give what records the inbox; `wake` is called when something may be due."""
        poll = timedelta(seconds=self.settings.worker.poll_seconds)
        observer = LoggingInboxObserver()
        return InboxRecorder(self.store, self.receiver, self.clock, poll, observer, wake)

    async def aclose(self) -> None:
        """Close what was opened, the store last."""
        for caller in self.callers:
            await caller.aclose()
        await self.store.close()


def owner_name() -> str:
    """Name this process for the leases: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def make_metrics() -> Metrics:
    """Make the metrics of one process."""
    return Metrics(CollectorRegistry())


def make_store(settings: Settings, *, exclusive: bool, metrics: Metrics | None = None) -> Store:
    """Make the store that `store.url` names; `exclusive` for a serving or working process.

    Any number of processes may share a PostgreSQL database. Raises `Broken` for a database that
    this version cannot use.
    """
    on_commit = metrics.observe_commit if metrics else None
    return choosing.make(settings.store, exclusive=exclusive, on_commit=on_commit)


def make_service(
    settings: Settings,
    store: Store,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
    metrics: Metrics | None = None,
) -> Service:
    """Put a service together from its settings. Opens nothing; raises `Broken` with the cure."""
    clock = clock or SystemClock()
    high_water = HighWater(elapsed=elapsed_seconds)
    metrics = metrics or make_metrics()
    observer = LoggingObserver(metrics)
    rounds_observer = LoggingRoundsObserver(metrics)
    random = random or SystemRandom()
    store.keep_notices(subscriptions_of(settings.notices))
    ways_out = make_ways_out(settings, clock, high_water)
    metronome = make_contracting(settings, ways_out.metronome)
    engine = Engine(
        store=store,
        billing=metronome,
        gateways=make_gateways(settings, ways_out.gateways, clock),
        payers=build_payer_source(
            settings.payers, PayerSurroundings(ways_out.gateways, clock, _PayerTable(store).find)
        ),
        rules=make_rules(settings),
        policy=make_policy(settings),
        clock=clock,
        random=random,
        observer=observer,
        high_water=high_water,
    )
    return Service(
        settings=settings,
        store=store,
        engine=engine,
        receiver=_make_receiver(settings, store, clock, observer),
        notice_receiver=NoticeReceiver(
            store, engine.gateways, clock, LoggingNoticeObserver(metrics)
        ),
        operations=Operations(engine),
        courier=_make_courier(settings, engine, ways_out.notices, metrics),
        watch=ReachedWatch(
            store,
            metronome,
            clock,
            timedelta(minutes=settings.metronome.initiate_wait_minutes),
            rounds_observer,
        ),
        retention=Retention(store, clock, keep_others(settings), rounds_observer),
        rounds_observer=rounds_observer,
        aftercare=_make_aftercare(settings, engine, metronome, metrics),
        metrics=metrics,
        observer=observer,
        callers=(ways_out.metronome, ways_out.gateways, ways_out.notices),
        clock=clock,
    )


@dataclass(frozen=True, slots=True)
class _PayerTable:
    """Our own table of payers, for the source that reads it."""

    store: Store

    async def find(self, customer_id: CustomerId) -> Payer | None:
        return await self.store.payer(customer_id)


def _make_courier(settings: Settings, engine: Engine, caller: Caller, metrics: Metrics) -> Courier:
    routes = {
        **notice_routes(settings.notices, caller, engine.clock, resolve),
        **forward_routes(settings.forward, caller, resolve),
    }
    return Courier(
        engine.store,
        routes,
        clock=engine.clock,
        random=engine.random,
        observer=LoggingCourierObserver(metrics),
        poll=timedelta(seconds=settings.worker.poll_seconds),
    )


def _make_aftercare(
    settings: Settings, engine: Engine, metronome: ContractingClient, metrics: Metrics
) -> Aftercare:
    store, clock = engine.store, engine.clock
    observer = LoggingAftercareObserver(metrics)
    steps = AfterFailed(
        store=store,
        billing=metronome,
        thresholds=Thresholds(metronome, clock, settings.metronome.units),
        watch=PayerWatch(metronome, engine.payers, store),
        policy=make_aftercare_policy(settings),
        clock=clock,
        observer=observer,
        reads_invoices=settings.metronome.verify_invoice,
    )
    poll = timedelta(seconds=settings.worker.poll_seconds)
    return Aftercare(steps, store, clock=clock, observer=observer, poll=poll)


def _make_receiver(
    settings: Settings, store: Store, clock: Clock, observer: LoggingObserver
) -> Receiver:
    secrets = settings.metronome.webhook_secrets
    return Receiver(
        store=store,
        secrets=[secret.get_secret_value() for secret in secrets],
        limits=make_age_limits(settings),
        clock=clock,
        observer=observer,
        forwarding=forwarding_of(settings.forward),
    )
