"""What Metronome sent reaches others as it came: every byte, under its own signature."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from random import Random

import pytest

from external_gate.domain.errors import Unavailable
from external_gate.domain.forwarding import is_wanted
from external_gate.domain.host_notice import DeliveryState, DueNotice, KeptHostNotice, NoticeFilter
from external_gate.intake.receive import Receiver
from external_gate.intake.signature import AgeLimits
from external_gate.notices.courier import Courier
from external_gate.notices.endpoints import forward_routes, forwarding_of
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.settings.model import ForwardSettings
from external_gate.stores.sql_store import SqlStore
from external_gate.stores.store_records import Receipt, Recorded
from external_gate.testkit.fake_server import FakeServer, WireAnswer, WireRequest
from tests.databases import Database
from tests.notices.conftest import HandClock, Heard, Names

SECRET = "metronome-secret"


class Silent:
    """An observer of the intake that has nothing to say."""

    def acknowledged(self, *_told: object) -> None:
        """Say nothing."""

    def recorded(self, *_told: object, **_more: object) -> None:
        """Say nothing."""

    def refused(self, *_told: object, **_more: object) -> None:
        """Say nothing."""

    def shed(self, reason: str, untold: int) -> None:
        """Say nothing."""


@dataclass
class Ledger:
    """A receiver on a socket that knows Metronome's secret and verifies by itself."""

    statuses: list[int] = field(default_factory=list)
    answer: WireAnswer | None = None
    verified: list[bytes] = field(default_factory=list)
    requests: list[WireRequest] = field(default_factory=list)
    url: str = ""

    async def respond(self, request: WireRequest) -> WireAnswer:
        self.requests.append(request)
        date = request.headers["x-metronome-date"]
        message = date.encode() + b"\n" + request.body
        wanted = hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(wanted, request.headers["metronome-webhook-signature"])
        if self.answer is not None:
            return self.answer
        status = self.statuses.pop(0) if self.statuses else 204
        if status < 300:
            self.verified.append(request.body)
        return WireAnswer(status)


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    found = Ledger()
    server = FakeServer(found.respond)
    found.url = f"{await server.start()}/metronome"
    yield found
    await server.stop()


@pytest.fixture
async def store(database: Database) -> AsyncIterator[SqlStore]:
    found = database.store()
    await found.open()
    yield found
    await found.close()


@dataclass
class Gate:
    """A service's intake and its courier, with the same configuration."""

    store: SqlStore
    caller: HttpxCaller
    clock: HandClock
    forward: ForwardSettings
    names: Names = field(default_factory=Names)
    heard: Heard = field(default_factory=Heard)

    async def receive(self, kind: str, name: str = "n-1", **more: object) -> Recorded:
        """Take a delivery in, signed by other code than ours."""
        body = json.dumps({"id": name, "type": kind, **more}, indent=3).encode() + b"\n "
        date = format_datetime(self.clock.now(), usegmt=True)
        signature = hmac.new(SECRET.encode(), date.encode() + b"\n" + body, hashlib.sha256)
        headers = {
            "x-metronome-date": date,
            "metronome-webhook-signature": signature.hexdigest(),
            "content-type": "application/json",
            "authorization": "not to be passed on",
            "host": "ours",
        }
        receiver = Receiver(
            self.store, [SECRET], AgeLimits(), self.clock, Silent(), forwarding_of(self.forward)
        )
        return await receiver.receive(headers, body)

    def courier(self, store: SqlStore | None = None) -> Courier:
        return Courier(
            store or self.store,
            forward_routes(self.forward, self.caller, self.names.resolve),
            clock=self.clock,
            random=Random(7),  # noqa: S311 - waits, not secrets
            observer=self.heard,
            poll=timedelta(seconds=1),
        )

    async def kept(self) -> list[KeptHostNotice]:
        return list(await self.store.host_notices(NoticeFilter(forwarded=True)))


MakeGate = Callable[..., Gate]


@pytest.fixture
def gate(store: SqlStore, caller: HttpxCaller, clock: HandClock, ledger: Ledger) -> MakeGate:
    def make(**keys: object) -> Gate:
        told = {"url": ledger.url, "allow_private": True, **keys}
        return Gate(store, caller, clock, ForwardSettings.model_validate(told))

    return make


async def test_receiver_verifies_metronomes_own_signature_over_the_same_bytes(
    gate: MakeGate, ledger: Ledger
) -> None:
    service = gate()
    recorded = await service.receive("invoice.finalized", properties={"total": 1.50})

    assert await service.courier().run_once() == 1

    notification = await service.store.notification(recorded.number)
    assert notification is not None
    assert ledger.verified == [notification.body]
    (request,) = ledger.requests
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert recorded.receipt is Receipt.IGNORED


async def test_each_delivery_is_passed_on_once_however_often_it_comes(
    gate: MakeGate, ledger: Ledger
) -> None:
    service = gate()
    for _ in range(3):
        await service.receive("invoice.finalized")
        await service.courier().run_once()

    assert len(ledger.requests) == 1


