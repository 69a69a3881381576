"""One seed from its beginning to its end: troubles, then peace, then the last judgement."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from external_gate.domain.charge import Payer
from external_gate.domain.money import Money
from external_gate.domain.outcome import Answer
from external_gate.engine.context import Policy
from tests.simulation.chances import Chances
from tests.simulation.courier import Courier
from tests.simulation.customer_limits import judge_cap, with_limits
from tests.simulation.database import Database, MemoryDatabase
from tests.simulation.fortunes import Fortunes
from tests.simulation.gateway_books import GatewayBooks
from tests.simulation.gateway_kinds import GatewayKind, kind_for
from tests.simulation.judgement import judge_the_end, settled_down
from tests.simulation.metronome_books import Course, GateWorkflow, MetronomeBooks
from tests.simulation.people import People
from tests.simulation.process import RESTARTS_WITHIN_SECONDS
from tests.simulation.refusing_guard import draw_rules
from tests.simulation.service import Service, Setting
from tests.simulation.status_news import StatusNews
from tests.simulation.troubles import Troubles
from tests.simulation.truth import Fate, PromiseBroken, Try
from tests.simulation.virtual_loop import RunsHot, VirtualLoop
from tests.simulation.world import World

TROUBLES_LAST_SECONDS = (60.0, 3 * 86400.0)
PEACE_LASTS = timedelta(days=10)
LOOK_EVERY = timedelta(hours=3)
MOST_PROCESSES = 3

RUSHED = 0.2
"""Of the worlds: there every delivery goes to the inbox first, and is recorded later."""


@dataclass(frozen=True)
class Outcome:
    """What one seed came to."""

    seed: int
    gateway_class: str
    struck: Counter[str]
    checks: Counter[str]
    """Comparisons with the truth, by promise."""
    harm_checks: Counter[str]
    harms: Counter[str]
    """By what must never happen: how often it was looked for, and how often it was found."""
    ends: Counter[str]
    broken: tuple[PromiseBroken, ...]
    timeline: str
    """Written out only when a promise was broken, or when it was asked for."""


def run_seed(
    seed: int,
    gateway_class: str,
    *,
    database: Callable[[], Database] = MemoryDatabase,
    tell: bool = False,
    limited: bool = False,
) -> Outcome:
    """Live through one seed with a gateway of one class, always alike.

    `limited` gives a world of few customers with caps; what it leaves to chance is drawn anew.
    """
    loop = VirtualLoop()
    asyncio.set_event_loop(None)
    world = World.begin(seed, loop, database)
    try:
        universe = Universe(world, gateway_class, limited=limited)
        try:
            loop.run_until_complete(universe.live())
        except RunsHot as error:
            asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True).cancel()
            world.truth.breaks("hot", str(error))
        return Outcome(
            seed,
            gateway_class,
            world.chances.struck,
            world.truth.checks,
            world.truth.harm_checks,
            world.truth.harms,
            universe.ends,
            tuple(world.truth.broken),
            world.timeline.text() if tell or world.truth.broken else "",
        )
    finally:
        world.database.close()
        loop.close()


class Universe:
    """Everybody in one world."""

    def __init__(self, world: World, gateway_class: str, *, limited: bool = False) -> None:
        self.world = world
        self._limited = limited
        self._customers: dict[str, str] = {}
        self.ends: Counter[str] = Counter()
        chances = world.chances
        # With chances of its own, so that all other worlds stay as they are.
        self._rushed = Random(f"{chances.seed} throng").random() < RUSHED  # noqa: S311 - a world's
        if self._rushed:
            chances.struck["rushed_world"] += 1
        self.gateways = {
            "main": self._gateway("main", kind_for(gateway_class, chances)),
            "second": self._gateway("second", kind_for("drawn", chances)),
        }
        self.metronome = MetronomeBooks(world.timeline, world.loop.time)
        self.metronome.ended = StatusNews(world, Random(chances.seed)).tell  # noqa: S311 - a world's
        rules = draw_rules(world)
        self.setting = Setting(
            policy=_draw_policy(chances),
            rules=with_limits(world, rules) if limited else rules,
            gateways=self.gateways,
            metronome=self.metronome,
        )
        self.services: list[Service] = []
        self.courier = Courier(world, self.somebody)
        self.people = People(world, self.gateways, self.somebody)
        self._lives = 0
        self._tasks: list[asyncio.Task[Any]] = []
        world.committed = self._wake_workers
        world.fell_asleep = self._replace_one_that_sleeps

    async def live(self) -> None:
        """Live through troubles and peace, then judge; ends early when a promise is broken."""
        chances = self.world.chances
        for _ in range(chances.random.choice((1, 1, 2))):
            self.start_service()
        span = chances.spread(*TROUBLES_LAST_SECONDS)
        self._arrive(span)
        troubles = Troubles(self, span)
        troubles.plan()
        self.world.on_the_wire = troubles.strike_at_the_wire
        await self._let_pass(span)
        self._make_peace()
        await self._let_peace_work()
        if not self.world.truth.broken:
            judge_the_end(self)
        await self._end()

    def start_service(self) -> None:
        """Start a process, which is started again whenever it dies."""
        if self.world.over or self.world.restoring:
            return
        self._lives += 1
        chances = self.world.chances
        off = chances.between(-2, 2) if chances.random.random() < 0.5 else 0.0
        service = Service(
            self.world,
            self.setting,
            name=f"p{self._lives}",
            clock_is_off=timedelta(seconds=off),
            rush=Random(f"{chances.seed} {self._lives}") if self._rushed else None,  # noqa: S311 - a world's
        )
        self.services.append(service)

        def died() -> None:
            self.services.remove(service)
            self.world.loop.later(chances.spread(*RESTARTS_WITHIN_SECONDS), self.start_service)

        service.process.died = died
        self._tasks.append(service.start())

    def _replace_one_that_sleeps(self) -> None:
        """Start another process, as whoever watches over machines does; both may be up later."""
        if len(self.services) < MOST_PROCESSES:
            self.start_service()

    def somebody(self) -> Service | None:
        """Give a process that is up; None while all are down."""
        return self.world.chances.random.choice(self.services) if self.services else None

    def begin(self, doing: Coroutine[Any, Any, None]) -> None:
        """Let somebody do something beside everything else."""
        self._tasks.append(self.world.loop.create_task(doing))

    def at(self, seconds: float, doing: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let somebody do something later."""

        async def wait_and_do() -> None:
            await asyncio.sleep(seconds)
            await doing()

        self.begin(wait_and_do())

    def _gateway(self, name: str, kind: GatewayKind) -> GatewayBooks:
        world = self.world
        fortunes = Fortunes(
            name,
            kind,
            loop=world.loop,
            chances=world.chances,
            truth=world.truth,
            timeline=world.timeline,
        )
        if kind.capabilities.notifies:
            fortunes.notify = self._notify
        fortunes.taken = self._taken
        world.timeline.tell(name, "is {}", kind)
        return GatewayBooks(
            fortunes,
            loop=world.loop,
            chances=world.chances,
            truth=world.truth,
            timeline=world.timeline,
        )

    def _taken(self, one: Try) -> None:
        self._compare_with_cap(one)
        self._perhaps_void(one)

    def _perhaps_void(self, one: Try) -> None:
        """Let Metronome give up at the very moment at which the money was taken."""
        chances, loop = self.world.chances, self.world.loop
        if chances.strikes("void_after_charge"):
            end = partial(self.metronome.end, one.workflow_id, Course.EXPIRED)
            loop.later(chances.spread(0.01, 100), end)

    def _compare_with_cap(self, one: Try) -> None:
        cap = self.setting.rules.caps.get(one.amount.currency)
        if cap is None:
            return
        customer_id = self._customers[one.workflow_id]
        fates = self.world.truth.fates.values()
        same = [f for f in fates if self._customers[f.workflow_id] == customer_id]
        judge_cap(self.world, cap, same)

    def _notify(self, key: str, answer: Answer) -> None:
        self.begin(self.courier.notice(key, answer))

    def _arrive(self, span: float) -> None:
        """Let Metronome begin its workflows, some of them for one invoice."""
        chances = self.world.chances
        count = chances.random.choice((1, 1, 2, 3, 4) if not self._limited else (3, 4, 6))
        for number in range(1, count + 1):
            shared = number > 1 and chances.strikes("second_workflow")
            invoice_id = f"inv-{number - 1 if shared else number}"
            if shared:
                earlier = self.metronome.workflows[f"wf-{number - 1}"]
                invoice_id, cents = earlier.invoice_id, int(earlier.total)
            else:
                cents = chances.random.randint(500, 50_000)
            customer = number if not self._limited else chances.random.choice((1, 1, 2))
            self._begin_workflow(f"wf-{number}", f"cust-{customer}", invoice_id, cents, span)

    def _begin_workflow(
        self, workflow_id: str, customer_id: str, invoice_id: str, cents: int, span: float
    ) -> None:
        chances, world = self.world.chances, self.world
        if invoice_id in {w.invoice_id for w in self.metronome.workflows.values()}:
            customer_id = next(
                w.customer_id
                for w in self.metronome.workflows.values()
                if w.invoice_id == invoice_id
            )
        self._customers[workflow_id] = customer_id
        at = chances.between(0, min(span * 0.7, 4 * 3600))
        lag = chances.spread(1, 900) if chances.strikes("invoice_lags") else 0.0
        workflow = GateWorkflow(workflow_id, customer_id, invoice_id, Decimal(cents), at + lag)
        self.metronome.workflows[workflow_id] = workflow
        world.truth.fates[workflow_id] = Fate(workflow_id, invoice_id, Money(cents, "USD"))
        gateway = chances.random.choice((None, None, None, "second"))
        self.setting.payers[customer_id] = Payer(f"cus-{customer_id}", "pm", gateway)
        self.at(at, partial(self.courier.announce, workflow))

    async def _let_pass(self, seconds: float) -> None:
        """Let time pass; a broken promise ends the world at once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.world.truth.first_break.wait()

    def _make_peace(self) -> None:
        world = self.world
        world.timeline.tell("world", "no more faults from here on")
        world.chances.stop()
        world.database_down_until = 0.0
        if world.metronome_down_until != float("inf"):
            world.metronome_down_until = 0.0
        for service in list(self.services):
            service.process.wake()
            service.process.clock.off = timedelta(0)
            service.wake_when_due()

    async def _let_peace_work(self) -> None:
        """Wait until everything has settled down, and give up after weeks."""
        end = self.world.loop.time() + PEACE_LASTS.total_seconds()
        while not self.world.truth.broken and self.world.loop.time() < end:
            await self._let_pass(LOOK_EVERY.total_seconds())
            if settled_down(self):
                return

    def _wake_workers(self) -> None:
        for service in self.services:
            service.wake_when_due()

    async def _end(self) -> None:
        self.world.over = True
        for service in self.services:
            service.process.release()
        still = asyncio.all_tasks() - {asyncio.current_task()}
        everything = [*self._tasks, *(task for task in still if task not in self._tasks)]
        for task in everything:
            task.cancel()
        for result in await asyncio.gather(*everything, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


def _draw_policy(chances: Chances) -> Policy:
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    schedules: tuple[tuple[timedelta, ...], ...] = ((), (), (5 * minute,), (minute, 6 * hour))
    return Policy(
        default_gateway="main",
        soft_decline_schedule=chances.random.choice(schedules),
        pending_deadline=chances.random.choice((2 * hour, 8 * hour, 30 * hour)),
        refund_when_unreleasable=chances.random.random() < 0.4,
        second_person=chances.random.random() < 0.2,
    )
