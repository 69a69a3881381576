"""A host application on a real socket that verifies with the official library, and an outbox."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from external_gate.domain.host_notice import DueNotice, HostNotice, NoticeType
from external_gate.domain.identifiers import ContractId, CustomerId, WorkflowId
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.money import Money
from external_gate.domain.workflow import State
from external_gate.notices.courier import Courier, Route
from external_gate.notices.notice_sink import (
    Delivery,
    NoticeSink,
    OutgoingNotice,
    SinkSurroundings,
    Taken,
)
from external_gate.notices.webhook_sink import WebhookSink
from external_gate.outbound.calls import Caller, Timeouts
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.settings.model import NoticeEndpoint
from external_gate.stores.sql_store import SqlStore
from external_gate.testkit.fake_server import FakeServer, WireAnswer, WireRequest
from external_gate.testkit.store_checks.store_samples import begun
from tests.databases import Database

SECRET = "whsec_bm90aWNlcy1vZi10aGUtdGVzdHMtMTIzNDU2Nzg5MDE="
OLD_SECRET = "whsec_bm90aWNlcy1zaWduZWQtYmVmb3JlLTEyMzQ1Njc4OTA="
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TIMEOUT = timedelta(seconds=2)


class HandClock:
    """A clock that stands still until a test moves it.

    It begins with the machine's: the official library compares with that one, at most 5 min off.
    """

    def __init__(self) -> None:
        self.instant = began()

    def now(self) -> datetime:
        return self.instant

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.Event().wait()

    def advance(self, **duration: float) -> None:
        self.instant += timedelta(**duration)


_began = {"at": START}


def began() -> datetime:
    """Give when the test that runs began, in whole seconds."""
    return _began["at"]


@pytest.fixture(autouse=True)
def _begins() -> None:
    _began["at"] = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Host:
    """The application: it answers as told, and keeps only what the official library verifies."""

    secret: str = SECRET
    statuses: list[int] = field(default_factory=list)
    """Of the next answers; then 204."""
    headers: Mapping[str, str] = field(default_factory=dict)
    requests: list[WireRequest] = field(default_factory=list)
    verified: list[dict[str, Any]] = field(default_factory=list)
    silent: bool = False
    url: str = ""
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def respond(self, request: WireRequest) -> WireAnswer:
        self.requests.append(request)
        async with self.came:
            self.came.notify_all()
        if self.silent:
            await asyncio.Event().wait()
        status = self.statuses.pop(0) if self.statuses else 204
        try:
            found = Webhook(self.secret).verify(request.body, dict(request.headers))
        except WebhookVerificationError:
            return WireAnswer(401)
        if status < 300:
            self.verified.append(found)
        return WireAnswer(status, headers=self.headers)

    async def until(self, *, requests: int) -> None:
        """Wait until so many requests have arrived."""
        async with self.came:
            await asyncio.wait_for(
                self.came.wait_for(lambda: len(self.requests) >= requests), timeout=10
            )

    @property
    def ids(self) -> list[str]:
        """The ids of everything that was sent, repeats too."""
        return [request.headers["webhook-id"] for request in self.requests]


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Give a host application that takes everything."""
    found = Host()
    server = FakeServer(found.respond)
    found.url = f"{await server.start()}/notices"
    yield found
    await server.stop()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def caller(clock: HandClock) -> AsyncIterator[HttpxCaller]:
    async with HttpxCaller(
        clock, high_water=None, timeouts=Timeouts.within(TIMEOUT), max_connections=8
    ) as made:
        yield made


@dataclass
class Names:
    """A name service of the test's own."""

    known: dict[str, Sequence[str]] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        if host not in self.known:
            raise OSError("no such name")
        return self.known[host]


@pytest.fixture
def names() -> Names:
    return Names()


