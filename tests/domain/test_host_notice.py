"""The body of a notice: what the host application reads, and nothing else."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from external_gate.domain.host_notice import HostNotice, NoticeType, body_of, message_id_of
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.money import Money
from external_gate.domain.workflow import HeldReason, State

HELD = HostNotice(
    type=NoticeType.HELD,
    at=datetime(2026, 11, 22, 12, 0, 0, 123_456, tzinfo=UTC),
    customer_id=CustomerId("ümläut"),
    contract_id=ContractId(""),
    workflow_id=WorkflowId("wf"),
    invoice_id=InvoiceId("inv"),
    state=State.HELD,
    held_reason=HeldReason.NO_PAYER,
)


def test_unknown_is_null_and_what_does_not_belong_is_absent() -> None:
    data = json.loads(body_of(HELD, 3))["data"]

    assert data == {
        "workflow_id": "wf", "sequence": 3, "customer_id": "ümläut", "contract_id": None,
        "invoice_id": "inv", "state": "held", "held_reason": "no_payer", "amount": None,
        "charge_id": None,
    }  # fmt: skip


def test_body_is_ascii_and_its_time_is_in_milliseconds() -> None:
    body = body_of(HELD, 1)

    assert body.isascii()
    assert json.loads(body)["timestamp"] == "2026-11-22T12:00:00.123Z"


def test_every_notice_has_an_id_of_its_own() -> None:
    alike = [HELD, replace(HELD, amount=Money(1, "USD")), replace(HELD, type=NoticeType.RELEASED)]
    bodies = [body_of(one, sequence) for one in alike for sequence in (1, 2)]

    ids = {message_id_of(body) for body in bodies}
    assert len(ids) == len(bodies)
    assert all(each.startswith("msg_") and "." not in each for each in ids)
