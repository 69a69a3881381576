"""Every notice reaches every endpoint at least once, or is visibly given up; nobody waits."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest

from external_gate.domain.errors import Unavailable
from external_gate.domain.host_notice import DeliveryState, KeptHostNotice, NoticeFilter
from external_gate.notices.notice_sink import Delivery, Gone, NotTaken, OutgoingNotice
from external_gate.notices.schedule import WAITS
from external_gate.stores.sql_store import SqlStore
from tests.databases import Database
from tests.notices.conftest import Host, Mailbox, Making, Office


async def kept(office: Office, **wanted: Any) -> list[KeptHostNotice]:
    return list(reversed(await office.store.host_notices(NoticeFilter(**wanted))))


async def states(office: Office) -> list[dict[str, str]]:
    return [{way.endpoint: way.state.value for way in one.deliveries} for one in await kept(office)]


async def test_each_notice_reaches_each_endpoint_once(office: Office) -> None:
    await office.tell("erp", "pager", count=3)
    erp, pager = Mailbox(), Mailbox()

    assert await office.courier(erp=erp, pager=pager).run_once() == 6
    assert await office.courier(erp=erp, pager=pager).run_once() == 0

    assert sorted(erp.sequences) == sorted(pager.sequences) == [1, 2, 3]
    assert await states(office) == [{"erp": "delivered", "pager": "delivered"}] * 3
    (first, *_) = await kept(office)
    assert (erp.got[0].message_id, erp.got[0].body.decode()) == (first.message_id, first.body)


async def test_notice_is_the_same_bytes_under_the_same_id_at_every_try(
    office: Office, host: Host, making: Making
) -> None:
    await office.tell("erp")
    host.statuses = [500, 204]
    courier = office.courier(erp=making.sink(host.url))

    await courier.run_once()
    office.clock.advance(seconds=6)
    await courier.run_once()

    assert len(set(host.ids)) == 1
    assert len(host.ids) == 2
    assert len({request.body for request in host.requests}) == 1
    (verified,) = host.verified
    assert verified["data"]["amount"] == {"minor": 1500, "currency": "USD"}
    assert await states(office) == [{"erp": "delivered"}]


async def test_notice_that_is_never_taken_is_tried_by_the_schedule_and_then_dead(
    office: Office,
) -> None:
    await office.tell("erp")
    start = office.clock.now()
    erp = Mailbox(*[NotTaken("answered 503")] * 99)
    courier = office.courier(erp=erp)
    times = []

    while await courier.run_once():
        times.append(office.clock.now() - start)
        (way,) = (await kept(office))[0].deliveries
        office.clock.instant = way.due_at or office.clock.instant

    (way,) = (await kept(office))[0].deliveries
    assert times[-1] == timedelta(days=3)
    assert times[2] > WAITS[1]
    assert (way.state, way.outcome, way.ended_at) == ("dead", "answered 503", start + times[-1])
    assert [next_at is None for *_, next_at in office.heard.tried].count(True) == 1
    office.clock.advance(days=30)
    assert await courier.run_once() == 0
    assert (await office.store.counts()).notices_dead == {"erp": 1}


async def test_dead_notice_that_a_person_sends_again_is_delivered(office: Office) -> None:
    await office.tell("erp")
    erp = Mailbox(Gone("answered 410"))
    await office.courier(erp=erp).run_once()

    await office.store.resend_notice(1, endpoints=["erp"], at=office.clock.now())

    assert await office.courier(erp=erp).run_once() == 1
    assert await states(office) == [{"erp": "delivered"}]
    assert erp.got[0] == erp.got[1]


async def test_endpoint_that_is_down_does_not_delay_another(
    office: Office, host: Host, making: Making
) -> None:
    await office.tell("down", "erp", count=3)
    host.silent = True
    erp = Mailbox()
    courier = office.courier(down=making.sink(host.url), erp=erp)

    running = asyncio.ensure_future(courier.run())
    await host.until(requests=3)
    await erp.until(notices=3)  # while the other is still waited for

    assert sorted(erp.sequences) == [1, 2, 3]
    courier.drain()
    await running
    assert await states(office) == [{"down": "waiting", "erp": "delivered"}] * 3


async def test_endpoint_that_fails_is_tried_with_one_notice_until_it_is_back(
    office: Office,
) -> None:
    await office.tell("erp", count=4)
    erp = Mailbox(*[NotTaken("answered 503")] * 5)
    courier = office.courier(erp=erp)

    assert await courier.run_once() == 4
    office.clock.advance(seconds=10)
    assert await courier.run_once() == 1  # the probe: it fails
    assert await courier.run_once() == 0  # it rests
    office.clock.advance(seconds=10)
    assert await courier.run_once() == 1  # the next probe is taken
    assert await courier.run_once() == 2  # then all that are due
    assert (await office.store.counts()).notices_waiting == {"erp": 1}


async def test_clock_that_is_set_back_lets_no_endpoint_rest_for_hours(office: Office) -> None:
    await office.tell("erp", count=2)
    erp = Mailbox(NotTaken("answered 503"), NotTaken("answered 503"), NotTaken("answered 503"))
    courier = office.courier(erp=erp)
    await courier.run_once()
    office.clock.advance(seconds=10)
    await courier.run_once()  # it rests from here on
    office.clock.advance(hours=-5)
    await office.store.resend_notice(1, endpoints=["erp"], at=office.clock.now())

    assert await courier.run_once() == 1


async def test_410_ends_the_notice_and_this_process_sends_no_other(office: Office) -> None:
    await office.tell("erp")
    erp = Mailbox(Gone("answered 410"))
    courier = office.courier(erp=erp)
    await courier.run_once()
    await office.tell("erp", count=2)

    assert await courier.run_once() == 0
    assert office.heard.gone == ["erp"]
    assert len(erp.got) == 1
    # Whoever reads the configuration anew tries again.
    assert await office.courier(erp=erp).run_once() == 2


async def test_two_processes_do_not_send_the_same_notice(office: Office) -> None:
    await office.tell("erp", count=8)
    erp = Mailbox()

    counts = await asyncio.gather(*(office.courier(erp=erp).run_once() for _ in range(4)))

    assert sum(counts) == 8
    assert sorted(erp.sequences) == list(range(1, 9))


async def test_whoever_dies_in_mid_try_leaves_it_to_the_next(office: Office) -> None:
    await office.tell("erp")
    hanging = Hanging()
    dying = asyncio.ensure_future(office.courier(erp=hanging).run_once())
    await hanging.until(notices=1)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    erp = Mailbox()

    assert await office.courier(erp=erp).run_once() == 0
    office.clock.advance(seconds=40)
    assert await office.courier(erp=erp).run_once() == 1
    assert erp.sequences == [1]


class Hanging(Mailbox):
    """Never answers."""

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        await super().deliver(notice)
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


STRANGE = [
    RuntimeError("whsec_secret"),
    None,
    "yes",
    NotTaken(None),  # type: ignore[arg-type]  # a plugin may answer nonsense
    NotTaken("later", 5),  # type: ignore[arg-type]  # as above
    NotTaken("\x00\ud800" + "x" * 10_000, timedelta.max),
]


@pytest.mark.parametrize("answer", STRANGE)
async def test_sink_that_breaks_its_contract_has_not_delivered(
    office: Office, answer: object
) -> None:
    await office.tell("erp")

    await office.courier(erp=Mailbox(answer)).run_once()

    (way,) = (await kept(office))[0].deliveries
    assert (way.state, way.tries) == (DeliveryState.WAITING, 1)
    assert way.outcome
    assert "whsec" not in way.outcome
    assert len(way.outcome) <= 300
    assert not office.heard.failed


async def test_notice_of_a_removed_endpoint_is_buried_in_its_time(office: Office) -> None:
    await office.tell("erp", "removed")
    courier = office.courier(erp=Mailbox())

    await courier.run_once()
    office.clock.advance(days=3)
    await courier.run_once()

    assert office.heard.buried == [(1, "removed")]
    assert await states(office) == [{"erp": "delivered", "removed": "dead"}]


async def test_outbox_that_is_away_is_waited_out(office: Office) -> None:
    await office.tell("erp")
    erp = Mailbox()
    courier = office.courier(erp=erp)
    await office.store.close()

    assert await courier.run_once() == 0
    assert office.heard.failed
    assert all(isinstance(error, Unavailable) for error in office.heard.failed)
    await office.store.open()
    assert await courier.run_once() == 1


async def test_word_that_cannot_be_written_is_said_again(
    office: Office, database: Database
) -> None:
    class Forgetful:
        def __getattr__(self, name: str) -> Any:  # whatever the store has
            return getattr(good, name)

        async def settle_notice(self, *told: Any, **more: Any) -> bool:
            raise Unavailable("the disk is full")

    await office.tell("erp")
    erp = Mailbox()
    good, office.store = office.store, cast("SqlStore", Forgetful())
    assert await office.courier(erp=erp).run_once() == 1
    office.store = good

    office.clock.advance(seconds=40)
    assert await office.courier(erp=erp).run_once() == 1  # at least once, not exactly once
    assert erp.got[0].message_id == erp.got[1].message_id
    assert database.by_hand("SELECT tries FROM notice_deliveries") == [(2,)]


async def test_drain_ends_an_idle_courier_at_once(office: Office) -> None:
    courier = office.courier(erp=Mailbox())
    running = asyncio.ensure_future(courier.run())
    await asyncio.sleep(0)
    courier.drain()

    await asyncio.wait_for(running, timeout=2)
