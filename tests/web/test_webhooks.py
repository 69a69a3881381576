"""`POST /webhooks/metronome`: the pinned answers, and what each leaves on disk."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.workflow import HeldReason, State
from external_gate.stores.sqlite import SqliteStore
from tests.databases import Database, only_sqlite
from tests.web.conftest import Served

SAMPLES = Path(__file__).parents[1] / "samples" / "metronome"


def initiate(**properties: object) -> bytes:
    sample = json.loads((SAMPLES / "payment_gate.external_initiate.json").read_text())
    sample["properties"] |= properties
    return json.dumps(sample).encode()


async def kept(served: Served) -> int:
    return len(await served.store.notifications(limit=100))


def result(answer: Any) -> tuple[int, str]:  # an httpx response
    return answer.status_code, answer.json().get("result", "")


async def test_an_initiate_is_recorded_before_200(served: Served) -> None:
    answer = await served.deliver(initiate())

    assert result(answer) == (200, "recorded")
    found = await served.store.dossier(WorkflowId("d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc"))
    assert found is not None
    assert found.workflow.state is State.RECEIVED


async def test_the_same_delivery_again_is_a_duplicate(served: Served) -> None:
    await served.deliver(initiate())

    answer = await served.deliver(initiate())

    assert result(answer) == (200, "duplicate")
    assert [n.deliveries for n in await served.store.notifications(limit=9)] == [2]


async def test_equal_facts_under_another_id_are_a_duplicate(served: Served) -> None:
    await served.deliver(initiate())
    sample = json.loads(initiate())
    sample["id"] = "another"

    answer = await served.deliver(json.dumps(sample).encode())

    assert result(answer) == (200, "duplicate")


async def test_other_facts_for_a_known_workflow_are_recorded_as_a_conflict(
    served: Served,
) -> None:
    await served.deliver(initiate())

    answer = await served.deliver(initiate(invoice_total=99999))

    found = await served.store.dossier(WorkflowId("d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc"))
    assert result(answer) == (200, "recorded")
    assert found is not None
    assert found.workflow.hold_wanted is HeldReason.CONFLICTING


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("payment_gate.threshold_reached", "recorded"),
        ("payment_gate.payment_status", "recorded"),
        ("payment_gate.payment_pending_action_required", "recorded"),
        ("webhooks.test", "ignored"),
    ],
)
async def test_published_samples_are_kept(served: Served, name: str, expected: str) -> None:
    answer = await served.deliver((SAMPLES / f"{name}.json").read_bytes())

    assert result(answer) == (200, expected)
    assert await kept(served) == 1


@pytest.mark.parametrize(
    "body",
    [b"not json", b"[]", b'"text"', b"", b'{"type":"payment_gate.external_initiate"}', b"\xff\xfe"],
)
async def test_a_signed_body_that_is_not_understood_is_kept_and_flagged(
    served: Served, body: bytes
) -> None:
    answer = await served.deliver(body)

    assert result(answer) == (200, "recorded")
    [notification] = await served.store.notifications(limit=9, flawed=True)
    assert notification.body == body


async def test_a_misshapen_initiate_with_a_workflow_id_is_held(served: Served) -> None:
    await served.deliver(initiate(invoice_total="1500"))

    found = await served.store.dossier(WorkflowId("d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc"))
    assert found is not None
    assert found.workflow.held_reason is HeldReason.MISSHAPEN


async def test_unknown_types_are_kept_and_ignored(served: Served) -> None:
    answer = await served.deliver(b'{"id":"1","type":"alerts.low_balance","properties":{}}')

    assert result(answer) == (200, "ignored")
    assert await kept(served) == 1


async def test_without_a_signature_nothing_is_stored(served: Served) -> None:
    answer = await served.client.post("/webhooks/metronome", content=initiate())

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "missing_signature"
    assert await kept(served) == 0


async def test_the_wrong_secret_is_refused(served: Served) -> None:
    answer = await served.deliver(initiate(), secret="somebody else's")

    assert (answer.status_code, answer.json()["reason"]) == (401, "wrong_signature")
    assert await kept(served) == 0


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(minutes=-4), 200),
        (timedelta(minutes=-6), 401),
        (timedelta(hours=75), 200),
        (timedelta(days=8), 401),
    ],
)
async def test_age_limits(served: Served, age: timedelta, status: int) -> None:
    answer = await served.deliver(initiate(), age=age)

    assert answer.status_code == status


async def test_a_stale_delivery_is_kept_for_a_person(served: Served) -> None:
    answer = await served.deliver(initiate(), age=timedelta(hours=80))

    found = await served.store.dossier(WorkflowId("d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc"))
    assert result(answer) == (200, "recorded")
    assert found is not None
    assert found.workflow.held_reason is HeldReason.STALE


async def test_a_declared_huge_body_is_refused_before_the_signature(served: Served) -> None:
    answer = await served.client.post("/webhooks/metronome", content=b"x" * 5000)

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_chunked_huge_body_is_refused(served: Served) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 1000

    answer = await served.client.post("/webhooks/metronome", content=endless())

    assert answer.status_code == 413
    assert await kept(served) == 0


async def test_a_slow_body_does_not_hold_the_service_up(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST /webhooks/metronome HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab")
    await writer.drain()

    assert (await served.deliver(initiate())).status_code == 200
    head = await asyncio.wait_for(reader.readline(), timeout=5)

    assert b"408" in head
    writer.close()
    await writer.wait_closed()


async def test_other_methods_and_paths_are_problems(served: Served) -> None:
    wrong_method = await served.client.get("/webhooks/metronome")
    wrong_path = await served.client.get("/nowhere")

    assert wrong_method.status_code == 405
    assert wrong_method.headers["allow"] == "POST"
    assert wrong_path.status_code == 404
    assert wrong_path.headers["content-type"] == "application/problem+json"


async def test_a_locked_database_is_503_and_the_delivery_comes_again(
    served: Served, database: Database
) -> None:
    with database.locked():
        refused = await served.deliver(initiate())
        unready = await served.client.get("/readyz")

    again = await served.deliver(initiate())

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert unready.status_code == 503
    assert result(again) == (200, "recorded")
    text = (await served.client.get("/metrics")).text
    assert 'notifications_refused_total{reason="not_durable"} 1.0' in text


@only_sqlite("the disk of a server is not ours to fill")
async def test_a_full_disk_is_503_and_the_delivery_comes_again(served: Served) -> None:
    assert isinstance(served.store, SqliteStore)
    assert served.store._open is not None
    writer: sqlite3.Connection = served.store._open[0].conn
    [pages] = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")
    large = [initiate(workflow_id=f"wf-{n}", note="x" * 3000) for n in range(20)]
    refused = [await served.deliver(body) for body in large]
    writer.execute("PRAGMA max_page_count = 100000")

    again = [await served.deliver(body) for body in large]

    statuses = {answer.status_code for answer in refused}
    assert 503 in statuses
    assert statuses <= {200, 503}
    assert {answer.status_code for answer in again} == {200}
    recorded = sum(result(a) == (200, "recorded") for a in refused + again)
    assert recorded == len(large)
    for number in range(len(large)):
        assert await served.store.dossier(WorkflowId(f"wf-{number}")) is not None


async def test_readiness_says_one_thing(served: Served) -> None:
    ready = await served.client.get("/readyz")
    served.readiness.draining = True
    draining = await served.client.get("/readyz")
    alive = await served.client.get("/livez")

    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert (draining.status_code, draining.json()["why"]) == (503, "draining")
    assert alive.status_code == 200


async def test_metrics_count_what_was_received_and_refused(served: Served) -> None:
    await served.deliver(initiate())
    await served.deliver(initiate(), secret="wrong")

    text = (await served.client.get("/metrics")).text

    assert "external_gate_notifications" in text
    assert 'reason="wrong_signature"' in text