@dataclass
class Making:
    """Makes webhook sinks as the service does."""

    caller: Caller
    clock: HandClock
    names: Names

    def over(self, caller: Caller) -> "Making":
        """Give the same over another way out."""
        return replace(self, caller=caller)

    def sink(self, url: str, *, secrets: Sequence[str] = (SECRET,), **keys: Any) -> NoticeSink:
        told = {"url": url, "secrets": list(secrets), "allow_private": True, "timeout_seconds": 2}
        endpoint = NoticeEndpoint.model_validate({**told, **keys})
        surroundings = SinkSurroundings("erp", self.caller, self.clock, self.names.resolve)
        return WebhookSink.from_settings(endpoint, surroundings)


@pytest.fixture
def making(caller: HttpxCaller, clock: HandClock, names: Names) -> Making:
    return Making(caller, clock, names)


def outgoing(text: str = '{"type":"workflow.held"}') -> OutgoingNotice:
    return OutgoingNotice("msg_1", "workflow.held", START, text.encode())


def told(number: int = 1, kind: NoticeType = NoticeType.RELEASED) -> HostNotice:
    return HostNotice(
        type=kind,
        at=began(),
        customer_id=CustomerId("customer-1"),
        contract_id=ContractId("contract-1"),
        workflow_id=WorkflowId(f"workflow-{number}"),
        state=State.RELEASED,
        amount=Money(1500, "USD"),
        charge_id="ch_1",
        incident=IncidentKind.REVERSED if kind is NoticeType.INCIDENT else None,
    )


@dataclass
class Heard:
    """What the courier said about its work."""

    tried: list[tuple[str, Delivery, datetime | None]] = field(default_factory=list)
    buried: list[tuple[int, str]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)

    def notice_tried(self, due: DueNotice, delivery: Delivery, next_at: datetime | None) -> None:
        self.tried.append((due.endpoint, delivery, next_at))

    def notice_buried(self, number: int, endpoint: str) -> None:
        self.buried.append((number, endpoint))

    def endpoint_gone(self, endpoint: str) -> None:
        self.gone.append(endpoint)

    def courier_failed(self, error: Exception) -> None:
        self.failed.append(error)


class Mailbox:
    """A sink without a socket; it gives the next answer, then takes everything."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.got: list[OutgoingNotice] = []
        self.came = asyncio.Condition()

    async def deliver(self, notice: OutgoingNotice) -> Delivery:
        self.got.append(notice)
        async with self.came:
            self.came.notify_all()
        answer = self.answers.pop(0) if self.answers else Taken()
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[return-value]  # a test may answer nonsense

    async def until(self, *, notices: int) -> None:
        """Wait until so many notices have arrived."""
        async with self.came:
            await asyncio.wait_for(self.came.wait_for(lambda: len(self.got) >= notices), timeout=10)

    @property
    def sequences(self) -> list[int]:
        return [json.loads(one.body)["data"]["sequence"] for one in self.got]


@dataclass
class Office:
    """An outbox with couriers, each the one of a process."""

    store: SqlStore
    clock: HandClock
    heard: Heard = field(default_factory=Heard)

    def courier(self, **sinks: NoticeSink) -> Courier:
        routes = {name: Route(sink, TIMEOUT) for name, sink in sinks.items()}
        return Courier(
            self.store,
            routes,
            clock=self.clock,
            random=Random(7),  # noqa: S311 - waits, not secrets
            observer=self.heard,
            poll=timedelta(seconds=1),
        )

    async def tell(self, *endpoints: str, count: int = 1) -> None:
        """Put notices of one workflow into the outbox."""
        self.store.keep_notices(dict.fromkeys(NoticeType, endpoints))
        await begun(self.store, WorkflowId("workflow-1"), at=self.clock.now())
        for kind in list(NoticeType)[:count]:
            await self.store.put_notice(told(kind=kind))


@pytest.fixture
async def office(database: Database, clock: HandClock) -> AsyncIterator[Office]:
    store = database.store()
    await store.open()
    yield Office(store, clock)
    await store.close()
