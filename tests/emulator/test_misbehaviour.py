"""Faults on demand, each seen from the outside over real sockets."""

import time

import httpx
import pytest

from external_gate.emulator import EmulatorSettings, create_app
from tests.emulator.conftest import Json, Receiver, Running, until


@pytest.fixture
def workflow(emulator: Running) -> Json:
    return emulator.reached(emulator.spend_contract())


def read_invoice(emulator: Running, workflow: Json) -> httpx.Response:
    path = f"/v1/customers/{workflow['customer_id']}/invoices/{workflow['invoice_id']}"
    return emulator.http.get(path)


def test_duplicate_sends_the_same_bytes_twice(emulator: Running, receiver: Receiver) -> None:
    emulator.control(
        "faults", on="webhook", kind="duplicate", type="payment_gate.external_initiate"
    )

    emulator.reached(emulator.spend_contract())

    reached, first, second = (receiver.next() for _ in range(3))
    assert first.body == second.body != reached.body
    assert emulator.http.get("/_emulator/faults").json() == {"faults": []}


def test_reorder_lets_the_next_webhook_overtake(emulator: Running, receiver: Receiver) -> None:
    emulator.control("faults", on="webhook", kind="reorder")

    emulator.reached(emulator.spend_contract())

    assert receiver.next_types(2) == ["external_initiate", "threshold_reached"]


def test_lost_acknowledgement_is_delivered_again(emulator: Running, receiver: Receiver) -> None:
    emulator.control("faults", on="webhook", kind="lost_acknowledgement", times=2)
    emulator.control("notifications")
    first = receiver.next()
    for attempt in (1, 2):
        emulator.attempts(attempt)
        emulator.control("clock", advance_seconds=60)
        assert receiver.next().body == first.body

    attempts = [(d["status"], d["accepted"]) for d in emulator.attempts(3)]
    assert attempts == [(200, False), (200, False), (200, True)]


def test_slow_webhook_comes_later(emulator: Running, receiver: Receiver) -> None:
    emulator.control("faults", on="webhook", kind="slow", seconds=600, type="late")
    emulator.control("notifications", type="late")
    assert emulator.books()["deliveries"] == []

    emulator.control("clock", advance_seconds=601)

    assert receiver.next().type == "late"


def test_dropped_webhook_never_arrives_and_is_retried(
    emulator: Running, receiver: Receiver
) -> None:
    emulator.control("faults", on="webhook", kind="drop_before", type="lost")
    emulator.control("notifications", type="lost")
    (attempt,) = emulator.attempts(1)
    assert (attempt["status"], attempt["accepted"]) == (None, False)
    assert receiver.received.empty()

    emulator.control("clock", advance_seconds=60)

    assert receiver.next().type == "lost"


def test_connection_is_closed_after_the_release_took_effect(
    emulator: Running, workflow: Json
) -> None:
    emulator.control("faults", on="release", kind="drop_after")

    with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
        emulator.release(workflow["workflow_id"], "paid", key="g-1")

    (after,) = emulator.workflows(workflow["contract_id"])
    assert (after["state"], after["outcome"]) == ("COMMITTED", "paid")
    assert [(c["status"], c["answered"]) for c in after["release_calls"]] == [(200, False)]
    again = emulator.release(workflow["workflow_id"], "paid", key="g-1")
    assert (again.status_code, again.content) == (200, b"")


def test_connection_is_closed_before_the_release_took_effect(
    emulator: Running, workflow: Json
) -> None:
    emulator.control("faults", on="release", kind="drop_before")

    with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
        emulator.release(workflow["workflow_id"], "paid", key="g-1")

    (after,) = emulator.workflows(workflow["contract_id"])
    assert after["state"] == "COMMITTING"
    assert [(c["status"], c["answered"]) for c in after["release_calls"]] == [(None, False)]
    assert emulator.release(workflow["workflow_id"], "paid", key="g-1").status_code == 200


def test_replayed_answer_can_be_lost_too(emulator: Running, workflow: Json) -> None:
    emulator.control("faults", on="release", kind="drop_after", times=2)

    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            emulator.release(workflow["workflow_id"], "paid", key="g-1")

    assert emulator.release(workflow["workflow_id"], "paid", key="g-1").status_code == 200


