"""A service in this process behind a real socket, on a real file."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from external_gate.assembly import SystemClock
from external_gate.intake.receive import Receiver
from external_gate.intake.signature import AgeLimits, http_date, sign
from external_gate.observe.metrics import Metrics
from external_gate.observe.observer import LoggingObserver
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.sqlite_connection import connect_file
from external_gate.web.app import create_app
from external_gate.web.health import Health, Readiness
from external_gate.web.server import listen, make_server
from external_gate.web.webhooks import MetronomeWebhook

SECRET = "web-secret"


@dataclass
class Served:
    """The receiving side alone: no worker, so that rows stay as they were recorded."""

    url: str
    port: int
    store: SqliteStore
    readiness: Readiness
    client: httpx.AsyncClient
    path: Path
    writer: sqlite3.Connection
    """The store's own writing connection, to make its disk full."""

    async def deliver(
        self, body: bytes, *, age: timedelta = timedelta(0), secret: str = SECRET, **headers: str
    ) -> httpx.Response:
        """Deliver a body as Metronome would."""
        date = http_date(SystemClock().now() - age)
        signed = {
            "X-Metronome-Date": date,
            "Metronome-Webhook-Signature": sign(secret, date=date, body=body),
        }
        return await self.client.post("/webhooks/metronome", content=body, headers=signed | headers)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """Serve webhooks, health and metrics on a free port."""
    path = tmp_path / "gate.db"
    connections: list[sqlite3.Connection] = []

    def connect(file: Path, busy_timeout: timedelta) -> sqlite3.Connection:
        connections.append(connect_file(file, busy_timeout))
        return connections[-1]

    store = SqliteStore(path, busy_timeout=timedelta(milliseconds=100), connect=connect)
    await store.open()
    clock, metrics, readiness = SystemClock(), Metrics(CollectorRegistry()), Readiness()
    receiver = Receiver(store, [SECRET], AgeLimits(), clock, LoggingObserver(metrics))
    webhook = MetronomeWebhook(
        receiver, body_limit_bytes=4096, body_timeout_seconds=0.4, wake=lambda: None
    )
    server = make_server(create_app(webhook, Health(store, clock, metrics, readiness, lambda: 0)))
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield Served(url, port, store, readiness, client, path, connections[0])
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving
    await store.close()
