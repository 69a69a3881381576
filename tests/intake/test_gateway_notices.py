"""A gateway's notification: what reaches the adapter, what the store, and what is told of it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from external_gate.domain.charge import Capabilities
from external_gate.domain.errors import BadInput, Refused, Unavailable
from external_gate.domain.outcome import Declined, Pending
from external_gate.gateways.gateway import GatewayNotice
from external_gate.intake.gateway_notices import (
    MOST_NOTICES,
    AdapterFailed,
    NoticeReceiver,
    UnknownGateway,
)
from external_gate.stores.sql_store import SqlStore
from external_gate.stores.store_records import NewNotice, NoticeTaken
from external_gate.testkit.store_checks.store_samples import charging, key_of
from tests.databases import Database
from tests.engine.world import EVERY_ANSWER, START, BookkeepingGateway, HandClock

NOTIFIES = replace(EVERY_ANSWER, notifies=True)


@dataclass
class TalkingGateway(BookkeepingGateway):
    """An adapter that remembers what it was handed, and gives or raises what it was told to."""

    clock: HandClock = field(default_factory=HandClock)
    capabilities: Capabilities = NOTIFIES
    gives: Sequence[GatewayNotice] | Exception = ()
    handed: list[tuple[Mapping[str, str], bytes, str]] = field(default_factory=list)

    def parse_notification(
        self, headers: Mapping[str, str], body: bytes, url: str
    ) -> Sequence[GatewayNotice]:
        self.handed.append((headers, body, url))
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


@dataclass
class Heard:
    """An observer that remembers."""

    taken: list[tuple[NewNotice, NoticeTaken]] = field(default_factory=list)
    others: list[tuple[object, ...]] = field(default_factory=list)

    def notice_taken(self, notice: NewNotice, taken: NoticeTaken) -> None:
        self.taken.append((notice, taken))

    def notices_ignored(self, gateway: str) -> None:
        self.others.append(("ignored", gateway))

    def notices_refused(self, gateway: str | None, reason: str) -> None:
        self.others.append((gateway, reason))

    def adapter_failed(self, gateway: str, error: Exception) -> None:
        self.others.append((gateway, type(error)))


@dataclass
class Door:
    """A receiver with one gateway, and everything around it."""

    store: SqlStore
    gateway: TalkingGateway = field(default_factory=TalkingGateway)
    heard: Heard = field(default_factory=Heard)

    async def bring(self, name: str = "main") -> Sequence[NoticeTaken]:
        receiver = NoticeReceiver(self.store, {"main": self.gateway}, HandClock(), self.heard)
        return await receiver.receive(name, {"a": "b"}, b"body", url="https://we.example/x?y=1")


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    store = database.store()
    await store.open()
    yield Door(store)
    await store.close()


def notice(event_id: str = "evt-1") -> GatewayNotice:
    return GatewayNotice(event_id, key_of(), Declined(code="late"), signed_and_final=True)


async def test_adapter_is_handed_everything_as_it_came(door: Door) -> None:
    await door.bring()

    assert door.gateway.handed == [({"a": "b"}, b"body", "https://we.example/x?y=1")]
    assert door.heard.others == [("ignored", "main")]


async def test_notice_is_kept_as_it_was_understood_and_told_after_commit(door: Door) -> None:
    await charging(door.store)
    door.gateway.gives = [notice(), replace(notice("evt-2"), outcome=None)]

    taken = await door.bring()

    assert [told for _, told in door.heard.taken] == list(taken)
    kept = await door.store.notices(limit=9)
    assert [(k.event_id, k.outcome, k.received_at) for k in kept] == [
        ("evt-2", None, START),
        ("evt-1", Declined(code="late"), START),
    ]
    assert [(t.is_evidence, t.look_asked) for t in taken] == [(True, False), (False, True)]


async def test_name_that_nobody_configured_is_told_to_nobody(door: Door) -> None:
    with pytest.raises(UnknownGateway):
        await door.bring("somebody-else")

    assert door.heard.others == [(None, "unknown_gateway")]


async def test_gateway_that_takes_none_is_not_even_asked(door: Door) -> None:
    door.gateway.capabilities = EVERY_ANSWER

    with pytest.raises(Refused, match=r"gateways\.main\.secret"):
        await door.bring()

    assert door.gateway.handed == []


@pytest.mark.parametrize(
    ("gives", "raised", "told"),
    [
        (Refused("unsigned"), Refused, ("main", "not_verified")),
        (BadInput("no JSON"), BadInput, ("main", "unreadable")),
        (ValueError("a bug"), AdapterFailed, ("main", ValueError)),
        ([notice()] * (MOST_NOTICES + 1), BadInput, ("main", "unreadable")),
    ],
    ids=["unsigned", "unreadable", "bug", "too many"],
)
async def test_what_the_adapter_does_not_give_is_not_kept(
    door: Door,
    gives: Sequence[GatewayNotice] | Exception,
    raised: type[Exception],
    told: tuple[object, ...],
) -> None:
    door.gateway.gives = gives

    with pytest.raises(raised):
        await door.bring()

    assert door.heard.others == [told]
    assert await door.store.notices(limit=9) == []


async def test_store_that_is_away_is_told_and_nothing_is_acknowledged(door: Door) -> None:
    door.gateway.gives = [notice()]
    await door.store.close()

    with pytest.raises(Unavailable):
        await door.bring()

    assert door.heard.others == [("main", "not_durable")]
    assert door.heard.taken == []


async def test_one_breach_in_a_body_keeps_the_whole_body_out(door: Door) -> None:
    await charging(door.store)
    door.gateway.gives = [notice(), GatewayNotice("", key_of())]

    with pytest.raises(AdapterFailed):
        await door.bring()

    assert await door.store.notices(limit=9) == []


async def test_pending_that_calls_itself_final_is_a_hint(door: Door) -> None:
    await charging(door.store)
    door.gateway.gives = [replace(notice(), outcome=Pending("ch_1"))]

    (taken,) = await door.bring()

    assert (taken.is_evidence, taken.look_asked) == (False, True)