def test_slow_release_outlasts_the_callers_patience_but_takes_effect(
    emulator: Running, workflow: Json
) -> None:
    emulator.control("faults", on="release", kind="slow", seconds=1)

    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{emulator.url}/v1/contracts/commits/threshold-billing/release",
            json={"workflow_id": workflow["workflow_id"], "outcome": "paid"},
            headers=emulator.http.headers,
            timeout=httpx.Timeout(5, read=0.2),
        )

    until(lambda: emulator.workflows(workflow["contract_id"])[0]["state"] == "COMMITTED")


def test_slow_answer_comes_after_real_seconds(emulator: Running, workflow: Json) -> None:
    emulator.control("faults", on="invoice", kind="slow", seconds=0.2)
    began = time.monotonic()

    assert read_invoice(emulator, workflow).status_code == 200

    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("status", [500, 503])
def test_status_fault_answers_as_often_as_ordered(
    emulator: Running, workflow: Json, status: int
) -> None:
    emulator.control("faults", on="any", kind="status", status=status, times=2)

    statuses = [read_invoice(emulator, workflow).status_code for _ in range(3)]

    assert statuses == [status, status, 200]


def test_unstored_status_leaves_the_key_free(emulator: Running, workflow: Json) -> None:
    emulator.control("faults", on="release", kind="status", status=503, stored=False)

    statuses = [
        emulator.release(workflow["workflow_id"], "paid", key="g-1").status_code for _ in range(2)
    ]

    assert statuses == [503, 200]


def test_fault_meets_only_what_it_is_aimed_at(emulator: Running, workflow: Json) -> None:
    other = emulator.reached(emulator.spend_contract())
    emulator.control("faults", on="release", kind="rate_limited", workflow_id=other["workflow_id"])

    assert read_invoice(emulator, workflow).status_code == 200
    assert emulator.release(workflow["workflow_id"], "paid").status_code == 200
    assert emulator.release(other["workflow_id"], "paid").status_code == 429


def test_faults_wait_in_order_and_can_be_taken_back(emulator: Running, workflow: Json) -> None:
    emulator.control("faults", on="invoice", kind="status", status=502)
    emulator.control("faults", on="any", kind="rate_limited", times=3)

    assert [read_invoice(emulator, workflow).status_code for _ in range(2)] == [502, 429]
    left = emulator.http.get("/_emulator/faults").json()["faults"]
    assert [(f["kind"], f["times"]) for f in left] == [("rate_limited", 2)]
    assert emulator.http.delete("/_emulator/faults").json() == {"faults": []}
    assert read_invoice(emulator, workflow).status_code == 200


@pytest.mark.parametrize(
    "order",
    [
        {"on": "webhook", "kind": "rate_limited"},
        {"on": "release", "kind": "duplicate"},
        {"on": "moon", "kind": "slow"},
        {"on": "release", "kind": "slow", "secnds": 3},
        {"on": "release", "kind": "status", "status": 200},
        {"on": "release"},
    ],
)
def test_order_that_cannot_be_is_refused(emulator: Running, order: Json) -> None:
    answer = emulator.http.post("/_emulator/faults", json=order)

    assert (answer.status_code, list(answer.json())) == (400, ["message"])
    assert emulator.http.get("/_emulator/faults").json() == {"faults": []}


async def test_server_that_cannot_drop_connections_says_so() -> None:
    app = create_app(EmulatorSettings())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://emulator"
    ) as client:
        answer = await client.post(
            "/_emulator/faults", json={"on": "release", "kind": "drop_after"}
        )

    assert answer.status_code == 400
    assert "make_server" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("clock", {"advance_seconds": -1}),
        ("webhook", {"url": "ftp://x"}),
        ("rate-cards", {"rate_card_id": "x", "currency": "euro"}),
    ],
)
def test_control_refuses_what_makes_no_sense(emulator: Running, path: str, order: Json) -> None:
    assert emulator.http.post(f"/_emulator/{path}", json=order).status_code == 400


@pytest.mark.parametrize(
    "path", ["workflows/none/expire", "workflows/none/redeliver", "invoices/none/void"]
)
def test_control_knows_what_it_does_not_know(emulator: Running, path: str) -> None:
    assert emulator.http.post(f"/_emulator/{path}").status_code == 404
