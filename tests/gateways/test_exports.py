"""What a plugin author may rely on: the exact list, and an adapter that needs nothing else."""

import ast
import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import external_gate.gateways
from external_gate.domain.errors import Broken
from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    Pending,
    Succeeded,
    TooLate,
    Undone,
    UndoUnknown,
    Unknown,
)
from external_gate.gateways import Caller, Charge, Gateway, SentCharge, Surroundings, sign
from external_gate.gateways.registry import GROUP, make
from external_gate.outbound.httpx_caller import HttpxCaller
from tests.gateways.conftest import (
    SECRET,
    Json,
    ScriptedCaller,
    WallClock,
    charge_of,
    request_of,
    sent_of,
)

EXPORTS = """
    Gateway Surroundings Clock
    Capabilities Idempotency KeyStores Lookup Cancel
    ChargeRequest SentCharge Charge AttemptKey Money Payer
    Caller Call Timeouts CallEnd Answered NeverSent SentUnanswered
    Outcome Succeeded Declined DeclineKind Pending Unknown NotSent Misconfigured NotFound
    Undo Undone UndoPending TooLate UndoUnknown
    GatewayNotice sign verify
    BadInput Refused Broken
""".split()  # noqa: SIM905 # read as the table of contents that it is

FOR_ITS_TESTS = {"Gateway", "Clock", "Caller", "Payer", "sign"}
"""What an adapter itself can do without: types of its doubles, and how its fake signs."""

ADAPTER = Path(__file__).with_name("acme_gateway.py")


