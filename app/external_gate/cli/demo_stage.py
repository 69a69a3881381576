"""The stage of the demo: emulator and service as real processes, a sandbox gateway, one folder."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from external_gate.assembly import SystemClock
from external_gate.domain.errors import Broken, Unavailable
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import HistoryEntry
from external_gate.gateways.sandbox import charges_by_workflow
from external_gate.outbound.calls import Answered, Call, Timeouts
from external_gate.outbound.transport import CallerMaker
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.store_records import Dossier

SECRET = "demo-webhook-secret"  # noqa: S105 - both ends of it live in this demo
TOKEN = "demo-token"  # noqa: S105 - as above
PATIENCE = timedelta(seconds=30)
"""How long the demo waits for anything before it calls a promise broken."""

Found = TypeVar("Found")

Json = dict[str, Any]
"""JSON as the emulator gives it; its shape is what the demo looks at."""

CONFIG = """
[server]
port = {service_port}
drain_delay_seconds = 0.1
[metronome]
base_url = "http://127.0.0.1:{emulator_port}"
api_token = "{token}"
webhook_secrets = ["{secret}"]
[store]
url = "sqlite:///{folder}/gate.db"
[worker]
# Short, so that a killed process is taken over while somebody is watching.
lease_seconds = 5
drain_seconds = 5
poll_seconds = 0.2
[routing]
default = "sandbox"
[gateways.sandbox]
adapter = "sandbox"
books = "{folder}/sandbox-books.db"
delay_seconds = 0.4
timeout_seconds = 2
"""


class Stage:
    """Starts and stops the players, and asks them what happened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._emulator_port, self._service_port = _free_ports(2)
        self._caller = CallerMaker().make(
            SystemClock(),
            high_water=None,
            timeouts=Timeouts.within(timedelta(seconds=10)),
            max_connections=4,
        )
        self._players: dict[str, asyncio.subprocess.Process] = {}
        self._store = SqliteStore(folder / "gate.db")

    async def raise_curtain(self) -> None:
        """Start emulator and service and wait until both answer. Raises `Broken` with the log."""
        self._config().write_text(
            CONFIG.format(
                service_port=self._service_port,
                emulator_port=self._emulator_port,
                token=TOKEN,
                secret=SECRET,
                folder=self.folder,
            )
        )
        await self._start(
            "emulator",
            *("emulator", "--port", str(self._emulator_port), "--token", TOKEN),
            *("--webhook-secret", SECRET, "--webhook-url", self._webhook_url()),
        )
        await self._until_answers(self._emulator("/_emulator/healthz"), "emulator")
        await self.start_service()
        await self._store.open()

    async def drop_curtain(self) -> None:
        """Stop everything that is still running."""
        await self._store.close()
        for player in self._players.values():
            if player.returncode is None:
                player.terminate()
        for player in self._players.values():
            await player.wait()
        await self._caller.aclose()

    async def start_service(self) -> None:
        """Start the service and wait until it is ready."""
        await self._start("service", "serve", "--config", str(self._config()))
        await self._until_answers(f"http://127.0.0.1:{self._service_port}/readyz", "service")

    async def kill_service(self) -> None:
        """Kill the service the hard way: no handler of its own runs."""
        service = self._players["service"]
        service.send_signal(signal.SIGKILL)
        await service.wait()

    async def customer(self, name: str, payment_method: str) -> str:
        """Make a customer of Metronome's with the sandbox's customer and payment method."""
        fields = {"gateway_customer": "cus_" + name, "gateway_payment_method": payment_method}
        answer = await self.post("/v1/customers", {"name": name, "custom_fields": fields})
        return str(answer["data"]["id"])

    async def contract(self, customer_id: str, *, currency: str, threshold: float) -> str:
        """Make a contract with a spend threshold behind an external gate."""
        answer = await self.post(
            "/v1/contracts/create",
            {
                "customer_id": customer_id,
                "starting_at": "2025-01-01T00:00:00.000Z",
                "rate_card_id": f"{currency.lower()}-standard",
                "spend_threshold_configuration": {
                    "is_enabled": True,
                    "threshold_amount": threshold,
                    "commit": {"product_id": str(uuid4()), "name": "Top-up"},
                    "payment_gate_config": {"payment_gate_type": "EXTERNAL", "tax_type": "NONE"},
                },
            },
        )
        return str(answer["data"]["id"])

    async def use(self, customer_id: str, contract_id: str, amount: str) -> None:
        """Report usage worth `amount`, in Metronome's unit of the contract's currency."""
        event = {
            "transaction_id": str(uuid4()),
            "customer_id": customer_id,
            "event_type": "calls",
            "timestamp": datetime.now(UTC).isoformat(),
            "properties": {"amount": amount, "contract_id": contract_id},
        }
        await self.post("/v1/ingest", [event])

    async def order_fault(self, **fault: object) -> None:
        """Order a fault from the emulator."""
        await self.post("/_emulator/faults", fault)

    async def books(self) -> Json:
        """Give Metronome's books."""
        answer = await self._caller.call(
            Call("GET", self._emulator("/_emulator/books"), {"Authorization": f"Bearer {TOKEN}"})
        )
        return _json(answer)

    async def workflow_of(self, contract_id: str) -> Json:
        """Wait for the contract's workflow to be opened; give Metronome's view of it."""

        async def opened() -> Json | None:
            found = [
                w for w in (await self.books())["workflows"] if w["contract_id"] == contract_id
            ]
            return found[0] if found else None

        return await self.until(opened, "Metronome opened no workflow")

    async def dossier_when(
        self, workflow_id: str, met: Callable[[Dossier], bool], otherwise: str
    ) -> Dossier:
        """Wait until the service's own record satisfies `met`."""

        async def look() -> Dossier | None:
            dossier = await self._store.dossier(WorkflowId(workflow_id))
            return dossier if dossier is not None and met(dossier) else None

        return await self.until(look, otherwise)

    async def until(self, look: Callable[[], Awaitable[Found | None]], otherwise: str) -> Found:
        """Ask again and again until `look` gives something; raise `Broken(otherwise)` at last."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PATIENCE.total_seconds()
        while loop.time() < give_up_at:
            if (found := await look()) is not None:
                return found
            await asyncio.sleep(0.03)
        raise Broken(f"{otherwise} within {PATIENCE.seconds} s; logs are in {self.folder}")

    async def history(self, workflow_id: str) -> list[HistoryEntry]:
        """Give the service's history of a workflow."""
        return list(await self._store.history(WorkflowId(workflow_id)))

    def charges(self) -> Mapping[str, Mapping[str, int]]:
        """Give how often the gateway took money: per workflow, per attempt key."""
        return charges_by_workflow(self.folder / "sandbox-books.db")

    async def post(self, path: str, body: object) -> Json:
        """Call the emulator as any client of Metronome's would."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        call = Call("POST", self._emulator(path), headers, json.dumps(body).encode())
        return _json(await self._caller.call(call))

    def _emulator(self, path: str) -> str:
        return f"http://127.0.0.1:{self._emulator_port}{path}"

    def _webhook_url(self) -> str:
        return f"http://127.0.0.1:{self._service_port}/webhooks/metronome"

    def _config(self) -> Path:
        return self.folder / "external-gate.toml"

    async def _start(self, name: str, *arguments: str) -> None:
        # Appended, so that the log of a killed process is still there after its restart.
        with (self.folder / f"{name}.log").open("ab") as log:
            self._players[name] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "external_gate", *arguments),
                stdout=log,
                stderr=log,
                env={k: v for k, v in os.environ.items() if not k.startswith("EXTERNAL_GATE_")},
            )

    async def _until_answers(self, url: str, name: str) -> None:
        async def answers() -> bool | None:
            player = self._players[name]
            if player.returncode is not None:
                raise Broken(f"the {name} ended with {player.returncode}; see {self.folder}")
            end = await self._caller.call(Call("GET", url, {}))
            return True if isinstance(end, Answered) and end.status == 200 else None

        await self.until(answers, f"the {name} did not answer")


def _json(end: object) -> Json:
    if not isinstance(end, Answered):
        raise Unavailable(f"the emulator did not answer: {end}")
    if end.status >= 400:
        raise Broken(f"the emulator refused: {end.status} {end.body.decode()[:300]}")
    found = json.loads(end.body, parse_float=Decimal) if end.body else {}
    return found if isinstance(found, dict) else {}


def _free_ports(number: int) -> list[int]:
    """Find free ports; held open together, so that no port comes twice."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
