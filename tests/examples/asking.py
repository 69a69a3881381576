"""What the tests ask of the example hosts, beside what the adapter asks."""

import asyncio
import inspect
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count

from external_gate.domain.charge import Charge
from external_gate.domain.outcome import Succeeded
from external_gate.outbound.calls import Answered, Call
from external_gate.outbound.standard_webhooks import sign
from tests.examples.conftest import CheckingCaller, ExampleHost
from tests.gateways.conftest import SECRET, Json, charge_of

PATIENCE_SECONDS = 10.0
"""A machine that is busy may take this long; a host that is wrong is never right in time."""

_workflows = count(1)


def new_charge(method: str = "pm_ok", *, minor: int = 1500) -> Charge:
    return charge_of(method, workflow=f"wf-{next(_workflows)}", minor=minor)


def paid(charge: Charge) -> Succeeded:
    return Succeeded(f"ch_{charge.attempt_key}", charge.amount, reference=charge.attempt_key)


async def takings(host: ExampleHost, caller: CheckingCaller, charge: Charge) -> list[Json]:
    """Give every time that the provider took money for a charge."""
    end = await caller.call(Call("GET", f"{host.origin}/_books", {}))
    assert isinstance(end, Answered)
    return [one for one in json.loads(end.body) if one["attempt_key"] == charge.attempt_key]


def once(charge: Charge, *, refunds: int = 0) -> list[Json]:
    """Give the books of a charge that took its money once."""
    key, amount = charge.attempt_key, charge.amount
    money = {"minor": amount.minor, "currency": amount.currency}
    return [{"attempt_key": key, "charge_id": f"ch_{key}", **money, "refunds": refunds}]


async def raw(
    host: ExampleHost,
    caller: CheckingCaller,
    body: bytes,
    *,
    key: str = "",
    signed_at: datetime | None = None,
    signed_body: bytes | None = None,
) -> Answered:
    """Charge by hand, with a signature of any time and of any body."""
    at = signed_at or datetime.now(UTC)
    signature = sign(
        SECRET, message_id="msg_1", timestamp=at, body=body if signed_body is None else signed_body
    )
    headers = {"idempotency-key": key, "content-type": "application/json", **signature}
    end = await caller.call(Call("POST", host.url, headers, body))
    assert isinstance(end, Answered)
    return end


def signed_request(host: ExampleHost, body: bytes, *, key: str) -> bytes:
    """Write a charge as bytes on the wire."""
    headers = {
        "host": host.origin.removeprefix("http://"),
        "connection": "close",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "idempotency-key": key,
        **sign(SECRET, message_id="msg_1", timestamp=datetime.now(UTC), body=body),
    }
    lines = ["POST /charges HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def in_one_instant(host: ExampleHost, requests: list[bytes]) -> list[bytes]:
    """Send them all but for their last bytes, then the last bytes at once; give the answers."""
    port = int(host.origin.rpartition(":")[2])
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in requests]
    for request, (_, writer) in zip(requests, opened, strict=True):
        writer.write(request[:-1])
        await writer.drain()
    for request, (_, writer) in zip(requests, opened, strict=True):
        writer.write(request[-1:])
    answers = await asyncio.gather(*(reader.read() for reader, _ in opened))
    for _, writer in opened:
        writer.close()
    return answers


async def until(ask: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Ask until the answer is `wanted`, or of that type."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = await ask()
        if isinstance(found, wanted) if inspect.isclass(wanted) else found == wanted:
            return
        assert time.monotonic() < end, f"still {found}, not {wanted}"
        await asyncio.sleep(0.02)  # asked again: another process sets no event here
