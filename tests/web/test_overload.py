"""More deliveries at once than can be stored soon: some wait, the others are told at once."""

import asyncio
import itertools
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta

from external_gate.intake.pressure import FEWEST_UNDER_WAY, LONGEST_WAIT, MOST_UNDER_WAY
from external_gate.settings.model import ServerSettings
from external_gate.stores.writer import MOST_JOBS
from tests.databases import Database
from tests.web.conftest import Served, serving, signature_headers
from tests.web.test_webhooks import initiate, kept, result

TOO_MANY = 40
LONGEST_SECONDS = 20


def test_those_that_may_wait_fit_into_one_commit() -> None:
    assert MOST_UNDER_WAY == MOST_JOBS


async def test_what_comes_on_top_of_too_many_is_503_and_comes_again(served: Served) -> None:
    served.receiver.pressure.under_way = MOST_UNDER_WAY
    refused = await served.deliver(initiate())
    unsigned = await served.deliver(initiate(), secret="wrong")
    before = await kept(served)
    served.receiver.pressure.under_way = 0

    again = await served.deliver(initiate())

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "deliver it again" in refused.json()["detail"]
    assert unsigned.status_code == 401
    assert before == 0
    assert result(again) == (200, "recorded")
    text = (await served.client.get("/metrics")).text
    assert 'notifications_refused_total{reason="overloaded"} 1.0' in text


async def test_crowd_before_a_database_that_stands_still_is_answered(database: Database) -> None:
    """Over real connections: as many as may wait do so, and nobody waits with them in vain."""
    bodies = [initiate(workflow_id=f"wf-{n}") for n in range(MOST_UNDER_WAY + TOO_MANY)]
    knobs = ServerSettings(max_connections=len(bodies) + 16)
    patience = timedelta(seconds=LONGEST_SECONDS)
    async with (
        serving(database, patience=patience, knobs=knobs) as served,
        AsyncExitStack() as open_,
    ):
        with database.locked():
            answers = [asyncio.create_task(deliver(served, body, open_)) for body in bodies]
            first = itertools.islice(asyncio.as_completed(answers), TOO_MANY)
            at_once = Counter([await answer for answer in first])
            waiting = served.receiver.pressure.under_way
        statuses = Counter(await asyncio.gather(*answers))

        assert at_once == {503: TOO_MANY}
        assert waiting == MOST_UNDER_WAY
        assert statuses == {200: MOST_UNDER_WAY, 503: TOO_MANY}
        counts = await served.store.counts()
        assert sum(counts.by_state.values()) + counts.inbox == MOST_UNDER_WAY


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
    assert (await served.deliver(initiate())).status_code == 200


async def test_of_a_database_that_is_away_nothing_is_learnt(database: Database) -> None:
    async with serving(database, patience=2 * LONGEST_WAIT) as served:
        with database.locked():
            refused = await served.deliver(initiate())
        served.receiver.pressure.under_way = MOST_UNDER_WAY - 1

        again = await served.deliver(initiate())

        assert (refused.status_code, again.status_code) == (503, 200)


async def deliver(served: Served, body: bytes, open_: AsyncExitStack) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    open_.callback(writer.close)
    headers = signature_headers(body) | {"Host": "gate", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST /webhooks/metronome HTTP/1.1\r\n{head}\r\n".encode() + body)
    status = await reader.readline()
    return int(status.split()[1])
