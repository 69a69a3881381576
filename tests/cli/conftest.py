"""A home for commands: a configuration, a real database, and commands as people type them."""

import asyncio
import logging
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from click.testing import CliRunner, Result

from external_gate.cli.main import cli
from external_gate.cli.opening import open_service
from external_gate.domain.charge import Capabilities
from external_gate.stores.store import Store
from external_gate.web.app import create_app
from external_gate.web.bearer import Bearers
from external_gate.web.gateway_webhooks import GatewayWebhook
from external_gate.web.health import Health, Readiness
from external_gate.web.payer_changes import PayerChanges
from external_gate.web.server import DrainingServer, listen, make_server
from external_gate.web.webhooks import MetronomeWebhook
from tests.databases import Database
from tests.engine.world import EVERY_ANSWER, World, open_world
from tests.outbound.conftest import certificate, server_tls  # noqa: F401 - fixtures

Found = TypeVar("Found")

SECRETS = ("c4n4ry-token", "c4n4ry-secret", "c4n4ry-gateway")


@dataclass
class Home:
    """One folder with everything that commands use."""

    folder: Path
    place: Database
    metronome_url: str = "http://127.0.0.1:9"  # nobody listens there

    @property
    def config(self) -> Path:
        return self.folder / "gate.toml"

    @property
    def file(self) -> Path:
        """Give where the database is, if it is a file."""
        return self.folder / "gate.db"

    def configure(self, *, port: int = 8080, gateway: str = "", more: str = "") -> None:
        """Write the configuration; the sandbox charges unless another gateway is given."""
        sandbox = f'adapter = "sandbox"\nbooks = "{self.folder}/books.db"'
        self.config.write_text(
            f"""
[server]
port = {port}
[metronome]
base_url = "{self.metronome_url}"
api_token = "c4n4ry-token"
webhook_secrets = ["c4n4ry-secret"]
connect_timeout_seconds = 2
[store]
{self.place.table}
busy_timeout_seconds = 0.2
{more}
[gateways.main]
{gateway or sandbox}
"""
        )

    def run(
        self,
        *arguments: str,
        typed: str | bytes | None = None,
        color: bool = False,
        **environ: str | None,
    ) -> Result:
        """Run a command as `main` would, with this configuration; `color` as on a terminal."""
        environment = {"USER": "ada", "NO_COLOR": "1", **environ}
        command = [*arguments, "--config", str(self.config)]
        result = CliRunner().invoke(cli, command, env=environment, input=typed, color=color)
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        assert not any(secret in result.output for secret in SECRETS)
        return result

    def with_store(self, work: Callable[[Store], Awaitable[Found]]) -> Found:
        """Do something with the store beside the commands."""

        async def opened() -> Found:
            store = self.place.store()
            await store.open()
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(opened())

    def live(
        self,
        story: Callable[[World], Awaitable[None]],
        capabilities: Capabilities = EVERY_ANSWER,
        **policy: Any,  # as `open_world` takes it
    ) -> None:
        """Let an engine with a scripted gateway live through a story in this home's store."""

        async def lived() -> None:
            world = await open_world(self.place.store(), capabilities, **policy)
            try:
                await story(world)
            finally:
                await world.store.close()

        asyncio.run(lived())


@pytest.fixture
def home(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Give a home with a sound configuration; the store is made by whoever comes first."""
    monkeypatch.chdir(tmp_path)
    found = Home(tmp_path, database)
    found.configure()
    return found


@contextmanager
def receiving(home: Home) -> Iterator[int]:
    """Run the receiving side of a service on a real socket, without a worker; gives its port."""
    started: queue.Queue[tuple[DrainingServer, int]] = queue.Queue()

    async def serve() -> None:
        async with open_service(home.config) as service:
            health = Health(
                service.store, service.clock, service.metrics, Readiness(), running=lambda: 0
            )
            webhook = MetronomeWebhook(
                service.receiver, body_limit_bytes=4096, body_timeout_seconds=5, wake=lambda: None
            )
            gateway_webhook = GatewayWebhook(
                service.notice_receiver,
                body_limit_bytes=4096,
                body_timeout_seconds=5,
                wake=lambda: None,
            )
            payer_changes = PayerChanges(
                service.store,
                Bearers(service.settings.operators.people),
                service.clock,
                body_limit_bytes=4096,
                body_timeout_seconds=5,
            )
            server = make_server(create_app(webhook, gateway_webhook, payer_changes, health))
            with listen("127.0.0.1", 0) as listener:
                started.put((server, listener.getsockname()[1]))
                await server.serve(sockets=[listener])

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    server, port = started.get(timeout=10)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Undo what a command did to logging, which belongs to the whole process."""
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    yield
    for handler in list(logging.getLogger().handlers):
        if handler not in handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()
    for handler in handlers:
        if handler not in logging.getLogger().handlers:
            logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()
