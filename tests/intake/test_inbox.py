"""What a rush has left is recorded: in its order, gently while deliveries come, and all of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from external_gate.domain.errors import Unavailable
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import HeldReason, State
from external_gate.intake.inbox import PAGE, PAGES, REST, SMALL_PAGE, InboxRecorder
from external_gate.intake.pressure import MOST_UNDER_WAY
from external_gate.intake.receive import Receiver
from external_gate.intake.signature import AgeLimits, http_date, sign
from external_gate.stores.sql_store import SqlStore
from external_gate.stores.store_inbox import MOST_WAITING
from external_gate.stores.store_records import NewNotification, Recorded
from tests.databases import Database

SECRET = "of-the-inbox"
NOW = datetime.fromisoformat("2026-11-22T12:00:00+00:00")
POLL = timedelta(seconds=1)


@dataclass
class Heard:
    """Hears everything that intake and inbox have to say."""

    acknowledgements: list[str] = field(default_factory=list)
    recordings: list[tuple[Recorded, timedelta, str | None, HeldReason | None]] = field(
        default_factory=list
    )
    failures: list[Exception] = field(default_factory=list)
    stuck: list[int] = field(default_factory=list)

    def acknowledged(self, receipt: str, age: timedelta) -> None:
        self.acknowledgements.append(receipt)

    def recorded(
        self,
        recorded: Recorded,
        kind: str,
        age: timedelta,
        flaw: str | None,
        *,
        held: HeldReason | None = None,
    ) -> None:
        self.recordings.append((recorded, age, flaw, held))

    def refused(self, reason: str, age: timedelta | None, *, only_the_date: bool) -> None:
        raise AssertionError(reason)

    def shed(self, reason: str, untold: int) -> None:
        raise AssertionError(untold)

    def inbox_failed(self, error: Exception) -> None:
        self.failures.append(error)

    def entry_failed(self, number: int, error: Exception) -> None:
        self.stuck.append(number)


class Napping:
    """A clock that stands still and notes who sleeps; a poll never ends by itself."""

    def __init__(self) -> None:
        self.naps: list[timedelta] = []
        self.polls = asyncio.Queue[None]()

    def now(self) -> datetime:
        return NOW

    async def sleep(self, duration: timedelta) -> None:
        if duration == POLL:
            await self.polls.get()
        else:
            self.naps.append(duration)
            await asyncio.sleep(0)


@dataclass
class Gate:
    """A receiver in a rush that never ends by itself, and the recorder beside it."""

    store: SqlStore
    heard: Heard = field(default_factory=Heard)
    clock: Napping = field(default_factory=Napping)
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.receiver = Receiver(self.store, [SECRET], AgeLimits(), self.clock, self.heard)
        self.recorder = self.new_recorder()

    def new_recorder(self) -> InboxRecorder:
        """Give one as the next life has it."""
        return InboxRecorder(
            self.store, self.receiver, self.clock, POLL, self.heard, lambda: self.woken.append("!")
        )

    async def deliver(
        self, name: str = "1", *, age: timedelta = timedelta(0), **more: object
    ) -> Recorded:
        """Take a delivery in, as it came over the wire."""
        properties: dict[str, object] = {
            "workflow_id": f"w-{name}",
            "customer_id": "customer",
            "contract_id": "contract",
            "invoice_id": f"invoice-{name}",
            "invoice_total": 1500,
            "invoice_currency": "USD",
        }
        kind = "payment_gate.external_initiate"
        properties = {**properties, **more}
        told = {"id": f"n-{name}-{len(more)}", "type": kind, "properties": properties}
        body = json.dumps(told).encode()
        date = http_date(NOW - age)
        signature = sign(SECRET, date=date, body=body)
        headers = {"x-metronome-date": date, "metronome-webhook-signature": signature}
        return await self.receiver.receive(headers, body)

    async def deliver_many(self, count: int) -> None:
        """Take many in; each of them waits."""
        for first in range(0, count, MOST_UNDER_WAY):
            some = range(first, min(first + MOST_UNDER_WAY, count))
            answers = await asyncio.gather(*(self.deliver(str(number)) for number in some))
            assert all(answer.waits for answer in answers)

    async def in_order(self) -> list[str]:
        """Name the workflows by the order in which they were recorded."""
        kept = await self.store.notifications(limit=10_000)
        return [each.workflow_id or "" for each in reversed(kept)]


@pytest.fixture
async def gate(database: Database) -> AsyncIterator[Gate]:
    """Give an open store for which one delivery is a rush."""
    store = database.store()
    store.rush_at = 1
    await store.open()
    yield Gate(store)
    await store.close()


async def test_what_waits_begins_its_workflow_as_if_it_had_not(gate: Gate) -> None:
    answer = await gate.deliver(age=timedelta(hours=2))
    assert (answer.waits, gate.heard.recordings) == (True, [])
    assert gate.heard.acknowledgements == ["recorded"]

    assert await gate.recorder.run_once() == 1

    dossier = await gate.store.dossier(WorkflowId("w-1"))
    assert dossier is not None
    assert (dossier.workflow.state, dossier.workflow.due_at) == (State.RECEIVED, NOW)
    assert dossier.workflow.received_at == NOW
    ((recorded, age, flaw, held),) = gate.heard.recordings
    assert (recorded.number, recorded.workflow_id) == (1, "w-1")
    assert (age, flaw, held) == (timedelta(hours=2), None, None)
    assert gate.heard.acknowledgements == ["recorded"]  # once
    assert gate.woken == ["!"]


async def test_a_late_one_is_held_by_the_age_that_it_came_with(gate: Gate) -> None:
    await gate.deliver(age=timedelta(hours=77))
    await gate.recorder.run_once()

    dossier = await gate.store.dossier(WorkflowId("w-1"))
    assert dossier is not None
    assert dossier.workflow.held_reason is HeldReason.STALE
    assert gate.heard.recordings[0][3] is HeldReason.STALE


async def test_a_flaw_is_told_when_it_has_a_number(gate: Gate) -> None:
    await gate.deliver(invoice_total="much")
    await gate.recorder.run_once()

    ((recorded, _, flaw, held),) = gate.heard.recordings
    assert recorded.number == 1
    assert flaw is not None
    assert held is HeldReason.MISSHAPEN


async def test_a_conflict_is_told_when_it_is_found(gate: Gate) -> None:
    await gate.deliver()
    answer = await gate.deliver(invoice_total=9)
    assert (answer.receipt, answer.conflict) == ("recorded", False)

    await gate.recorder.run_once()

    assert [recorded.conflict for recorded, *_ in gate.heard.recordings] == [False, True]


async def test_everything_is_recorded_in_its_order(gate: Gate) -> None:
    await gate.deliver_many(2 * PAGE + 5)

    assert await gate.recorder.run_once() == 2 * PAGE + 5

    assert await gate.in_order() == [f"w-{number}" for number in range(2 * PAGE + 5)]
    assert gate.clock.naps == []  # nobody waits for an answer
    assert (await gate.deliver("later")).waits  # one is a rush here: the next one begins
    assert gate.receiver.pressure.waiting == 1


async def test_while_deliveries_come_it_records_a_little_and_rests(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gate.deliver_many(3 * SMALL_PAGE)
    gate.receiver.pressure.under_way = 1  # somebody waits for an answer, all the time
    pages: list[int] = []
    inbox = gate.store.inbox

    async def noted(*, after: int, limit: int) -> Any:
        pages.append(limit)
        return await inbox(after=after, limit=limit)

    monkeypatch.setattr(gate.store, "inbox", noted)

    assert await gate.recorder.run_once() == 3 * SMALL_PAGE

    # Once more from the beginning at the end: nothing lower has appeared meanwhile.
    assert pages == [SMALL_PAGE] * 5
    assert gate.clock.naps == [REST] * 3


async def test_an_older_entry_that_appears_late_waits_for_no_end_of_the_rush(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL a replica may commit lower numbers after another has committed higher ones."""
    await gate.deliver_many(PAGE * (PAGES + 2))
    inbox, hidden, asked = gate.store.inbox, 3, 0

    async def late(*, after: int, limit: int) -> Any:
        nonlocal asked
        asked += 1
        found = await inbox(after=after, limit=limit)
        return [each for each in found if asked > 2 or each.number > hidden]

    monkeypatch.setattr(gate.store, "inbox", late)

    await gate.recorder.run_once()

    recorded_at = [w for w in await gate.in_order() if w in {"w-0", "w-1", "w-2"}]
    order = await gate.in_order()
    assert recorded_at == ["w-0", "w-1", "w-2"]
    assert order.index("w-0") <= PAGE * PAGES  # and not behind everything else
    assert len(order) == PAGE * (PAGES + 2)