async def test_only_wanted_types_go_to_each_endpoint(gate: MakeGate, ledger: Ledger) -> None:
    second = {"url": f"{ledger.url}/second", "types": ["alerts.low"], "allow_private": True}
    service = gate(types=["invoice.*", "payment_gate.*"], endpoints={"second": second})
    for number, kind in enumerate(["invoice.finalized", "invoices", "alerts.low", "alerts.lower"]):
        await service.receive(kind, f"n-{number}")

    await service.courier().run_once()

    assert sorted(request.path.rpartition("/")[2] for request in ledger.requests) == [
        "metronome",
        "second",
    ]
    assert {kept.type for kept in await service.kept()} == {"invoice.finalized", "alerts.low"}


@pytest.mark.parametrize("kind", ["payment_gate.external_initiate", "", "\x00"])
async def test_what_asks_for_a_charge_or_may_do_so_is_passed_on_to_nobody(
    gate: MakeGate, ledger: Ledger, kind: str
) -> None:
    service = gate(types=["payment_gate.*"])
    await service.receive(kind, properties={"workflow_id": "w-1"})
    await gate().receive(kind, "n-2")

    assert await service.kept() == []
    assert await service.courier().run_once() == 0


def test_prefix_ends_at_a_dot() -> None:
    assert is_wanted("invoice.finalized", ["invoice.*"])
    assert not is_wanted("invoices.finalized", ["invoice.*"])
    assert not is_wanted("invoice", ["invoice.*"])


class DiesBeforeTheNote:
    """An outbox whose process is killed after the send and before that is written down."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.claim_notices = store.claim_notices
        self.bury_notices = store.bury_notices

    async def settle_notice(self, _due: DueNotice, **_told: object) -> bool:
        raise Unavailable("killed")


async def test_killed_between_send_and_note_it_is_sent_again_and_never_lost(
    gate: MakeGate, ledger: Ledger, clock: HandClock
) -> None:
    service = gate()
    await service.receive("invoice.finalized")

    await service.courier(DiesBeforeTheNote(service.store)).run_once()  # type: ignore[arg-type]  # all that a courier asks for
    assert await service.courier().run_once() == 0  # leased by the dead one
    clock.advance(seconds=60)
    await service.courier().run_once()

    assert len(ledger.verified) == 2
    assert len(set(ledger.verified)) == 1
    (way,) = (await service.kept())[0].deliveries
    assert (way.state, way.tries) == (DeliveryState.DELIVERED, 2)


async def test_two_replicas_share_the_deliveries(gate: MakeGate, ledger: Ledger) -> None:
    service = gate()
    for number in range(6):
        await service.receive("invoice.finalized", f"n-{number}")

    await asyncio.gather(service.courier().run_once(), service.courier().run_once())
    await service.courier().run_once()

    assert len(ledger.verified) == len(set(ledger.verified)) == 6


@pytest.mark.parametrize(
    "answer",
    [
        WireAnswer(302, headers={"location": "http://127.0.0.1:1/"}),
        WireAnswer(200, b"x" * 20_000_000),
        WireAnswer(500),
    ],
    ids=["redirect", "huge", "error"],
)
async def test_hostile_endpoint_is_asked_once_a_try_and_never_followed(
    gate: MakeGate, ledger: Ledger, answer: WireAnswer
) -> None:
    service = gate()
    ledger.answer = answer
    await service.receive("invoice.finalized")

    await service.courier().run_once()

    assert len(ledger.requests) == 1
    (way,) = (await service.kept())[0].deliveries
    assert (way.state, way.tries) == (DeliveryState.WAITING, 1)


async def test_endpoint_that_hangs_delays_no_acknowledgement_and_no_other_endpoint(
    gate: MakeGate, ledger: Ledger
) -> None:
    reader_came = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader_came.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    stuck = {"url": url, "allow_private": True, "timeout_seconds": 0.3}
    service = gate(endpoints={"stuck": stuck})
    await service.receive("invoice.finalized")

    trying = asyncio.create_task(service.courier().run_once())
    await reader_came.wait()
    recorded = await service.receive("invoice.finalized", "n-2")
    await trying
    await service.courier().run_once()
    server.close()
    await server.wait_closed()

    assert recorded.receipt is Receipt.IGNORED
    assert len(ledger.verified) == 2
    states = {way.endpoint: way.state for kept in await service.kept() for way in kept.deliveries}
    assert states == {"forward.default": "delivered", "forward.stuck": "waiting"}


async def test_private_address_is_not_connected_to_unless_allowed(
    gate: MakeGate, ledger: Ledger
) -> None:
    service = gate(url=ledger.url.replace("127.0.0.1", "host.example"), allow_private=False)
    service.names.known["host.example"] = ["127.0.0.1"]
    await service.receive("invoice.finalized")

    await service.courier().run_once()

    assert ledger.requests == []
    (way,) = (await service.kept())[0].deliveries
    assert "private network" in way.outcome


async def test_not_taken_for_three_days_it_is_dead_until_a_person_sends_it_again(
    gate: MakeGate, ledger: Ledger, clock: HandClock
) -> None:
    service = gate()
    await service.receive("invoice.finalized")
    ledger.statuses = [503] * 99
    began = clock.now()
    while await service.courier().run_once():
        (kept,) = await service.kept()
        clock.instant = kept.deliveries[0].due_at or clock.instant

    assert clock.now() - began == timedelta(days=3)
    assert (await service.store.counts()).notices_dead == {"forward.default": 1}
    ledger.statuses = []
    (kept,) = await service.kept()
    await service.store.resend_notice(kept.number, endpoints=["forward.default"], at=clock.now())
    await service.courier().run_once()
    assert len(ledger.verified) == 1
