"""Clocks that are set back and put right, and workers that sleep: they fool no window, no wait."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from external_gate.domain.clock import HighWater
from external_gate.domain.identifiers import CustomerId, InvoiceId
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.outcome import NotFound
from external_gate.domain.workflow import HeldReason, State, Workflow
from external_gate.metronome.billing import Invoice
from tests.engine.conftest import MakeWorld
from tests.engine.world import EVERY_ANSWER, REPLAY, BookkeepingBilling, HandClock, Heard, World


@dataclass
class SleepyBilling(BookkeepingBilling):
    """Metronome as a worker sees it that is stopped once, while it reads an invoice."""

    clock: HandClock | None = None
    sleeps: timedelta = timedelta(0)

    async def invoice(self, customer_id: CustomerId, invoice_id: InvoiceId) -> Invoice | None:
        found = await super().invoice(customer_id, invoice_id)
        if self.clock is not None:
            self.clock.advance(seconds=self.sleeps.total_seconds())
            self.sleeps = timedelta(0)
        return found


@dataclass
class StopsAfterTheIntent(Heard):
    """Stops the process for five hours before it sends; meanwhile its clock is set back by 30."""

    clock: HandClock = field(default_factory=HandClock)
    elapsed: float = 0.0

    def saved(self, before: Workflow, after: Workflow, history: tuple[HistoryEntry, ...]) -> None:
        if after.state is State.CHARGING and not self.elapsed:
            self.elapsed = timedelta(hours=5).total_seconds()
            self.clock.advance(hours=-30)


async def test_a_charge_does_not_leave_hours_late_because_the_clock_was_set_back(
    world: World,
) -> None:
    await world.receive()
    stops = StopsAfterTheIntent(clock=world.clock)
    mark = HighWater(world.clock.now(), elapsed=lambda: stops.elapsed)
    engine = replace(world.engine, observer=stops, high_water=mark)

    await world.work(worker=world.worker(engine=engine))

    assert stops.elapsed
    assert world.gateway.charges_sent() == 0
    assert await world.state() is State.READY


def set_back(world: World, *, hours: int) -> None:
    """Let the clock run behind; what it said before was seen."""
    world.engine.high_water.observe(world.clock.now())
    world.clock.advance(hours=-hours)


async def test_worker_that_slept_past_the_window_while_preparing_does_not_charge_again(
    make_world: MakeWorld,
) -> None:
    world = await make_world(replace(REPLAY, window=timedelta(hours=2)))
    world.gateway.script.append("lost_after")
    await world.receive()
    await world.work()
    sleepy = SleepyBilling(
        invoices=world.billing.invoices, clock=world.clock, sleeps=timedelta(hours=3)
    )
    world.clock.advance(seconds=5)

    await world.work(worker=world.worker(engine=replace(world.engine, billing=sleepy)))

    assert sleepy.sleeps == timedelta(0)
    await world.work_through(hours=1)
    assert world.gateway.charges_sent() == 1
    assert (await world.dossier()).workflow.held_reason is HeldReason.UNKNOWN_CHARGE


async def test_worker_that_slept_while_preparing_prepares_again_before_it_charges(
    world: World,
) -> None:
    sleepy = SleepyBilling(clock=world.clock, sleeps=timedelta(minutes=20))
    await world.receive()
    sleepy.invoices = world.billing.invoices
    engine = replace(world.engine, billing=sleepy)

    await world.work(worker=world.worker(engine=engine))

    assert world.gateway.charges_sent() == 0
    history = await world.store.history((await world.dossier()).workflow.workflow_id)
    assert any("preparing took too long" in entry.reason for entry in history)


async def test_decline_that_may_turn_is_waited_for_although_the_clock_was_set_back(
    make_world: MakeWorld,
) -> None:
    world = await make_world(replace(EVERY_ANSWER, failed_is_final_after=timedelta(days=1)))
    set_back(world, hours=50)
    world.gateway.script.append("hard")
    await world.receive()
    await world.work()
    assert await world.state() is State.PENDING

    world.clock.advance(hours=50)
    await world.work_through(hours=20)

    assert await world.state() is State.PENDING
    assert world.billing.releases == []


async def test_absence_is_not_believed_early_because_the_clock_was_set_back(
    make_world: MakeWorld,
) -> None:
    world = await make_world(replace(EVERY_ANSWER, visibility_lag=timedelta(hours=2)))
    set_back(world, hours=20)
    world.gateway.script.append("lost_before")
    world.gateway.lookups.extend([NotFound(conclusive=True)] * 500)
    await world.receive()
    await world.work()

    world.clock.advance(hours=20)
    await world.work_through(hours=1.5)

    assert world.gateway.charges_sent() == 1
