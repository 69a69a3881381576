"""What Metronome reports about a gate is read as far as it can be, and never refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from external_gate.domain.gate_report import GateReport, ReportKind
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId
from external_gate.domain.workflow import Verdict
from external_gate.intake.envelope import read

SAMPLES = Path(__file__).parents[1] / "samples/metronome"
STATUS, REACHED, ACTION = (
    ReportKind.PAYMENT_STATUS,
    ReportKind.THRESHOLD_REACHED,
    ReportKind.ACTION_REQUIRED,
)


def sample(kind: str, **properties: Any) -> bytes:
    """Give the published sample with other properties; those that are `...` are left out."""
    body = json.loads((SAMPLES / f"{kind}.json").read_text())
    merged = body["properties"] | properties
    body["properties"] = {name: value for name, value in merged.items() if value is not ...}
    return json.dumps(body).encode()


def reported(kind: str, **properties: Any) -> GateReport:
    found = read(sample(kind, **properties))
    assert found.flaw is None
    assert found.report is not None
    return found.report


def test_published_samples_are_understood() -> None:
    assert reported(STATUS) == GateReport(
        STATUS,
        CustomerId("6352d562-213f-4a6e-819f-58fdabc3f2b9"),
        ContractId("bbf87cf7-beaa-4d96-aea4-2cd87009dcb6"),
        InvoiceId("6644b5ec-394a-4d07-a037-e2827a0af4be"),
        workflow_type="manual_commit",
        status="failed",
        message="Your card has insufficient funds.",
        told_at=datetime(2025, 1, 1, tzinfo=UTC),
    )
    assert reported(STATUS).outcome is Verdict.FAILED
    assert reported(REACHED).told_at == datetime(2025, 1, 1, tzinfo=UTC)
    assert reported(REACHED).invoice_id is None
    assert reported(ACTION).message == "three_d_secure_redirect"
    assert (reported(ACTION).told_at, reported(ACTION).status) == (None, "")


@pytest.mark.parametrize(
    ("word", "outcome"),
    [("paid", Verdict.PAID), ("PAID", Verdict.PAID), ("processing", None), ("succeeded", None)],
)
def test_only_paid_and_failed_are_an_end(word: str, outcome: Verdict | None) -> None:
    assert reported(STATUS, payment_status=word).outcome is outcome


@pytest.mark.parametrize(
    "properties",
    [
        {"timestamp": "yesterday"},
        {"timestamp": "2025-01-01T00:00:00"},
        {"timestamp": "0001-01-01T00:00:00+14:00"},
        {"timestamp": 7},
        {"timestamp": ...},
        {"error_message": "x\x1b[2J" * 500, "workflow_type": ["new"]},
        {"error_message": None, "billing_provider": "changed", "brand_new": {"field": 1}},
    ],
)
def test_what_it_is_not_matched_by_may_be_anything(properties: dict[str, Any]) -> None:
    found = reported(STATUS, **properties)

    assert found.status == "failed"
    assert len(found.message) <= 200
    assert found.message.isprintable()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (STATUS, "contract_id"),
        (STATUS, "invoice_id"),
        (STATUS, "payment_status"),
        (ACTION, "invoice_id"),
        (REACHED, "customer_id"),
    ],
)
@pytest.mark.parametrize("value", [..., None, "", 7, "x" * 201, "a\x00b"])
def test_what_cannot_be_matched_is_kept_with_its_flaw(kind: str, name: str, value: object) -> None:
    found = read(sample(kind, **{name: value}))

    assert found.report is None
    assert found.is_gate
    assert name in (found.flaw or "")


def test_name_that_stands_twice_is_no_match() -> None:
    body = sample(STATUS).replace(b'"invoice_id"', b'"invoice_id": "other", "invoice_id"')

    assert read(body).report is None


def test_lost_id_of_the_notification_loses_no_report() -> None:
    body = json.loads(sample(STATUS))
    del body["id"]

    found = read(json.dumps(body).encode())

    assert found.flaw is not None
    assert found.report is not None


@pytest.mark.parametrize("properties", [b"[]", b"null", b"7"])
def test_properties_of_another_shape_are_a_flaw(properties: bytes) -> None:
    body = b'{"id": "n", "type": "payment_gate.payment_status", "properties": ' + properties + b"}"

    assert "properties" in (read(body).flaw or "")


def test_timestamp_of_the_future_happened_when_it_was_received() -> None:
    received_at = datetime(2025, 1, 1, tzinfo=UTC)

    found = reported(REACHED, timestamp="2031-01-01T00:00:00Z")

    assert found.happened_at(received_at) == received_at
