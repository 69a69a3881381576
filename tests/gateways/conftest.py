"""Charges to send, clocks to send them by, and the stranger's application as its own process."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from external_gate.domain.charge import Charge, ChargeRequest, Payer, SentCharge
from external_gate.domain.identifiers import (
    ContractId,
    CustomerId,
    InvoiceId,
    WorkflowId,
    attempt_key,
    undo_key,
)
from external_gate.domain.money import Money
from external_gate.gateways.gateway import Gateway, Surroundings
from external_gate.gateways.http_gateway import HttpGateway, HttpSettings
from external_gate.outbound.calls import Answered, Call, CallEnd, Timeouts
from external_gate.outbound.httpx_caller import HttpxCaller

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "whsec_c2VjcmV0LW9mLXRoZS1ob3N0LzEyMzQ1Njc4OTA="

# JSON as it came from the wire; its shape is what the tests are about.
Json = dict[str, Any]


class HandClock:
    """A clock that stands still until somebody sleeps by it or moves it."""

    def __init__(self) -> None:
        self.present = NOW

    def now(self) -> datetime:
        return self.present

    async def sleep(self, duration: timedelta) -> None:
        self.present += max(duration, timedelta(0))
        await asyncio.sleep(0)


class WallClock:
    """The real time: the host compares signatures with its own."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(duration.total_seconds())


class ScriptedCaller:
    """Keeps every call and ends it as planned."""

    def __init__(self, *ends: CallEnd) -> None:
        self.ends = list(ends)
        self.calls: list[Call] = []

    async def call(self, call: Call) -> CallEnd:
        self.calls.append(call)
        return self.ends.pop(0)


def answered(said: object, status: int = 200) -> Answered:
    return Answered(status, {}, json.dumps(said).encode())


def charge_of(
    method: str = "pm_ok", *, workflow: str = "wf-1", number: int = 1, minor: int = 1500
) -> Charge:
    workflow_id = WorkflowId(workflow)
    return Charge(
        attempt_key=attempt_key(workflow_id, number),
        workflow_id=workflow_id,
        workflow_type="spend",
        customer_id=CustomerId("customer-1"),
        contract_id=ContractId("contract-1"),
        invoice_id=InvoiceId("invoice-1"),
        amount=Money(minor, "USD"),
        payer=Payer("cus_1", method),
        description="Usage",
        metadata={"invoice_id": "invoice-1"},
    )


def request_of(gateway: Gateway, charge: Charge) -> ChargeRequest:
    late = datetime(2100, 1, 1, tzinfo=UTC)
    return ChargeRequest(charge, gateway.build(charge), not_after=late)


def sent_of(charge: Charge) -> SentCharge:
    return SentCharge(
        charge=charge,
        charge_id=None,
        first_sent_at=NOW,
        cancel_key=undo_key(charge.attempt_key, "cancel"),
        refund_key=undo_key(charge.attempt_key, "refund"),
    )


@dataclass
class RunningHost:
    """The application, and what a test may ask of it behind the gateway's back."""

    process: subprocess.Popen[str]
    url: str

    def control(self, what: str, said: object = None) -> Json:
        address = self.url.replace("/charges", f"/_control/{what}")
        call = urllib.request.Request(address, json.dumps(said).encode(), method="POST")  # noqa: S310 # our own address
        with urllib.request.urlopen(call, timeout=10) as answer:  # noqa: S310
            found: Json = json.load(answer)
        return found

    def order_faults(self, *faults: str) -> None:
        parts = [fault.split(":") for fault in faults]
        self.control("faults", [{"on": on, "fault": fault} for on, fault in parts])

    @property
    def requests(self) -> list[Json]:
        found: list[Json] = self.control("requests")["requests"]
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


StartHost = Callable[..., RunningHost]
NewGateway = Callable[..., HttpGateway]


@pytest.fixture
def start_host(tmp_path: Path) -> Iterator[StartHost]:
    """Start the application; every start in one test shares the books."""
    hosts: list[RunningHost] = []

    def start(*arguments: str) -> RunningHost:
        program = [sys.executable, str(Path(__file__).with_name("host.py"))]
        program += ["--books", str(tmp_path / "host.db"), *arguments]
        process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("listening on ").strip()
        hosts.append(RunningHost(process, url))
        return hosts[-1]

    yield start
    for host in hosts:
        host.kill()


@pytest.fixture
async def caller() -> AsyncIterator[HttpxCaller]:
    timeouts = Timeouts.within(timedelta(seconds=10))
    async with HttpxCaller(
        WallClock(), high_water=None, timeouts=timeouts, max_connections=20
    ) as opened:
        yield opened


@pytest.fixture
def gateway_to(caller: HttpxCaller) -> NewGateway:
    """Make the `http` gateway of a running host, over real sockets."""

    def make(host: RunningHost, **settings: object) -> HttpGateway:
        values = {"url": host.url, "timeout_seconds": 10, **settings}
        surroundings = Surroundings("main", caller, WallClock())
        return HttpGateway(HttpSettings.model_validate(values), surroundings)

    return make
