"""An account at a pretend Metronome, its official SDK as a second pair of eyes, our thresholds."""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from external_gate.domain.clock import HighWater
from external_gate.domain.identifiers import ContractId, CustomerId
from external_gate.emulator import EmulatorSettings, make_server
from external_gate.metronome.contracting import (
    ContractTerms,
    CustomUnit,
    RateCard,
    ThresholdConfig,
    ThresholdKind,
)
from external_gate.metronome.contracting_client import ContractingClient
from external_gate.outbound.calls import Call, CallEnd, Timeouts
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.thresholds.applying import Thresholds
from external_gate.thresholds.contract_books import ContractBooks
from external_gate.thresholds.planning import Wish
from external_gate.thresholds.tariff import tariff_of
from metronome import DefaultHttpxClient, Metronome
from tests.databases import Database

TOKEN = "secret-token-123"
PRODUCT = "d6be3bf4-1669-40c9-a8b1-388bb167ab16"
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)

# JSON as it came from the wire; its shape is what the tests are about.
Json = dict[str, Any]


class MovedClock:
    """The machine's clock, moved on by whoever waits by it; `while_asleep` happens meanwhile."""

    def __init__(self) -> None:
        self.moved = timedelta()
        self.while_asleep: list[Callable[[], Awaitable[None]]] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + self.moved

    async def sleep(self, duration: timedelta) -> None:
        self.moved += duration
        for happen in self.while_asleep:
            await happen()


@dataclass
class Killable:
    """A caller whose command can be killed: before a call leaves, or after its answer came."""

    caller: HttpxCaller
    kill_at: tuple[int, str] | None = None
    calls: list[Call] = field(default_factory=list)

    async def call(self, call: Call) -> CallEnd:
        number = len(self.calls)
        if self.kill_at == (number, "before"):
            raise Killed
        self.calls.append(call)
        end = await self.caller.call(call)
        if self.kill_at == (number, "after"):
            raise Killed
        return end

    def sent(self, path: str) -> list[Call]:
        return [each for each in self.calls if each.url.endswith(path)]


class Killed(BaseException):
    """The process died here."""


@dataclass
class Account:
    """The emulator, the SDK, and what the owner would do by hand."""

    url: str
    sdk: Metronome
    http: httpx.Client

    def control(self, path: str, **order: object) -> Json:
        answer = self.http.post(f"/_emulator/{path}", json=order)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def books(self) -> Json:
        found: Json = self.http.get("/_emulator/books").json()
        return found

    def customer(self, name: str = "Ada") -> CustomerId:
        return CustomerId(self.sdk.v1.customers.create(name=name).data.id)

    def contract(
        self, customer_id: CustomerId, rate_card: str = "usd-1", **more: Any
    ) -> ContractId:
        made = self.sdk.v1.contracts.create(
            customer_id=customer_id,
            rate_card_id=rate_card,
            starting_at=datetime(2025, 4, 1, tzinfo=UTC),
            **more,
        )
        return ContractId(made.data.id)

    def config(self, customer_id: str, contract_id: str, kind: str = "spend") -> Any:  # SDK's model
        """Give a threshold as the SDK reads it."""
        contract = self.sdk.v2.contracts.retrieve(customer_id=customer_id, contract_id=contract_id)
        return getattr(contract.data, ThresholdKind(kind).field_name)

    def edits(self, customer_id: str, contract_id: str) -> list[Any]:  # SDK's models
        listed = self.sdk.v2.contracts.get_edit_history(
            customer_id=customer_id, contract_id=contract_id
        )
        return list(listed.data)

    def workflows(self, contract_id: str) -> list[Json]:
        return [w for w in self.books()["workflows"] if w["contract_id"] == contract_id]


@pytest.fixture
def account() -> Iterator[Account]:
    server = make_server(EmulatorSettings(port=0, token=TOKEN))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.005)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with (
        Metronome(
            bearer_token=TOKEN,
            base_url=url,
            max_retries=0,
            http_client=DefaultHttpxClient(verify=False),  # plain HTTP; saves a second
        ) as sdk,
        httpx.Client(base_url=url, headers=bearer, verify=False) as plain,  # noqa: S501 - as above
    ):
        yield Account(url, sdk, plain)
    server.should_exit = True
    thread.join()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def wire(clock: MovedClock) -> AsyncIterator[Killable]:
    timeouts = Timeouts.within(timedelta(seconds=5))
    async with HttpxCaller(
        clock, high_water=HighWater(), timeouts=timeouts, max_connections=8
    ) as caller:
        yield Killable(caller)


@pytest.fixture
def thresholds(account: Account, wire: Killable, clock: MovedClock) -> Thresholds:
    client = ContractingClient(wire, base_url=account.url, token=TOKEN)
    return Thresholds(client, clock)


@pytest.fixture
async def books(database: Database, clock: MovedClock) -> AsyncIterator[ContractBooks]:
    store = database.store()
    await store.open()
    yield ContractBooks(store, clock)
    await store.close()


SPEND = Wish(kind=ThresholdKind.SPEND, amount=Decimal(50), unit="USD", product_id=PRODUCT)
PREPAID = Wish(amount=Decimal(20), recharge_to=Decimal(100), unit="USD", product_id=PRODUCT)
ON = Wish(is_enabled=True)
OFF = Wish(is_enabled=False)

USD = tariff_of(RateCard("card", None, "USD (cents)"), {})
EUR = tariff_of(RateCard("card", "some-id", "EUR"), {})
TOKENS = CustomUnit("tok-id", "AI Tokens", fiat_each=Decimal(10))
WITH_TOKENS = tariff_of(RateCard("card", None, "USD (cents)", (TOKENS,)), {})


def terms(*configs: ThresholdConfig, **more: Any) -> ContractTerms:  # the record's own fields
    """Make a contract with thresholds."""
    found = ContractTerms(
        customer_id=CustomerId("cus"),
        contract_id=ContractId("con"),
        name=None,
        rate_card_id="card",
        starting_at=datetime(2025, 4, 1, tzinfo=UTC),
        ending_before=None,
        archived_at=None,
        uniqueness_key=None,
        thresholds={each.kind: each for each in configs},
    )
    return replace(found, **more)