async def test_a_drain_does_not_wait_for_the_rush_of_another_process(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gate.deliver_many(3)
    gate.recorder.drain()
    record = gate.recorder.receiver.store.record_from_inbox

    async def and_one_more(number: int, notification: NewNotification) -> Recorded | None:
        recorded = await record(number, notification)
        await gate.deliver(f"of-another-{number}")
        gate.receiver.pressure.waiting -= 1  # this process knows nothing of it
        return recorded

    monkeypatch.setattr(gate.store, "record_from_inbox", and_one_more)
    async with asyncio.timeout(20):
        await gate.recorder.run_once()

    assert len(gate.heard.recordings) >= 3
    assert await gate.store.inbox(after=0, limit=9)


async def test_when_it_has_become_too_many_it_rests_no_more(gate: Gate) -> None:
    await gate.deliver_many(2 * SMALL_PAGE)
    gate.receiver.pressure.under_way = 1
    gate.receiver.pressure.waiting = MOST_WAITING + 2 * SMALL_PAGE

    await gate.recorder.run_once()

    assert gate.clock.naps == []


async def test_a_database_that_is_away_is_told_and_tried_again(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gate.deliver_many(3)
    record = gate.store.record_from_inbox

    async def away(number: int, notification: NewNotification) -> Recorded | None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(gate.store, "record_from_inbox", away)
    running = asyncio.create_task(gate.recorder.run())
    async with asyncio.timeout(5):
        while not gate.heard.failures:  # noqa: ASYNC110 - the recorder's task fills it
            await asyncio.sleep(0)
        monkeypatch.setattr(gate.store, "record_from_inbox", record)
        gate.clock.polls.put_nowait(None)
        while len(gate.heard.recordings) < 3:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
    gate.recorder.drain()
    await running

    assert {type(error) for error in gate.heard.failures} == {Unavailable}
    assert len(await gate.in_order()) == 3


async def test_one_that_cannot_be_recorded_is_told_once_and_the_others_go_on(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gate.deliver_many(3)
    record = gate.store.record_from_inbox

    async def choosy(number: int, notification: NewNotification) -> Recorded | None:
        if notification.notification_id == "n-1-0":
            raise ValueError("a trigger says no")
        return await record(number, notification)

    monkeypatch.setattr(gate.store, "record_from_inbox", choosy)

    assert await gate.recorder.run_once() == 2
    assert await gate.recorder.run_once() == 0

    (left,) = await gate.store.inbox(after=0, limit=9)
    assert gate.heard.stuck == [left.number]
    assert sorted(await gate.in_order()) == ["w-0", "w-2"]
    monkeypatch.setattr(gate.store, "record_from_inbox", record)
    assert await gate.recorder.run_once() == 1


async def test_it_begins_with_what_an_earlier_life_has_left(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gate.deliver_many(3)
    gate.receiver.pressure.waiting = 0  # as the next life begins
    next_life = gate.new_recorder()
    counted: list[int] = []
    inbox = gate.store.inbox

    async def noted(*, after: int, limit: int) -> Any:
        counted.append(gate.receiver.pressure.waiting)
        return await inbox(after=after, limit=limit)

    monkeypatch.setattr(gate.store, "inbox", noted)
    running = asyncio.create_task(next_life.run())
    async with asyncio.timeout(5):
        while len(gate.heard.recordings) < 3:  # noqa: ASYNC110 - the recorder's task fills it
            await asyncio.sleep(0)
    next_life.drain()
    await running

    assert counted[:2] == [3, 0]  # it counts as waiting, as if this life had put it there


async def test_a_rush_wakes_it_and_a_drain_leaves_nothing(gate: Gate) -> None:
    running = asyncio.create_task(gate.recorder.run())
    async with asyncio.timeout(5):
        await gate.deliver("1")
        while not gate.heard.recordings:  # noqa: ASYNC110 - the recorder's task fills it
            await asyncio.sleep(0)
        gate.receiver.pressure.under_way = 1
        await gate.deliver_many(2 * SMALL_PAGE)
        gate.recorder.drain()
        await running

    assert await gate.store.inbox(after=0, limit=9) == []
    assert len(gate.heard.recordings) == 1 + 2 * SMALL_PAGE
