"""The only place that knows every concrete class: from settings to parts that fit together."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom

from prometheus_client import CollectorRegistry

from external_gate.domain.aftermath import FailureKind
from external_gate.domain.charge import Payer
from external_gate.domain.clock import Clock, HighWater
from external_gate.domain.errors import Broken
from external_gate.domain.identifiers import CustomerId
from external_gate.engine.context import Engine, Policy
from external_gate.engine.operations import Operations
from external_gate.engine.worker import Worker
from external_gate.gateways import registry
from external_gate.gateways.gateway import Gateway, Surroundings
from external_gate.guards.rules import GuardRules
from external_gate.intake.gateway_notices import NoticeReceiver
from external_gate.intake.receive import Receiver
from external_gate.intake.retention import Retention
from external_gate.intake.signature import AgeLimits
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
from external_gate.observe.metrics import Metrics
from external_gate.observe.notice_observer import LoggingNoticeObserver
from external_gate.observe.observer import LoggingObserver
from external_gate.observe.rounds_observer import LoggingRoundsObserver
from external_gate.outbound.calls import Caller, Timeouts
from external_gate.outbound.transport import CallerMaker, OwnCaller, WayOut
from external_gate.payers.payer_source import PayerSurroundings
from external_gate.payers.source_registry import build_payer_source
from external_gate.settings import Settings
from external_gate.stores import choosing
from external_gate.stores.store import Store
from external_gate.thresholds.after_failed import AfterFailed
from external_gate.thresholds.aftercare import Aftercare
from external_gate.thresholds.aftercare_policy import AftercarePolicy
from external_gate.thresholds.applying import PATIENCE, Thresholds
from external_gate.thresholds.payer_watch import PayerWatch
from external_gate.thresholds.reached_watch import ReachedWatch
from external_gate.thresholds.survey import CUSTOMERS_AT_ONCE

check_gateway = registry.check
"""Checks a gateway's own keys while the configuration is loaded."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Give the present instant in UTC."""
        return datetime.now(UTC)

    async def sleep(self, duration: timedelta) -> None:
        """Wait for `duration`."""
        await asyncio.sleep(max(0.0, duration.total_seconds()))


def elapsed_seconds() -> float:
    """Give seconds that no setting of the clock changes, a suspended machine's sleep included."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere sleep is not counted
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


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
    callers = make_callers(settings)
    metronome_caller = callers.make(
        clock,
        high_water=high_water,
        believes_dates=False,  # Metronome's clock says nothing about gateways' windows
        timeouts=_metronome_timeouts(settings),
        max_connections=settings.worker.concurrency,
    )
    gateway_caller = callers.make(
        clock,
        high_water=high_water,
        timeouts=Timeouts.within(timedelta(seconds=20)),
        max_connections=settings.worker.concurrency,
    )
    notice_caller = callers.make(
        clock,
        high_water=None,  # nothing of theirs has a send deadline
        believes_dates=False,
        timeouts=Timeouts.within(timedelta(seconds=15)),
        max_connections=settings.worker.concurrency,
    )
    metronome = _make_contracting(settings, metronome_caller)
    engine = Engine(
        store=store,
        billing=metronome,
        gateways=make_gateways(settings, gateway_caller, clock),
        payers=build_payer_source(
            settings.payers, PayerSurroundings(gateway_caller, clock, _PayerTable(store).find)
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
        courier=Courier(
            store,
            {
                **notice_routes(settings.notices, notice_caller, clock, resolve),
                **forward_routes(settings.forward, notice_caller, resolve),
            },
            clock=clock,
            random=random,
            observer=LoggingCourierObserver(metrics),
            poll=timedelta(seconds=settings.worker.poll_seconds),
        ),
        watch=ReachedWatch(
            store,
            metronome,
            clock,
            timedelta(minutes=settings.metronome.initiate_wait_minutes),
            rounds_observer,
        ),
        retention=Retention(store, clock, _keep_others(settings), rounds_observer),
        rounds_observer=rounds_observer,
        aftercare=_make_aftercare(settings, engine, metronome, metrics),
        metrics=metrics,
        observer=observer,
        callers=(metronome_caller, gateway_caller, notice_caller),
        clock=clock,
    )


@dataclass(frozen=True, slots=True)
class _PayerTable:
    """Our own table of payers, for the source that reads it."""

    store: Store

    async def find(self, customer_id: CustomerId) -> Payer | None:
        return await self.store.payer(customer_id)


@asynccontextmanager
async def open_thresholds(
    settings: Settings, *, clock: Clock | None = None, patience: timedelta = PATIENCE
) -> AsyncIterator[Thresholds]:
    """Give what shows and changes thresholds; `patience` is how long a change may take to be seen.

    Opens no connection before it is asked something.
    """
    clock = clock or SystemClock()
    async with make_callers(settings).make(
        clock,
        high_water=HighWater(elapsed=elapsed_seconds),
        believes_dates=False,
        timeouts=_metronome_timeouts(settings),
        max_connections=CUSTOMERS_AT_ONCE,
    ) as caller:
        contracting = _make_contracting(settings, caller)
        yield Thresholds(contracting, clock, settings.metronome.units, patience)


def make_callers(settings: Settings) -> CallerMaker:
    """Give what makes callers. Raises `Broken` for a file that cannot be used."""
    knobs = settings.outbound
    return CallerMaker(
        WayOut(
            transport=knobs.transport,
            trust_env=knobs.trust_env,
            authorities=knobs.authorities,
            certificate=knobs.certificate,
        )
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


def make_aftercare_policy(settings: Settings) -> AftercarePolicy:
    """Give what is done after failed payments."""
    knobs = settings.after_failed
    return AftercarePolicy(
        ways={
            FailureKind.SOFT: knobs.soft,
            FailureKind.HARD: knobs.hard,
            FailureKind.CUSTOMER_ACTION: knobs.customer_action,
            FailureKind.NO_DECLINE: knobs.no_decline,
        },
        schedule=knobs.schedule,
        limit=knobs.limit,
        payer_poll=timedelta(seconds=knobs.payer_poll_seconds),
    )


def make_gateways(settings: Settings, caller: Caller, clock: Clock) -> Mapping[str, Gateway]:
    """Make every configured gateway, by its name in the configuration.

    Raises `Broken` for one whose calls may outlast the lease or the drain: whoever takes over must
    find them over.
    """
    gateways = {
        name: registry.make(gateway.adapter, gateway.settings, Surroundings(name, caller, clock))
        for name, gateway in settings.gateways.items()
    }
    longest = timedelta(seconds=min(settings.worker.lease_seconds, settings.worker.drain_seconds))
    for name, made in gateways.items():
        if made.capabilities.request_timeout >= longest:
            raise Broken(
                f"gateways.{name}: a call may take {made.capabilities.request_timeout}, not less "
                f"than {longest}: raise worker.lease_seconds and worker.drain_seconds"
            )
    return gateways


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for every address of a host."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # no name at all, such as one with an endless label
        raise OSError("the host is no name that can be looked up") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def make_rules(settings: Settings) -> GuardRules:
    """Give the guards' rules."""
    guards = settings.guards
    return GuardRules(
        currencies=frozenset(guards.currencies),
        largest=guards.largest,
        approval_above=guards.approval_above,
        caps=guards.caps,
        velocity=guards.velocity,
        breaker_declines=guards.breaker_declines,
        paused=guards.paused,
        paused_gateways=frozenset(guards.paused_gateways),
        shadow=guards.shadow,
    )


