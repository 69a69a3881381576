"""The example hosts let nobody in who is not external-gate, and take no order that is none."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from external_gate.domain.outcome import (
    Misconfigured,
    NotFound,
    UndoUnknown,
    Unknown,
)
from tests.examples.asking import new_charge, once, paid, raw, takings
from tests.examples.conftest import CheckingCaller, ExampleHost, NewGateway
from tests.gateways.conftest import request_of, sent_of

OTHER_SECRET = "whsec_b3RoZXItc2VjcmV0LW9mLXRoZS1ob3N0LzEyMzQ="


async def test_same_key_with_another_body_is_a_conflict(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    gateway, charge = gateway_to(host), new_charge()
    order = gateway.build(charge)
    await gateway.charge(request_of(gateway, charge))

    other = await raw(host, caller, order.replace(b"1500", b"1501"), key=charge.attempt_key)
    spaced = await raw(host, caller, order + b" ", key=charge.attempt_key)

    assert (other.status, spaced.status) == (409, 409)
    assert await gateway.lookup(sent_of(charge)) == paid(charge)
    assert await takings(host, caller, charge) == once(charge)


@pytest.mark.parametrize("secret", ["", OTHER_SECRET], ids=["unsigned", "wrong"])
async def test_call_that_is_not_signed_by_us_does_nothing(
    host: ExampleHost, gateway_to: NewGateway, secret: str
) -> None:
    stranger, charge = gateway_to(host, secret), new_charge()

    found = await stranger.charge(request_of(stranger, charge))

    assert isinstance(found, Misconfigured)
    assert found.cause.startswith("HTTP 401")
    assert isinstance(await stranger.lookup(sent_of(charge)), Unknown)
    assert isinstance(await stranger.cancel(sent_of(charge)), UndoUnknown)
    assert isinstance(await stranger.refund(sent_of(charge)), UndoUnknown)
    assert await gateway_to(host).lookup(sent_of(charge)) == NotFound(conclusive=True)


async def test_old_and_altered_calls_do_nothing(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    charge = new_charge()
    order = gateway_to(host).build(charge)
    late, early = (datetime.now(UTC) + timedelta(minutes=6) * sign for sign in (-1, 1))
    other = order.replace(b"1500", b"1501")

    for end in (
        await raw(host, caller, order, key=charge.attempt_key, signed_at=late),
        await raw(host, caller, order, key=charge.attempt_key, signed_at=early),
        await raw(host, caller, other, key=charge.attempt_key, signed_body=order),
    ):
        assert end.status == 401
    assert await gateway_to(host).lookup(sent_of(charge)) == NotFound(conclusive=True)


@pytest.mark.parametrize(
    "broken",
    [
        ('{"attempt_key"', '"attempt_key"', 400),
        ('"minor":1500', '"minor":15.5', 422),
        ('"minor":1500', '"minor":0', 422),
        ('"minor":1500', '"minor":"1500"', 422),
        ('"currency":"USD"', '"currency":"usd"', 422),
        ('"customer":"cus_1"', '"customer":""', 422),
        ('"payment_method":"pm_ok"', '"payment_method":null', 422),
    ],
)
async def test_order_that_cannot_be_read_is_rejected_and_not_seen(
    host: ExampleHost,
    gateway_to: NewGateway,
    caller: CheckingCaller,
    broken: tuple[str, str, int],
) -> None:
    replaced, by, status = broken
    gateway, charge = gateway_to(host), new_charge()
    order = gateway.build(charge).decode()
    assert replaced in order

    end = await raw(host, caller, order.replace(replaced, by).encode(), key=charge.attempt_key)

    assert (end.status, json.loads(end.body)["status"]) == (status, "rejected")
    assert await gateway.lookup(sent_of(charge)) == NotFound(conclusive=True)
    assert await gateway.charge(request_of(gateway, charge)) == paid(charge)


async def test_idempotency_key_that_is_not_the_attempts_is_rejected(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    gateway, charge = gateway_to(host), new_charge()

    end = await raw(host, caller, gateway.build(charge), key="another")

    assert end.status == 422
    assert await gateway.lookup(sent_of(charge)) == NotFound(conclusive=True)
