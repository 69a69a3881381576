"""Notifications as a receiver sees them: shape, signature, order, retries."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from external_gate.emulator.courier import Courier, WebhookTarget
from external_gate.emulator.emulated_time import EmulatedTime
from external_gate.emulator.faults import FaultDesk
from external_gate.emulator.payloads import anything
from external_gate.emulator.signing import signature
from tests.emulator.conftest import (
    SECRET,
    Receiver,
    Running,
    Start,
    Webhook,
    new_outbox,
    prepaid,
)

# docs.metronome.com, guides/platform-configuration/setup-webhooks, state of 2026-08-28.
VECTOR_SECRET = "correct-horse-battery-staple"
VECTOR_DATE = "Mon, 02 Jan 2006 22:04:05 GMT"
VECTOR_SIGNATURE = "b82652fa2246cf1d8a27e591f155c865f68b46c19b9213fd9c052f2419b4742b"
VECTOR_BODY = b"""{
  "id": "b2c9e307-624e-4e7d-a5a4-1b74107d78c4",
  "type": "widget_created",
  "properties": {
    "customer_id": "5f794d50-085a-4db6-8d15-286e518b7225",
    "widget_id": "0891458d-b6f0-4fdd-a41e-380aae1a1e38"
  }
}"""


def verify(webhook: Webhook, secret: str = SECRET) -> datetime:
    """Check a delivery as Metronome tells its receivers to; give the signed date."""
    date = webhook.headers["X-Metronome-Date"]
    message = date.encode() + b"\n" + webhook.body
    expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    assert webhook.headers["Metronome-Webhook-Signature"] == expected
    assert webhook.headers["Date"] == date
    assert webhook.headers["User-Agent"] == "Metronome"
    assert webhook.headers["Content-Type"] == "application/json"
    return parsedate_to_datetime(date)


def test_signature_matches_the_published_vector() -> None:
    assert signature(VECTOR_BODY, secret=VECTOR_SECRET, date=VECTOR_DATE) == VECTOR_SIGNATURE


@pytest.mark.parametrize(
    ("card", "amount", "currency"), [("usd", "1500.5", "USD"), ("eur", "39.37642", "EUR")]
)
def test_spend_announces_then_asks(
    emulator: Running, receiver: Receiver, card: str, amount: str, currency: str
) -> None:
    contract_id = emulator.spend_contract(threshold=20, rate_card=card)
    workflow = emulator.reached(contract_id, amount)

    reached, initiate = receiver.next(), receiver.next()

    verify(reached)
    verify(initiate)
    common = {
        "workflow_type": "spend",
        "customer_id": workflow["customer_id"],
        "contract_id": contract_id,
    }
    timestamp = reached.message["properties"].pop("timestamp")
    assert datetime.fromisoformat(timestamp).tzinfo is not None
    assert reached.type == "payment_gate.threshold_reached"
    assert set(reached.message) == {"id", "type", "properties"}
    assert {k: v for k, v in reached.message["properties"].items() if k != "timestamp"} == common
    assert initiate.type == "payment_gate.external_initiate"
    assert initiate.message["properties"] == common | {
        "workflow_id": workflow["workflow_id"],
        "invoice_id": workflow["invoice_id"],
        "invoice_total": float(amount),
        "invoice_currency": currency,
    }
    assert f'"invoice_total":{amount},'.encode() in initiate.body
    assert initiate.message["id"] != reached.message["id"]


def test_prepaid_asks_for_the_recharge(emulator: Running, receiver: Receiver) -> None:
    emulator.contract(
        emulator.customer(), prepaid_balance_threshold_configuration=prepaid(1000, 3000)
    )

    properties = receiver.next("payment_gate.external_initiate").message["properties"]

    assert (properties["workflow_type"], properties["invoice_total"]) == ("prepaid", 3000)


@pytest.mark.parametrize("outcome", ["paid", "failed"])
def test_payment_status_follows_the_release(
    emulator: Running, receiver: Receiver, outcome: str
) -> None:
    workflow = emulator.reached(emulator.spend_contract())

    emulator.release(workflow["workflow_id"], outcome)

    status = receiver.next("payment_gate.payment_status")
    verify(status)
    properties = status.message["properties"]
    assert properties["payment_status"] == outcome
    assert properties["invoice_id"] == workflow["invoice_id"]
    assert "workflow_id" not in properties
    assert ("error_message" in properties) is (outcome == "failed")


def test_action_required_can_be_sent_on_demand(emulator: Running, receiver: Receiver) -> None:
    workflow = emulator.reached(emulator.spend_contract())

    emulator.control(f"workflows/{workflow['workflow_id']}/action-required")

    asked = receiver.next("payment_gate.payment_pending_action_required")
    verify(asked)
    assert asked.message["properties"] == {
        "workflow_type": "spend",
        "customer_id": workflow["customer_id"],
        "contract_id": workflow["contract_id"],
        "invoice_id": workflow["invoice_id"],
        "error_message": "three_d_secure_redirect",
    }


def test_any_notification_can_be_sent_on_demand(emulator: Running, receiver: Receiver) -> None:
    emulator.control("notifications")
    test_event = receiver.next()
    emulator.control("notifications", type="invoice.finalized", id="n-1", properties={"a": 0.1})
    other = receiver.next()

    verify(test_event)
    assert set(test_event.message) == {"id", "type"}
    assert test_event.type == "webhooks.test"
    assert json.loads(other.body) == {
        "id": "n-1",
        "type": "invoice.finalized",
        "properties": {"a": 0.1},
    }


def test_notifications_wait_for_a_target(start: Start, receiver: Receiver) -> None:
    emulator = start()
    workflow = emulator.reached(emulator.spend_contract())
    assert emulator.books()["deliveries"] == []

    emulator.control("webhook", url=receiver.url, secret="set later")

    initiate = receiver.next("payment_gate.external_initiate")
    verify(initiate, "set later")
    assert initiate.message["properties"]["workflow_id"] == workflow["workflow_id"]


@pytest.mark.parametrize("status", [500, 401, 302])
def test_refused_delivery_is_retried_with_a_fresh_date(
    emulator: Running, receiver: Receiver, status: int
) -> None:
    receiver.planned = [status]
    workflow = emulator.reached(emulator.spend_contract())
    first = receiver.next("payment_gate.threshold_reached")
    receiver.next("payment_gate.external_initiate")

    emulator.control("clock", advance_seconds=10)

    again = receiver.next()
    assert again.body == first.body
    assert verify(again) >= verify(first)
    attempts = [d for d in emulator.attempts(3) if d["type"].endswith("_reached")]
    assert [(d["attempt"], d["status"], d["accepted"]) for d in attempts] == [
        (1, status, False),
        (2, 200, True),
    ]
    assert attempts[0]["workflow_id"] == workflow["workflow_id"]


async def test_one_round_tries_each_due_delivery_once(receiver: Receiver) -> None:
    time, outbox = EmulatedTime(speed=1), new_outbox()
    courier = Courier(outbox, time, FaultDesk(), WebhookTarget(receiver.url, SECRET))
    receiver.planned = [500]
    for number in (1, 2):
        outbox.add(anything(f"type-{number}", message_id=f"n-{number}"), now=time.now())

    rounds = [await courier.run_once() for _ in range(3)]
    time.advance(timedelta(seconds=10))
    rounds.append(await courier.run_once())

    assert rounds == [1, 1, 0, 1]
    assert [receiver.next().type for _ in range(3)] == ["type-1", "type-2", "type-1"]


async def test_many_due_at_once_do_not_fail_because_of_each_other(receiver: Receiver) -> None:
    time, outbox, many = EmulatedTime(speed=1), new_outbox(), 1_000
    for number in range(many):
        sent = replace(anything("any", message_id=f"n-{number}"), contract_id=f"c-{number}")
        outbox.add(sent, now=time.now())

    courier = Courier(outbox, time, FaultDesk(), WebhookTarget(receiver.url, SECRET))
    assert await courier.run_once() == many

    assert [attempt.status for attempt in outbox.attempts] == [200] * many


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/nobody", "http://[::1", "nonsense"])
async def test_address_that_cannot_be_reached_is_a_failed_attempt(url: str) -> None:
    time, outbox = EmulatedTime(speed=1), new_outbox()
    outbox.add(anything("webhooks.test", message_id="n-1"), now=time.now())

    await Courier(outbox, time, FaultDesk(), WebhookTarget(url, SECRET)).run_once()

    assert [(a.status, a.accepted) for a in outbox.attempts] == [(None, False)]


def test_unreachable_receiver_is_tried_again(start: Start, receiver: Receiver) -> None:
    emulator = start(webhook_url="http://127.0.0.1:1/nobody-listens")
    emulator.control("notifications")
    attempts = emulator.attempts(1)

    emulator.control("webhook", url=receiver.url)
    emulator.control("clock", advance_seconds=10)

    assert receiver.next().type == "webhooks.test"
    assert (attempts[0]["status"], attempts[0]["accepted"]) == (None, False)


def test_signed_date_is_real_time_however_fast_the_clock_runs(
    start: Start, receiver: Receiver
) -> None:
    emulator = start(webhook_url=receiver.url, webhook_secret=SECRET, speed=1_000_000)
    emulator.control("clock", advance_seconds=7 * 86_400)

    emulator.control("notifications")

    signed = verify(receiver.next())
    assert abs(datetime.now(UTC) - signed) < timedelta(minutes=1)
    assert datetime.fromisoformat(emulator.books()["now"]) > signed + timedelta(days=7)


def test_speed_makes_retries_come_sooner(start: Start, receiver: Receiver) -> None:
    emulator = start(webhook_url=receiver.url, speed=100_000)
    receiver.planned = [500] * 10

    emulator.control("notifications")

    assert len({receiver.next().body for _ in range(11)}) == 1, "an hour of retries, at once"


def test_redelivery_repeats_the_same_bytes(emulator: Running, receiver: Receiver) -> None:
    workflow = emulator.reached(emulator.spend_contract())
    first = receiver.next("payment_gate.external_initiate")

    emulator.control(f"workflows/{workflow['workflow_id']}/redeliver")

    assert receiver.next().body == first.body
