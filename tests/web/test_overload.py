"""More deliveries at once than can be stored soon: some wait, the others are told at once."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from external_gate.intake.pressure import (
    CROWD,
    FEWEST_UNDER_WAY,
    LONGEST_ANSWER,
    LONGEST_WAIT,
    MOST_UNDER_WAY,
)
from external_gate.settings.model import ServerSettings
from external_gate.stores.writer import MOST_JOBS
from tests.databases import Database
from tests.web.conftest import SECRET, Served, serving, signature_headers
from tests.web.test_webhooks import initiate, kept, result

TOO_MANY = 40
LONGEST_SECONDS = 20
PATIENCE = timedelta(seconds=LONGEST_SECONDS)


def test_those_that_may_wait_fit_into_one_commit() -> None:
    assert MOST_UNDER_WAY == MOST_JOBS


async def test_what_comes_on_top_of_too_many_is_503_and_comes_again(served: Served) -> None:
    served.receiver.pressure.under_way = MOST_UNDER_WAY
    refused = await served.deliver(initiate())
    unread = await served.deliver(initiate(), secret="wrong")
    before = await kept(served)
    served.receiver.pressure.under_way = 0
    unsigned = await served.deliver(initiate(), secret="wrong")

    again = await served.deliver(initiate())

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "deliver it again" in refused.json()["detail"]
    assert (unread.status_code, unsigned.status_code) == (503, 401)
    assert before == 0
    assert result(again) == (200, "recorded")
    text = (await served.client.get("/metrics")).text
    assert 'notifications_refused_total{reason="overloaded"} 2.0' in text


async def test_crowd_before_a_database_that_stands_still_is_told_in_time(
    database: Database,
) -> None:
    """Over real connections: as many as may wait do so, and what they brought is kept."""
    bodies = workflows(MOST_UNDER_WAY + TOO_MANY)
    async with crowd_before(database, bodies) as (served, answers):
        with database.locked():
            statuses = Counter([await answer for answer in answers()])
            waiting = served.receiver.pressure.under_way
        await until_stored(served, MOST_UNDER_WAY)
        counts = await served.store.counts()

        assert statuses == {503: len(bodies)}
        assert waiting == MOST_UNDER_WAY
        assert served.receiver.pressure.under_way == 0
        assert sum(counts.by_state.values()) + counts.inbox == MOST_UNDER_WAY
        assert await refused(served, "overloaded") == TOO_MANY
        assert await refused(served, "not_in_time") == MOST_UNDER_WAY


async def test_what_was_told_too_late_is_a_duplicate_when_it_comes_again(
    database: Database,
) -> None:
    bodies = workflows(CROWD + 1)
    async with crowd_before(database, bodies) as (served, answers):
        with database.locked():
            told = [await answer for answer in answers()]
        await until_stored(served, len(bodies))

        again = {result(await served.deliver(body)) for body in bodies}

        assert told == [503] * len(bodies)
        assert again == {(200, "duplicate")}


async def test_few_wait_for_their_commit_however_long_it_takes(database: Database) -> None:
    bodies = workflows(CROWD)
    async with crowd_before(database, bodies) as (_, answers):
        with database.locked():
            waiting = answers()
            early, _ = await asyncio.wait(waiting, timeout=2 * LONGEST_ANSWER.total_seconds())
        told = [await answer for answer in waiting]

        assert not early
        assert told == [200] * len(bodies)


async def test_connection_that_was_told_too_late_is_of_use_again(database: Database) -> None:
    """Its answer is whole, though what it brought is worked on still."""
    bodies = workflows(CROWD + 1)
    async with serving(database, patience=PATIENCE) as served, AsyncExitStack() as open_:
        lines = [await connected(served, open_) for _ in bodies]
        with database.locked():
            first = await asyncio.gather(*map(deliver, lines, bodies))
            unsigned = await asyncio.gather(*(deliver(line, b"{}", "wrong") for line in lines))
        await until_stored(served, len(bodies))
        second = await asyncio.gather(*map(deliver, lines, bodies))

        assert first == [503] * len(bodies)
        assert unsigned == [401] * len(bodies)
        assert second == [200] * len(bodies)


async def test_after_long_waits_fewer_may_wait_and_in_time_as_many_as_before(
    served: Served,
) -> None:
    pressure = served.receiver.pressure
    pressure.learn(1, timedelta(seconds=30))
    while pressure.under_way < FEWEST_UNDER_WAY:
        pressure.begin()
    refused = await served.deliver(initiate())
    pressure.under_way = 0

    for _ in range(5 * MOST_UNDER_WAY):
        pressure.learn(1, timedelta(milliseconds=1))
    pressure.under_way = MOST_UNDER_WAY - 1

    assert refused.status_code == 503
    assert not pressure.is_too_much


async def test_of_a_database_that_is_away_nothing_is_learnt(database: Database) -> None:
    async with serving(database, patience=2 * LONGEST_WAIT) as served:
        with database.locked():
            refused = await served.deliver(initiate())
        served.receiver.pressure.under_way = MOST_UNDER_WAY - 1

        assert refused.status_code == 503
        assert not served.receiver.pressure.is_too_much


def workflows(many: int) -> list[bytes]:
    return [initiate(workflow_id=f"wf-{n}") for n in range(many)]


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Answers = Callable[[], list[asyncio.Task[int]]]


@asynccontextmanager
async def crowd_before(
    database: Database, bodies: Sequence[bytes]
) -> AsyncIterator[tuple[Served, Answers]]:
    """Give a service and what delivers to it, each body over a connection that is open already."""
    knobs = ServerSettings(max_connections=len(bodies) + 16)
    async with (
        serving(database, patience=PATIENCE, knobs=knobs) as served,
        AsyncExitStack() as open_,
    ):
        lines = [await connected(served, open_) for _ in bodies]
        yield (
            served,
            lambda: [
                asyncio.create_task(deliver(*both)) for both in zip(lines, bodies, strict=True)
            ],
        )


async def connected(served: Served, open_: AsyncExitStack) -> Line:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    open_.callback(writer.close)
    return reader, writer


async def deliver(line: Line, body: bytes, secret: str = SECRET) -> int:
    reader, writer = line
    headers = signature_headers(body, secret=secret)
    headers |= {"Host": "gate", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST /webhooks/metronome HTTP/1.1\r\n{head}\r\n".encode() + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = re.search(r"content-length: (\d+)", answer)
    assert length is not None
    await reader.readexactly(int(length[1]))
    return int(answer.split()[1])


async def until_stored(served: Served, many: int) -> None:
    async with asyncio.timeout(LONGEST_SECONDS):
        for _ in range(many):
            await served.stored.acquire()


async def refused(served: Served, reason: str) -> int:
    text = (await served.client.get("/metrics")).text
    found = re.search(rf'notifications_refused_total{{reason="{reason}"}} (\d+)', text)
    return int(found[1]) if found else 0
