"""In a rush deliveries go to the inbox: durable and answered as ever, and recorded afterwards."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores import sql_inbox
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.rush import RUSH_AT
from external_gate.stores.sql_store import SqlStore
from external_gate.stores.store_records import NewNotification, Receipt, Recorded
from external_gate.testkit.store_checks.store_samples import (
    NOW,
    W1,
    W2,
    caught_up,
    initiate,
    later,
    received,
    told,
)
from tests.databases import Database
from tests.stores.conftest import Tapped, by_hand, locked, opened, opened_postgres
from tests.throwaway_postgres import Cluster

OTHERS = [initiate(WorkflowId(f"w-{number}")) for number in range(RUSH_AT)]
"""So many that whatever comes with them or after them waits."""


@asynccontextmanager
async def on(database: Database) -> AsyncIterator[SqlStore]:
    """Give an open store."""
    store = database.store()
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def rushed(
    store: SqlStore, database: Database, *notifications: NewNotification
) -> list[Recorded]:
    """Have notifications recorded that come while nobody can write, many others before them."""
    with database.locked():
        tasks = [asyncio.create_task(store.record(each)) for each in (*OTHERS, *notifications)]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*tasks)
    return answers[len(OTHERS) :]


async def bodies_of(store: SqlStore) -> Sequence[bytes]:
    """Give what waits."""
    return [delivery.body for delivery in await store.inbox(after=0, limit=100)]


async def test_few_are_recorded_at_once(database: Database) -> None:
    async with on(database) as store:
        with database.locked():
            tasks = [asyncio.create_task(store.record(each)) for each in OTHERS[: RUSH_AT - 1]]
            await asyncio.sleep(0)
        answers = await asyncio.gather(*tasks)

        assert not any(answer.waits for answer in answers)
        assert await bodies_of(store) == []


async def test_many_wait_and_are_recorded_in_their_order(database: Database) -> None:
    async with on(database) as store:
        (answer,) = await rushed(store, database, initiate(W1))

        assert (answer.receipt, answer.waits, answer.workflow_id) == (Receipt.RECORDED, True, W1)
        assert await bodies_of(store) == [each.body for each in (*OTHERS, initiate(W1))]
        assert await store.dossier(W1) is None
        assert (await store.counts()).inbox == RUSH_AT + 1

        await caught_up(store, [*OTHERS, initiate(W1)])

        assert await bodies_of(store) == []
        kept = await store.notifications(limit=100)
        assert [each.workflow_id for each in reversed(kept)] == [
            *(each.workflow.workflow_id for each in OTHERS if each.workflow), W1,
        ]  # fmt: skip
        dossier = await store.dossier(W1)
        assert dossier is not None
        assert dossier.workflow.state is State.RECEIVED
        assert len(await store.history(W1)) == 1
        assert (await store.counts()).inbox == 0


async def test_what_comes_next_waits_its_turn_until_the_rush_is_over(database: Database) -> None:
    async with on(database) as store:
        await rushed(store, database)
        alone = await store.record(initiate(W1))
        await caught_up(store, [*OTHERS, initiate(W1)])
        afterwards = await store.record(initiate(W2))

        assert alone.waits
        assert not afterwards.waits
        assert await store.dossier(W2) is not None


async def test_the_oldest_is_counted(database: Database) -> None:
    async with on(database) as store:
        await rushed(store, database, initiate(W1, at=later(5)))

        counts = await store.counts()

    assert (counts.inbox, counts.inbox_since) == (RUSH_AT + 1, NOW)


@pytest.mark.parametrize("first_is", ["recorded", "waiting", "in the same commit"])
async def test_a_repetition_is_a_duplicate_and_counted(database: Database, first_is: str) -> None:
    one = initiate(W1)
    async with on(database) as store:
        if first_is == "recorded":
            await store.record(one)
            (again,) = await rushed(store, database, one)
        elif first_is == "waiting":
            await rushed(store, database, one)
            again = await store.record(one)
        else:
            _, again = await rushed(store, database, one, one)
        await caught_up(store, [*OTHERS, one])
        kept = [each for each in await store.notifications(limit=100) if each.workflow_id == W1]

    assert (again.receipt, again.waits) == (Receipt.DUPLICATE, True)
    assert [each.deliveries for each in kept] == [2]


@pytest.mark.parametrize("first_is", ["recorded", "waiting"])
@pytest.mark.parametrize(
    ("other", "receipt"),
    [
        ({"currency": "usd", "total": Decimal("1500.00")}, Receipt.DUPLICATE),
        ({"total": Decimal(9)}, Receipt.RECORDED),
    ],
    ids=["the same, spelled otherwise", "another total"],
)
async def test_another_notification_of_a_workflow_is_compared(
    database: Database, first_is: str, other: dict[str, Any], receipt: Receipt
) -> None:
    one = initiate(W1)
    another = told(received(W1, **other), notification_id="of-another")
    async with on(database) as store:
        if first_is == "recorded":
            await store.record(one)
            (answer,) = await rushed(store, database, another)
        else:
            _, answer = await rushed(store, database, one, another)
        await caught_up(store, [*OTHERS, one, another])
        dossier = await store.dossier(W1)

    assert dossier is not None
    assert answer.receipt is receipt
    # What contradicts a workflow on record may have to stop a charge: it does not wait.
    at_once = first_is == "recorded" and receipt is Receipt.RECORDED
    assert (answer.waits, answer.conflict) == (not at_once, at_once)
    wanted = HeldReason.CONFLICTING if receipt is Receipt.RECORDED else None
    assert dossier.workflow.hold_wanted is wanted
    assert dossier.workflow.facts.total == Decimal(1500)


async def test_a_contradiction_that_is_delivered_again_is_a_duplicate(database: Database) -> None:
    another = told(received(W1, total=Decimal(9)), notification_id="of-another")
    async with on(database) as store:
        await store.record(initiate(W1))
        first, second = await rushed(store, database, another, another)
        (third,) = await rushed(store, database, another)
        await caught_up(store, [*OTHERS, another])
        kept = [each for each in await store.notifications(limit=99) if each.body == another.body]

    assert (first.conflict, third.receipt) == (True, Receipt.DUPLICATE)
    assert second.receipt is Receipt.DUPLICATE
    assert [each.deliveries for each in kept] == [3]


async def test_when_the_inbox_is_full_deliveries_are_recorded_at_once(database: Database) -> None:
    async with on(database) as store:
        store.most_waiting = RUSH_AT
        await rushed(store, database)
        full = await store.record(initiate(W1))
        await store.record_from_inbox((await store.inbox(after=0, limit=1))[0].number, OTHERS[0])
        roomy = await store.record(initiate(W2))

        assert (full.waits, roomy.waits) == (False, True)
        assert await store.dossier(W1) is not None


async def test_a_flood_of_one_delivery_fills_no_disk(database: Database) -> None:
    async with on(database) as store:
        store.most_waiting = 2 * RUSH_AT
        await rushed(store, database, *[initiate(W1)] * 5 * RUSH_AT)
        answers = [await store.record(initiate(W1)) for _ in range(5)]

        assert len(await bodies_of(store)) == 6 * RUSH_AT  # one commit, and nothing behind it
        assert not any(answer.waits for answer in answers)


async def test_an_inbox_that_another_process_has_emptied_is_full_no_more(
    database: Database,
) -> None:
    async with on(database) as store, on(database) as beside:
        store.most_waiting = RUSH_AT
        await rushed(store, database)
        await caught_up(beside, OTHERS)
        with database.locked():
            tasks = [asyncio.create_task(store.record(initiate(w))) for w in (W1, W2)]
            await asyncio.sleep(0)
        answers = await asyncio.gather(*tasks)
        (again,) = await rushed(store, database, initiate(W1))

    assert not any(answer.waits for answer in answers)
    assert again.waits


async def test_what_could_not_be_kept_is_no_repetition_when_it_comes_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on(database) as store:
        await rushed(store, database)
        keep = sql_inbox.keep

        def and_then_fail(*arguments: Any) -> list[Recorded]:
            keep(*arguments)
            raise ValueError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(sql_inbox, "keep", and_then_fail)
            with pytest.raises(ValueError, match="disk is full"):
                await store.record(initiate(W1))
        again = await store.record(initiate(W1))

    assert (again.receipt, again.waits) == (Receipt.RECORDED, True)


async def test_entries_that_another_process_is_recording_are_passed_over(
    postgres: Cluster, address: PostgresAddress
) -> None:
    async with opened_postgres(address) as store:
        store.rush_at = 1
        await asyncio.gather(*map(store.record, OTHERS[:2]))
        first, second = await store.inbox(after=0, limit=9)
        with psycopg.connect(postgres.url) as other:
            other.execute(
                f"SELECT 1 FROM {address.namespace}.inbox WHERE number = {first.number}"  # noqa: S608 - ours
                " FOR UPDATE".encode()
            )
            async with asyncio.timeout(3):
                passed_over, recorded = await asyncio.gather(
                    store.record_from_inbox(first.number, OTHERS[0]),
                    store.record_from_inbox(second.number, OTHERS[1]),
                )

        assert passed_over is None
        assert isinstance(recorded, Recorded)
        assert await bodies_of(store) == [OTHERS[0].body]


async def test_what_is_not_ours_is_ignored_and_kept_all_the_same(database: Database) -> None:
    other = replace(told(None, notification_id="n-9"), type="invoice.billed", concerns_us=False)
    async with on(database) as store:
        first, second = await rushed(store, database, other, other)
        await caught_up(store, [*OTHERS, other])
        kept = [each for each in await store.notifications(limit=100) if each.type == other.type]

    assert (first.receipt, second.receipt) == (Receipt.IGNORED, Receipt.IGNORED)
    assert [each.deliveries for each in kept] == [2]


async def test_headers_that_are_passed_on_wait_with_it(database: Database) -> None:
    wanted = replace(
        told(None, notification_id="n-9"), forward_to=("forward.erp",), headers={"date": "today"}
    )
    async with on(database) as store:
        await rushed(store, database, wanted)
        waiting = await store.inbox(after=0, limit=100)

    assert [delivery.headers for delivery in waiting] == [{}] * RUSH_AT + [{"date": "today"}]


async def test_another_life_finds_what_was_left_and_records_it_once(database: Database) -> None:
    async with on(database) as store:
        await rushed(store, database, initiate(W1))
    async with on(database) as next_life:
        again = await next_life.record(initiate(W1))  # delivered anew before it was caught up
        await caught_up(next_life, [*OTHERS, initiate(W1)])
        kept = [each for each in await next_life.notifications(limit=99) if each.workflow_id == W1]
        history = await next_life.history(W1)

    # What an earlier life has left is known when it is recorded: until then the answer says so.
    assert (again.receipt, again.waits) == (Receipt.RECORDED, False)
    assert [each.deliveries for each in kept] == [2]
    assert len(history) == 1


async def test_two_who_record_the_same_entry_record_it_once(database: Database) -> None:
    async with on(database) as store, on(database) as beside:
        await rushed(store, database, initiate(W1))
        waiting = await store.inbox(after=0, limit=100)
        entry = waiting[-1].number

        both = await asyncio.gather(
            store.record_from_inbox(entry, initiate(W1)),
            beside.record_from_inbox(entry, initiate(W1)),
        )

        assert sorted(result is None for result in both) == [False, True]
        assert len(await store.history(W1)) == 1
        assert len(await bodies_of(store)) == RUSH_AT


async def test_one_that_cannot_be_recorded_stays_and_spoils_no_other(database: Database) -> None:
    async with on(database) as store:
        await rushed(store, database, initiate(W1), initiate(W2))
        *_, first, second = await store.inbox(after=0, limit=100)
        unwritable = replace(initiate(W1), type="\ud800")

        failed, recorded = await asyncio.gather(
            store.record_from_inbox(first.number, unwritable),
            store.record_from_inbox(second.number, initiate(W2)),
            return_exceptions=True,
        )

        assert isinstance(failed, Exception)
        assert isinstance(recorded, Recorded)
        assert initiate(W1).body in await bodies_of(store)
        assert initiate(W2).body not in await bodies_of(store)


async def test_in_a_rush_nothing_is_written_but_the_inbox(path: Path) -> None:
    tap = Tapped()
    async with opened(path, connect=tap) as store:
        with locked(path):
            tasks = [asyncio.create_task(store.record(each)) for each in OTHERS]
            await asyncio.sleep(0)
            tap.statements.clear()
        await asyncio.gather(*tasks)

        written = {each.split()[2] for each in tap.statements if each.startswith("INSERT")}
        assert written == {"inbox"}


async def test_what_waits_stays_as_it_came(database: Database) -> None:
    async with on(database) as store:
        await rushed(store, database)

    with pytest.raises(Exception, match="stays as it came"):
        database.by_hand("UPDATE inbox SET received_at = 1")


async def test_what_the_inbox_does_not_take_is_recorded_at_once(path: Path) -> None:
    async with opened(path) as store:
        with by_hand(path) as beside:
            beside.execute(
                "CREATE TRIGGER full BEFORE INSERT ON inbox"
                " BEGIN SELECT RAISE(FAIL, 'not here'); END"
            )
        with locked(path):
            tasks = [asyncio.create_task(store.record(each)) for each in OTHERS]
            await asyncio.sleep(0)
        answers = await asyncio.gather(*tasks)

        assert not any(answer.waits for answer in answers)
        assert len(await store.notifications(limit=99)) == RUSH_AT
        assert not (await store.record(initiate(W1))).waits
