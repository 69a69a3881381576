"""Rounds go on whatever happens in them, and end with the drain."""

import asyncio
from datetime import UTC, datetime, timedelta

from external_gate.cli.rounds import Round, Rounds
from external_gate.domain.errors import Unavailable
from external_gate.intake.retention import Retention
from external_gate.testkit.store_checks.forward_checks import other
from external_gate.testkit.store_checks.store_samples import NOW
from tests.databases import Database


class Clock:
    """A clock that wakes whoever sleeps when the test says so."""

    def __init__(self) -> None:
        self.instant = datetime(2027, 1, 1, tzinfo=UTC)
        self.slept: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    def now(self) -> datetime:
        return self.instant

    async def sleep(self, duration: timedelta) -> None:
        woken = asyncio.Event()
        await self.slept.put(woken)
        await woken.wait()


class Heard:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, Exception]] = []
        self.removed: list[int] = []

    def round_failed(self, name: str, error: Exception) -> None:
        self.failed.append((name, error))

    def pruned(self, count: int) -> None:
        self.removed.append(count)


async def test_round_that_fails_is_made_again_and_the_drain_ends_it() -> None:
    clock, heard, made = Clock(), Heard(), 0

    async def run_once() -> int:
        nonlocal made
        made += 1
        if made == 1:
            raise Unavailable("away")
        return made

    rounds = Rounds(Round("watch", run_once, timedelta(minutes=1)), clock=clock, observer=heard)
    running = asyncio.create_task(rounds.run())
    (await clock.slept.get()).set()
    await clock.slept.get()
    rounds.drain()
    await asyncio.wait_for(running, timeout=10)

    assert made == 2
    assert [name for name, _ in heard.failed] == ["watch"]


async def test_everything_old_is_removed_however_much_it_is(database: Database) -> None:
    store, clock, heard = database.store(), Clock(), Heard()
    await store.open()
    for number in range(450):
        await other(store, f"n-{number}", forward_to=())
    await other(store, "young", received_at=clock.now(), forward_to=())

    retention = Retention(store, clock, clock.now() - NOW - timedelta(seconds=1), heard)
    assert await retention.run_once() == 450
    assert await retention.run_once() == 0

    assert [each.notification_id for each in await store.notifications(limit=9)] == ["young"]
    assert heard.removed == [450]
    await store.close()
