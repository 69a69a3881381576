"""A service in this process behind a real socket, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from external_gate.assembly import SystemClock
from external_gate.domain.charge import Capabilities
from external_gate.domain.clock import Clock
from external_gate.gateways.gateway import Gateway, GatewayNotice, Surroundings
from external_gate.gateways.http_gateway import HttpGateway, HttpSettings
from external_gate.intake.gateway_notices import NoticeReceiver
from external_gate.intake.receive import Receiver
from external_gate.intake.signature import AgeLimits, http_date, sign
from external_gate.observe.metrics import Metrics
from external_gate.observe.notice_observer import LoggingNoticeObserver
from external_gate.observe.observer import LoggingObserver
from external_gate.outbound.calls import Call, CallEnd
from external_gate.settings.model import Operator, Role, ServerSettings
from external_gate.settings.operator_tokens import sha256_of
from external_gate.stores.sql_store import SqlStore
from external_gate.web.app import create_app
from external_gate.web.bearer import Bearers
from external_gate.web.gateway_webhooks import GatewayWebhook
from external_gate.web.health import Health, Readiness
from external_gate.web.payer_changes import PayerChanges
from external_gate.web.server import listen, make_server
from external_gate.web.webhooks import MetronomeWebhook
from tests.databases import Database
from tests.engine.world import EVERY_ANSWER, BookkeepingGateway, HandClock

SECRET = "web-secret"
TOKENS = {"shop": "eg_token-of-the-shop", "auditor": "eg_token-of-the-auditor"}
PEOPLE = {
    "shop": Operator(token_sha256=SecretStr(sha256_of(TOKENS["shop"])), role=Role.OPERATOR),
    "auditor": Operator(token_sha256=SecretStr(sha256_of(TOKENS["auditor"])), role=Role.VIEWER),
}
NOTIFIES = replace(EVERY_ANSWER, notifies=True)
HOST_SECRET = "whsec_c2VjcmV0LW9mLXRoZS1ob3N0LzEyMzQ1Njc4OTA="


@dataclass
class Served:
    """The receiving side alone: no worker, so that rows stay as they were recorded."""

    url: str
    port: int
    store: SqlStore
    receiver: Receiver
    readiness: Readiness
    client: httpx.AsyncClient
    odd: "TalkingGateway"
    """The gateway whose adapter says whatever a test wants."""
    woken: list[str]
    """One entry for every time a gateway's notice would have woken the worker."""
    stored: asyncio.Semaphore
    """Released for every delivery of Metronome that is on disk, answered in time or not."""

    async def deliver(
        self, body: bytes, *, age: timedelta = timedelta(0), secret: str = SECRET, **headers: str
    ) -> httpx.Response:
        """Deliver a body as Metronome would."""
        signed = signature_headers(body, age=age, secret=secret)
        return await self.client.post("/webhooks/metronome", content=body, headers=signed | headers)


def signature_headers(
    body: bytes, *, age: timedelta = timedelta(0), secret: str = SECRET
) -> dict[str, str]:
    """Sign a body as Metronome does."""
    date = http_date(SystemClock().now() - age)
    return {
        "X-Metronome-Date": date,
        "Metronome-Webhook-Signature": sign(secret, date=date, body=body),
    }


@dataclass
class SilentGateway(BookkeepingGateway):
    """A gateway that sends no notifications."""

    clock: HandClock = field(default_factory=HandClock)


@dataclass
class TalkingGateway(SilentGateway):
    """An adapter that makes of any notification what it was told to."""

    capabilities: Capabilities = NOTIFIES
    says: Callable[[], Any] = list  # Any: a stranger's adapter may give anything

    def parse_notification(
        self, headers: Mapping[str, str], body: bytes, url: str
    ) -> Sequence[GatewayNotice]:
        found: Sequence[GatewayNotice] = self.says()
        return found


class Unreachable:
    """A caller that nobody may use here."""

    async def call(self, call: Call) -> CallEnd:
        raise AssertionError("the receiving side calls nobody")


def host_gateway(clock: Clock) -> HttpGateway:
    """Give the `http` gateway of a host that signs its notifications."""
    settings = HttpSettings.model_validate({"url": "http://127.0.0.1:9", "secret": HOST_SECRET})
    return HttpGateway(settings, Surroundings("shop", Unreachable(), clock))


@pytest.fixture
async def served(database: Database) -> AsyncIterator[Served]:
    """Serve webhooks, health and metrics on a free port."""
    async with serving(database) as everything:
        yield everything


@asynccontextmanager
async def serving(
    database: Database,
    *,
    patience: timedelta = timedelta(milliseconds=100),
    knobs: ServerSettings | None = None,
) -> AsyncIterator[Served]:
    """Serve on a database that is waited for as long as `patience`."""
    store = database.store(patience=patience)
    await store.open()
    clock, metrics, readiness = SystemClock(), Metrics(CollectorRegistry()), Readiness()
    stored = asyncio.Semaphore(0)
    receiver = Receiver(store, [SECRET], AgeLimits(), clock, LoggingObserver(metrics))
    webhook = MetronomeWebhook(
        receiver, body_limit_bytes=4096, body_timeout_seconds=0.4, wake=stored.release
    )
    talking = TalkingGateway()
    gateways: dict[str, Gateway] = {
        "shop": host_gateway(clock),
        "odd": talking,
        "silent": SilentGateway(),
    }
    woken: list[str] = []
    gateway_webhook = GatewayWebhook(
        NoticeReceiver(store, gateways, clock, LoggingNoticeObserver(metrics)),
        body_limit_bytes=4096,
        body_timeout_seconds=0.4,
        wake=lambda: woken.append("woken"),
    )
    health = Health(store, clock, metrics, readiness, lambda: 0)
    payer_changes = PayerChanges(
        store, Bearers(PEOPLE), clock, body_limit_bytes=4096, body_timeout_seconds=0.4
    )
    server = make_server(create_app(webhook, gateway_webhook, payer_changes, health), knobs)
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield Served(url, port, store, receiver, readiness, client, talking, woken, stored)
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving
    await store.close()
