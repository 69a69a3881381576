"""The players of a story as real processes: emulator, service, host application; nothing mocked."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from metronome import DefaultHttpxClient, Metronome

SECRET = "story-webhook-secret"
TOKEN = "story-token"
PATIENCE_SECONDS = 40.0
MANY_BOOKS_SECONDS = 120.0
"""Tens of thousands of workflows take the emulator a while to tell of."""

Found = TypeVar("Found")
Json = dict[str, Any]  # JSON as it came from the wire


def until(look: Callable[[], Found | None], otherwise: str) -> Found:
    """Ask another process again and again; the only waiting in these tests."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        found = look()
        if found:
            return found
        time.sleep(0.05)  # asked again: another process sets no event here
    raise AssertionError(otherwise)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Players:
    """Starts processes in one folder and ends them all."""

    folder: Path
    emulator_port: int = field(default_factory=free_port)
    service_port: int = field(default_factory=free_port)
    store: str = ""
    """The table `[store]` of the configuration, when it is not the usual file."""
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def service_url(self) -> str:
        return f"http://127.0.0.1:{self.service_port}"

    @property
    def emulator_url(self) -> str:
        return f"http://127.0.0.1:{self.emulator_port}"

    @property
    def config(self) -> Path:
        return self.folder / "external-gate.toml"

    @property
    def books(self) -> Path:
        return self.folder / "sandbox-books.db"

    def write_config(self, *, gateway: str | None = None, more: str = "") -> None:
        sandbox = f'adapter = "sandbox"\nbooks = "{self.books}"\ndelay_seconds = 0.2'
        self.config.write_text(
            f"""
[server]
port = {self.service_port}
drain_delay_seconds = 0.3
[metronome]
base_url = "{self.emulator_url}"
api_token = "{TOKEN}"
webhook_secrets = ["{SECRET}"]
[store]
{self.store or f'url = "sqlite:///{self.folder}/gate.db"'}
busy_timeout_seconds = 1
[worker]
lease_seconds = 4
drain_seconds = 4
poll_seconds = 0.2
{more}
[gateways.main]
{gateway or sandbox}
timeout_seconds = 2
"""
        )

    def start(
        self, name: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, *arguments],
                stdout=log,
                stderr=log,
                env={**clean_environment(), **(env or {})},
            )
        return self.running[name]

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def start_emulator(self, *more: str) -> None:
        self.start(
            "emulator",
            *("-m", "external_gate", "emulator", "--port", str(self.emulator_port)),
            *("--token", TOKEN, "--webhook-secret", SECRET),
            *("--webhook-url", f"{self.service_url}/webhooks/metronome"),
            *more,
        )
        until(lambda: answers(f"{self.emulator_url}/_emulator/healthz"), "no emulator")

    def start_service(
        self, *, wait: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        serving = ("-m", "external_gate", "serve", *self.with_config)
        service = self.start("service", *serving, env=env)
        if wait:
            until(lambda: answers(f"{self.service_url}/readyz"), "no service")
        return service

    @property
    def with_config(self) -> tuple[str, str]:
        return ("--config", str(self.config))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "external_gate", *arguments, *self.with_config],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            env=clean_environment(),
            check=False,
        )

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        self.running[name].send_signal(number)

    def end(self) -> None:
        for player in self.running.values():
            if player.poll() is None:
                player.send_signal(signal.SIGCONT)
                player.kill()
            player.wait()


def clean_environment() -> Mapping[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("EXTERNAL_GATE_")}


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def players(folder: Path) -> Iterator[Players]:
    """Give the players of one story; every process has ended afterwards."""
    cast = Players(folder)
    try:
        yield cast
    finally:
        cast.end()


@dataclass
class Account:
    """The Metronome account of a story, driven by Metronome's official SDK."""

    cast: Players
    sdk: Metronome

    def customer(self, payment_method: str = "pm_ok", *, gateway: str = "") -> str:
        fields = {"gateway_customer": "cus_1", "gateway_payment_method": payment_method}
        if gateway:
            fields["gateway"] = gateway
        return self.sdk.v1.customers.create(name="Ada", custom_fields=fields).data.id

    def contract(
        self, customer_id: str, *, threshold: float = 1000, rate_card: str = "usd-standard"
    ) -> str:
        gate: Any = {  # a literal that fits the SDK's parameters
            "is_enabled": True,
            "threshold_amount": threshold,
            "commit": {"product_id": "d6be3bf4-1669-40c9-a8b1-388bb167ab16", "name": "Top-up"},
            "payment_gate_config": {"payment_gate_type": "EXTERNAL", "tax_type": "NONE"},
        }
        return self.sdk.v1.contracts.create(
            customer_id=customer_id,
            starting_at="2025-04-01T00:00:00.000Z",
            rate_card_id=rate_card,
            spend_threshold_configuration=gate,
        ).data.id

    def use(self, customer_id: str, contract_id: str, amount: str) -> None:
        event: Any = {  # as above
            "customer_id": customer_id,
            "event_type": "calls",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "transaction_id": f"{contract_id}-{amount}",
            "properties": {"amount": amount, "contract_id": contract_id},
        }
        self.sdk.v1.usage.ingest(usage=[event])

    def reach(self, payment_method: str = "pm_ok", amount: str = "1500") -> Json:
        """Use so much that a new contract's threshold is reached; give the workflow opened."""
        customer_id = self.customer(payment_method)
        contract_id = self.contract(customer_id)
        self.use(customer_id, contract_id, amount)
        return self.workflow_of(contract_id)

    def books(self) -> Json:
        url = f"{self.cast.emulator_url}/_emulator/books"
        found: Json = httpx.get(url, headers=bearer(), timeout=MANY_BOOKS_SECONDS).json()
        return found

    def control(self, path: str, **order: object) -> None:
        url = f"{self.cast.emulator_url}/_emulator/{path}"
        answer = httpx.post(url, json=order, headers=bearer(), timeout=MANY_BOOKS_SECONDS)
        answer.raise_for_status()

    def workflow_of(self, contract_id: str) -> Json:
        return until(
            lambda: next(
                (w for w in self.books()["workflows"] if w["contract_id"] == contract_id), None
            ),
            "Metronome opened no workflow",
        )

    def ended(self, workflow: Json, wanted: str) -> Json:
        """Wait until Metronome's own workflow is where it shall be."""

        def look() -> Json | None:
            known = {w["workflow_id"]: w for w in self.books()["workflows"]}
            found: Json = known[workflow["workflow_id"]]
            return found if found["state"] == wanted else None

        return until(look, f"{workflow['workflow_id']} is not {wanted}: {self.books()}")


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


def account(cast: Players) -> Account:
    """Give an account whose SDK talks to the story's emulator."""
    sdk = Metronome(
        bearer_token=TOKEN,
        base_url=cast.emulator_url,
        max_retries=0,
        http_client=DefaultHttpxClient(trust_env=False),
        _strict_response_validation=True,
    )
    return Account(cast, sdk)
