"""A running emulator on a real socket, the official SDK before it, a webhook receiver behind."""

import http.server
import json
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn

from external_gate.emulator import EmulatorSettings, make_server
from external_gate.emulator.delivery import Outbox
from metronome import DefaultHttpxClient, Metronome

PATIENCE_SECONDS = 10.0  # real time until a webhook that does not come fails a test
SECRET = "whsec-for-tests"
PRODUCT = "d6be3bf4-1669-40c9-a8b1-388bb167ab16"
RELEASE_PATH = "/v1/contracts/commits/threshold-billing/release"

# JSON as it came from the wire; its shape is what the tests are about.
Json = dict[str, Any]


@dataclass(frozen=True)
class Webhook:
    """One received request, before anything was decoded."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> Json:
        found: Json = json.loads(self.body)
        return found

    @property
    def type(self) -> str:
        return str(self.message["type"])


@dataclass
class Receiver:
    """Collect webhooks; answer with the planned statuses first, then with 200."""

    planned: list[int] = field(default_factory=list)
    received: "queue.Queue[Webhook]" = field(default_factory=queue.Queue)
    url: str = ""

    def next(self, wanted: str | None = None) -> Webhook:
        """Wait for the next webhook; with `wanted`, pass over those of other types."""
        while True:
            webhook = self.received.get(timeout=PATIENCE_SECONDS)
            if wanted in (None, webhook.type):
                return webhook

    def next_types(self, count: int) -> list[str]:
        return [self.next().type.removeprefix("payment_gate.") for _ in range(count)]


@dataclass
class Running:
    """The emulator as its users see it."""

    url: str
    sdk: Metronome
    http: httpx.Client

    def books(self) -> Json:
        found: Json = self.http.get("/_emulator/books").json()
        return found

    def control(self, path: str, **order: object) -> Json:
        answer = self.http.post(f"/_emulator/{path}", json=order)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def workflows(self, contract_id: str) -> list[Json]:
        return [w for w in self.books()["workflows"] if w["contract_id"] == contract_id]

    def attempts(self, count: int) -> list[Json]:
        """Wait until so many delivery attempts have ended; give them all."""
        ended: list[Json] = []

        def enough() -> bool:
            ended[:] = self.books()["deliveries"]
            return len(ended) >= count

        until(enough)
        return ended

    def release(self, workflow_id: str, outcome: str, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"workflow_id": workflow_id, "outcome": outcome}
        return self.http.post(RELEASE_PATH, json=body, headers=headers)

    def customer(self, **custom_fields: str) -> str:
        created = self.sdk.v1.customers.create(name="Ada", custom_fields=custom_fields)
        return created.data.id

    def contract(self, customer_id: str, **wanted: Any) -> str:  # the SDK's own parameters
        wanted.setdefault("starting_at", "2025-04-01T00:00:00.000Z")
        return self.sdk.v1.contracts.create(customer_id=customer_id, **wanted).data.id

    def spend_contract(self, threshold: float = 1000, rate_card: str = "usd-standard") -> str:
        return self.contract(
            self.customer(), rate_card_id=rate_card, spend_threshold_configuration=spend(threshold)
        )

    def use(self, contract_id: str, amount: str, transaction_id: str | None = None) -> None:
        customer_id = next(
            c["customer_id"] for c in self.books()["contracts"] if c["id"] == contract_id
        )
        event = {
            "customer_id": customer_id,
            "event_type": "calls",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "transaction_id": transaction_id or f"{contract_id}-{amount}",
            "properties": {"amount": amount, "contract_id": contract_id},
        }
        self.sdk.v1.usage.ingest(usage=[event])  # type: ignore[list-item]  # a literal

    def reached(self, contract_id: str, amount: str = "1500") -> Json:
        """Use so much that the threshold is reached; give the workflow that opens."""
        self.use(contract_id, amount)
        return self.workflows(contract_id)[-1]


def spend(threshold: float, **more: object) -> Any:  # fits V1 and V2 parameters of the SDK
    """Make a spend threshold behind an external gate."""
    return {
        "is_enabled": True,
        "threshold_amount": threshold,
        "commit": {"product_id": PRODUCT, "name": "Top-up"},
        "payment_gate_config": {"payment_gate_type": "EXTERNAL", "tax_type": "NONE"},
        **more,
    }


def prepaid(threshold: float, recharge_to: float, **more: object) -> Any:  # as above
    """Make a prepaid balance threshold behind an external gate."""
    return spend(threshold, recharge_to_amount=recharge_to, **more)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread is about to do; fail when it does not."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.002)  # asked again: the server's thread sets no event here


def new_outbox(seed: int | None = 1) -> Outbox:
    """Make an empty queue whose jitter repeats."""
    return Outbox(random.Random(seed))  # noqa: S311 - nothing secret comes of it


Start = Callable[..., Running]


@pytest.fixture(scope="session")
def ending() -> Iterator[list[threading.Thread]]:
    """Let servers end while the next test runs; the session waits for all of them."""
    threads: list[threading.Thread] = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def start(ending: list[threading.Thread]) -> Iterator[Start]:
    """Start emulators with settings of choice; all are told to end with the test."""
    running: list[tuple[uvicorn.Server, threading.Thread, Running]] = []

    def begin(**settings: Any) -> Running:  # EmulatorSettings' own fields
        server = make_server(EmulatorSettings(port=0, **settings))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            thread.join(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        token = settings.get("token") or "any-token"
        sdk = Metronome(
            bearer_token=token,
            base_url=url,
            max_retries=0,
            http_client=DefaultHttpxClient(verify=False),  # plain HTTP; saves a second
            _strict_response_validation=True,
        )
        bearer = {"Authorization": f"Bearer {token}"}
        plain = httpx.Client(base_url=url, headers=bearer, verify=False)  # noqa: S501 - as above
        running.append((server, thread, Running(url, sdk, plain)))
        return running[-1][2]

    yield begin
    for server, thread, one in running:
        one.sdk.close()
        one.http.close()
        server.should_exit = True
        ending.append(thread)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Listen for webhooks on a real socket."""
    collected = Receiver()

    class Collect(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = collected.planned.pop(0) if collected.planned else 200
            collected.received.put(Webhook(dict(self.headers.items()), body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    class Listener(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128  # five by default, and others are refused

    with Listener(("127.0.0.1", 0), Collect) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        collected.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        yield collected
        server.shutdown()
        thread.join()


@pytest.fixture
def emulator(start: Start, receiver: Receiver) -> Running:
    """Run an emulator that sends to the receiver."""
    return start(webhook_url=receiver.url, webhook_secret=SECRET, seed=7)
