"""The bytes that go to the host, how they are signed, and which notifications are believed."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from standardwebhooks import Webhook

from external_gate.domain.charge import ChargeRequest
from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.money import Money
from external_gate.domain.outcome import Misconfigured, NotFound, NotSent, Succeeded, Undone
from external_gate.gateways.gateway import Gateway, GatewayNotice, Surroundings
from external_gate.gateways.http_gateway import HttpGateway, HttpSettings
from external_gate.outbound.calls import CallEnd, NeverSent, Timeouts
from external_gate.outbound.standard_webhooks import sign
from tests.gateways.conftest import (
    NOW,
    SECRET,
    HandClock,
    ScriptedCaller,
    answered,
    charge_of,
    request_of,
    sent_of,
)

CHARGE = charge_of()
KEY = CHARGE.attempt_key
URL = "https://shop.example/charges"
OLD_SECRET = "whsec_b2xkLXNlY3JldC1vZi10aGUtaG9zdC8xMjM0NTY="
SUCCEEDED = {
    "status": "succeeded",
    "attempt_key": KEY,
    "charge_id": "ch_1",
    "amount": {"minor": 1500, "currency": "USD"},
}


def gateway_with(*ends: CallEnd, **values: object) -> tuple[HttpGateway, ScriptedCaller]:
    caller = ScriptedCaller(*ends)
    settings = HttpSettings.model_validate({"url": f"{URL}/", "timeout_seconds": 7, **values})
    numbers = count(1)
    surroundings = Surroundings("shop", caller, HandClock())
    gateway = HttpGateway(settings, surroundings, message_id=lambda: f"msg_{next(numbers)}")
    return gateway, caller


def test_body_is_the_wire_contract_byte_for_byte() -> None:
    gateway: Gateway = gateway_with()[0]

    assert gateway.build(CHARGE) == (
        b'{"attempt_key":"' + KEY.encode() + b'","workflow_id":"wf-1","workflow_type":"spend",'
        b'"customer_id":"customer-1","contract_id":"contract-1","invoice_id":"invoice-1",'
        b'"amount":{"minor":1500,"currency":"USD"},'
        b'"payer":{"customer":"cus_1","payment_method":"pm_ok"},'
        b'"description":"Usage","metadata":{"invoice_id":"invoice-1"}}'
    )


def test_same_charge_gives_the_same_bytes_whatever_the_order_of_its_metadata() -> None:
    gateway, _ = gateway_with()
    one = replace(CHARGE, metadata={"a": "1", "b": "2"})
    other = replace(CHARGE, metadata={"b": "2", "a": "1"})

    assert gateway.build(one) == gateway.build(other)


def test_body_keeps_text_of_every_language() -> None:
    gateway, _ = gateway_with()

    body = gateway.build(replace(CHARGE, description="Nutzung für März, 用量"))

    assert json.loads(body)["description"] == "Nutzung für März, 用量"


def test_text_that_is_no_text_is_held_before_anything_is_sent() -> None:
    gateway, _ = gateway_with()

    with pytest.raises(BadInput, match="UTF-8"):
        gateway.build(replace(CHARGE, description="\ud800"))


async def test_charge_sends_the_frozen_bytes_once_and_not_after_the_deadline() -> None:
    gateway, caller = gateway_with(answered(SUCCEEDED))
    frozen = ChargeRequest(CHARGE, b'{"frozen":"long ago"}', not_after=NOW + timedelta(seconds=3))

    found = await gateway.charge(frozen)

    assert found == Succeeded("ch_1", Money(1500, "USD"), reference=KEY)
    [call] = caller.calls
    assert (call.method, call.url, call.body) == ("POST", URL, frozen.body)
    assert call.headers == {"idempotency-key": KEY, "content-type": "application/json"}
    assert call.not_after == frozen.not_after
    assert call.timeout == Timeouts.within(timedelta(seconds=7))


async def test_charge_that_did_not_leave_is_not_sent_and_not_repeated() -> None:
    gateway, caller = gateway_with(NeverSent("refused"))

    assert await gateway.charge(request_of(gateway, CHARGE)) == NotSent("refused")
    assert len(caller.calls) == 1


async def test_lookup_cancel_and_refund_ask_by_the_key() -> None:
    undone = answered({"status": "undone"})
    absent = answered({"status": "never_seen", "attempt_key": KEY}, 404)
    gateway, caller = gateway_with(absent, undone, undone)
    sent = sent_of(CHARGE)

    assert await gateway.lookup(sent) == NotFound(conclusive=True)
    assert await gateway.cancel(sent) == Undone()
    assert await gateway.refund(sent) == Undone()

    assert [(call.method, call.url, call.body) for call in caller.calls] == [
        ("GET", f"{URL}/{KEY}", b""),
        ("POST", f"{URL}/{KEY}/cancel", b""),
        ("POST", f"{URL}/{KEY}/refund", b""),
    ]
    keys = [call.headers.get("idempotency-key") for call in caller.calls]
    assert keys == [None, sent.cancel_key, sent.refund_key]
    assert all(call.timeout == Timeouts.within(timedelta(seconds=7)) for call in caller.calls)


async def test_every_call_is_signed_with_a_new_id() -> None:
    undone = answered({"status": "undone"})
    gateway, caller = gateway_with(answered(SUCCEEDED), answered(SUCCEEDED), undone, secret=SECRET)
    sent = sent_of(CHARGE)

    await gateway.charge(request_of(gateway, CHARGE))
    await gateway.lookup(sent)
    await gateway.cancel(sent)

    for number, call in enumerate(caller.calls, start=1):
        expected = Webhook(SECRET).sign(f"msg_{number}", NOW, call.body.decode())
        assert call.headers["webhook-id"] == f"msg_{number}"
        assert call.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
        assert call.headers["webhook-signature"] == expected


async def test_present_secret_signs_and_no_previous_one() -> None:
    gateway, caller = gateway_with(answered({}), secret=SECRET, previous_secrets=[OLD_SECRET])

    await gateway.lookup(sent_of(CHARGE))

    [call] = caller.calls
    assert call.headers["webhook-signature"] == Webhook(SECRET).sign("msg_1", NOW, "")


async def test_ids_of_calls_differ_without_being_told() -> None:
    caller = ScriptedCaller(answered({}), answered({}))
    settings = HttpSettings.model_validate({"url": URL, "secret": SECRET})
    gateway = HttpGateway(settings, Surroundings("shop", caller, HandClock()))

    await gateway.lookup(sent_of(CHARGE))
    await gateway.lookup(sent_of(CHARGE))

    first, second = (call.headers["webhook-id"] for call in caller.calls)
    assert first != second


async def test_host_cannot_bring_our_secret_into_the_books() -> None:
    message = f"I expected {SECRET} or {SECRET.removeprefix('whsec_')}"
    rejected = answered({"status": "rejected", "message": message}, 401)
    gateway, _ = gateway_with(rejected, secret=SECRET)

    found = await gateway.charge(request_of(gateway, CHARGE))

    assert found == Misconfigured("HTTP 401: I expected ******** or ********")


# Notifications ----------------------------------------------------------------------------------

BODY = json.dumps({"attempt_key": KEY}).encode()


def headers(secret: str = SECRET, *, body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    return sign(secret, message_id="note_1", timestamp=at, body=body)


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_signed_notification_says_only_look_again(secret: str) -> None:
    gateway, _ = gateway_with(secret=SECRET, previous_secrets=[OLD_SECRET])

    found = gateway.parse_notification(headers(secret), BODY, "https://gate.example/x")

    assert gateway.capabilities.notifies
    assert found == [GatewayNotice("note_1", KEY, outcome=None, signed_and_final=False)]


def test_notification_claiming_an_outcome_is_still_only_a_hint() -> None:
    gateway, _ = gateway_with(secret=SECRET)
    body = json.dumps(SUCCEEDED).encode()

    [notice] = gateway.parse_notification(headers(body=body), body, "")

    assert notice.outcome is None


def test_signature_of_the_official_package_is_accepted() -> None:
    gateway, _ = gateway_with(secret=SECRET)
    signature = Webhook(SECRET).sign("note_1", NOW, BODY.decode())
    given = {
        "webhook-id": "note_1",
        "webhook-timestamp": str(int(NOW.replace(tzinfo=UTC).timestamp())),
        "webhook-signature": f"v1,bm90IHRoaXMgb25l {signature}",
    }

    assert len(gateway.parse_notification(given, BODY, "")) == 1


@pytest.mark.parametrize(
    "given",
    [
        {},
        headers(OLD_SECRET),
        headers(body=b"{}"),
        headers(at=NOW - timedelta(minutes=6)),
        headers(at=NOW + timedelta(minutes=6)),
        {**headers(), "webhook-id": "note_2"},
        {**headers(), "webhook-signature": "v1,"},
    ],
    ids=["unsigned", "other secret", "other body", "old", "early", "other id", "empty"],
)
def test_notification_that_the_host_did_not_sign_now_is_refused(given: dict[str, str]) -> None:
    gateway, _ = gateway_with(secret=SECRET)

    with pytest.raises(Refused):
        gateway.parse_notification(given, BODY, "")


def test_without_a_secret_every_notification_is_refused() -> None:
    gateway, _ = gateway_with()

    assert not gateway.capabilities.notifies
    with pytest.raises(Refused, match=r"gateways\.shop\.secret"):
        gateway.parse_notification(headers(), BODY, "")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"attempt_key":""}', b'{"attempt_key":7}', b'{"attempt_key":"a\\u0000"}',
     b'{"attempt_key":"a","attempt_key":"b"}', b'{"attempt_key":"' + b"x" * 256 + b'"}'],
)  # fmt: skip
def test_signed_body_without_a_key_is_bad_input(body: bytes) -> None:
    gateway, _ = gateway_with(secret=SECRET)

    with pytest.raises(BadInput):
        gateway.parse_notification(headers(body=body), body, "")