def imports(source: str) -> dict[str, set[str]]:
    """Give which names a module imports from where."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found.setdefault(node.module or "", set()).update(name.name for name in node.names)
        elif isinstance(node, ast.Import):
            found.update({name.name: set() for name in node.names})
    return found


def test_exports_are_exactly_these() -> None:
    assert external_gate.gateways.__all__ == EXPORTS
    # pytest rewrites the asserts of packages that bring a plugin, by names that begin with @.
    public = {name for name in vars(external_gate.gateways) if not name.startswith(("_", "@"))}
    modules = {name for name in public if f"external_gate.gateways.{name}" in sys.modules}
    assert public - modules == set(EXPORTS)


def test_every_export_says_what_it_is() -> None:
    # A NewType cannot carry a docstring of its own; Charge.attempt_key tells of it.
    for name in set(EXPORTS) - {"AttemptKey", "Outcome", "Undo", "CallEnd"}:
        assert getattr(external_gate.gateways, name).__doc__, name


def test_an_adapter_needs_all_of_them_and_nothing_else_of_ours() -> None:
    used = imports(ADAPTER.read_text())

    ours = {module for module in used if module.split(".")[0] in {"external_gate", "tests"}}
    assert ours == {"external_gate.gateways"}
    assert used["external_gate.gateways"] == set(EXPORTS) - FOR_ITS_TESTS


def test_importing_the_contract_brings_no_adapter_and_no_library_along() -> None:
    program = "import external_gate.gateways, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()

    heavy = {"httpx", "pydantic", "click", "structlog", "asyncio", "sqlite3"}
    assert not heavy & set(loaded)
    rooms = {name for name in loaded if name.startswith("external_gate.gateways.")}
    assert rooms == {"external_gate.gateways.gateway"}


class PretendAcme:
    """Acme behind a socket, with state; loses the answer to the first payment of `card_lossy`."""

    def __init__(self) -> None:
        self.payments: dict[str, Json] = {}
        self.captures = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        lines = (line.partition(": ") for line in head.lower().split("\r\n")[1:])
        headers = {name: value for name, _, value in lines}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status, said = self.answer(method, path, headers, body)
        text = json.dumps(said).encode()
        if status:
            head = (
                f"HTTP/1.1 {status} X\r\ncontent-length: {len(text)}\r\nconnection: close\r\n\r\n"
            )
            writer.write(head.encode() + text)
        writer.close()

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Json]:
        if headers["authorization"] != "bearer acme-key":
            return 401, {}
        if method == "GET":
            found = self.payments.get(path.partition("=")[2])
            return 200, {"payments": [found] if found else []}
        if path == "/payments":
            return self.pay(json.loads(body))
        _, _, number, what = path.split("/")
        return self.undo(number, what)

    def pay(self, order: Json) -> tuple[int, Json]:
        known = self.payments.get(order["reference"])
        if known is not None:
            return 200, known
        state, code = {"card_empty": ("refused", "no_funds"), "card_bank": ("open", None)}.get(
            order["card"], ("paid", None)
        )
        self.captures += state == "paid"
        payment = {**order, "id": f"acme-{len(self.payments)}", "state": state, "code": code}
        self.payments[order["reference"]] = payment
        return 0 if order["card"] == "card_lossy" else 200, payment

    def undo(self, number: str, what: str) -> tuple[int, Json]:
        [payment] = [known for known in self.payments.values() if known["id"] == number]
        if what == "void" and payment["state"] != "open":
            return 409, {"state": payment["state"]}
        return 200, {"state": "voided" if what == "void" else "refunded"}


@pytest.fixture
async def acme() -> AsyncIterator[tuple[PretendAcme, str]]:
    pretend = PretendAcme()
    async with await asyncio.start_server(pretend.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield pretend, f"http://127.0.0.1:{port}"


def made(url: str, caller: Caller, *, api_key: str = "acme-key") -> Gateway:
    entry = EntryPoint("acme", "tests.gateways.acme_gateway:AcmeGateway", GROUP)
    return make(
        "acme",
        {"url": url, "api_key": api_key, "webhook_secret": SECRET},
        Surroundings("eu", caller, WallClock()),
        entry_points=lambda: [entry],
    )


def known(charge_id: str, charge: Charge) -> SentCharge:
    return replace(sent_of(charge), charge_id=charge_id)


async def test_adapter_charges_and_undoes_over_a_socket(
    acme: tuple[PretendAcme, str], caller: HttpxCaller
) -> None:
    pretend, url = acme
    gateway = made(url, caller)
    charge, pending = charge_of("card_1"), charge_of("card_bank", workflow="wf-2")
    paid = Succeeded("acme-0", Money(1500, "USD"), reference=charge.attempt_key)

    assert await gateway.lookup(sent_of(charge)) == NotFound(conclusive=True)
    assert await gateway.charge(request_of(gateway, charge)) == paid
    assert await gateway.charge(request_of(gateway, charge)) == paid
    assert await gateway.lookup(sent_of(charge)) == paid
    assert await gateway.charge(request_of(gateway, pending)) == Pending("acme-1")
    empty = charge_of("card_empty", workflow="wf-3")
    declined = await gateway.charge(request_of(gateway, empty))
    assert declined == Declined(DeclineKind.SOFT, "no_funds", charge_id="acme-2")

    assert isinstance(await gateway.cancel(sent_of(charge)), UndoUnknown)
    assert await gateway.cancel(known("acme-0", charge)) == TooLate()
    assert await gateway.cancel(known("acme-1", pending)) == Undone()
    assert await gateway.refund(known("acme-0", charge)) == Undone()
    assert pretend.captures == 1


async def test_adapter_is_honest_about_a_lost_answer_and_a_wrong_key(
    acme: tuple[PretendAcme, str], caller: HttpxCaller
) -> None:
    pretend, url = acme
    charge = charge_of("card_lossy")
    gateway, stranger = made(url, caller), made(url, caller, api_key="wrong")

    assert isinstance(await stranger.charge(request_of(stranger, charge)), Misconfigured)
    assert isinstance(await gateway.charge(request_of(gateway, charge)), Unknown)
    assert isinstance(await gateway.lookup(sent_of(charge)), Succeeded)
    assert pretend.captures == 1


async def test_adapter_believes_a_signed_notification(caller: HttpxCaller) -> None:
    gateway = made("http://127.0.0.1:1", caller)
    body = b'{"reference": "k1"}'
    headers = sign(SECRET, message_id="event-1", timestamp=WallClock().now(), body=body)

    [notice] = gateway.parse_notification(headers, body, "")

    assert (notice.event_id, notice.attempt_key) == ("event-1", "k1")


def test_settings_that_only_the_adapter_can_judge_name_the_key() -> None:
    with pytest.raises(Broken, match=r"gateways\.eu\.url ends with a slash"):
        made("http://127.0.0.1/", ScriptedCaller())