def make_policy(settings: Settings) -> Policy:
    """Give the engine's policy."""
    return Policy(
        default_gateway=settings.routing.default,
        verify_invoice=settings.metronome.verify_invoice,
        unverified_unit=settings.metronome.unverified_unit,
        unit_overrides=settings.metronome.units,
        soft_decline_schedule=settings.retry.soft_decline_schedule,
        pending_deadline=timedelta(hours=settings.retry.pending_deadline_hours),
        refund_when_unreleasable=settings.retry.refund_when_unreleasable,
        second_person=settings.operators.second_person,
    )


def secrets_of(settings: Settings) -> list[str]:
    """Give every configured secret, so that logs can mask them wherever they appear."""
    found = [settings.metronome.api_token, *settings.metronome.webhook_secrets]
    found += [settings.payers.secret, settings.notices.secret]
    for endpoint in settings.notices.endpoints.values():
        found += endpoint.secrets
    plain = [secret.get_secret_value() for secret in found]
    for gateway in settings.gateways.values():
        for key, value in gateway.settings.items():
            # One, or a list of them, such as those that are being rotated out.
            texts = value if isinstance(value, list | tuple) else [value]
            if any(word in key for word in _SECRET_WORDS):
                plain += [text for text in texts if isinstance(text, str)]
    return [secret for secret in plain if secret]


_SECRET_WORDS = ("secret", "token", "key", "password")


def _make_contracting(settings: Settings, caller: Caller) -> ContractingClient:
    return ContractingClient(
        caller,
        base_url=settings.metronome.base_url,
        token=settings.metronome.api_token.get_secret_value(),
    )


def _keep_others(settings: Settings) -> timedelta:
    """Give how long other notifications are kept: a late repetition must be known as one."""
    knobs = settings.metronome
    return timedelta(hours=max(knobs.keep_others_hours, knobs.keep_limit_hours))


def _metronome_timeouts(settings: Settings) -> Timeouts:
    knobs = settings.metronome
    return Timeouts(
        connect=timedelta(seconds=knobs.connect_timeout_seconds),
        read=timedelta(seconds=knobs.read_timeout_seconds),
        write=timedelta(seconds=knobs.read_timeout_seconds),
        pool=timedelta(seconds=knobs.connect_timeout_seconds),
        total=timedelta(seconds=knobs.total_timeout_seconds),
    )


def _make_receiver(
    settings: Settings, store: Store, clock: Clock, observer: LoggingObserver
) -> Receiver:
    knobs = settings.metronome
    return Receiver(
        store=store,
        secrets=[secret.get_secret_value() for secret in knobs.webhook_secrets],
        limits=AgeLimits(
            future=timedelta(minutes=knobs.future_limit_minutes),
            act=timedelta(hours=knobs.act_limit_hours),
            keep=timedelta(hours=knobs.keep_limit_hours),
        ),
        clock=clock,
        observer=observer,
        forwarding=forwarding_of(settings.forward),
    )
