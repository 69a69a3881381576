"""The page "Notices": its configuration loads, its body is ours, its receiver takes ours."""

import json
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest

from external_gate.cli.main import cli
from external_gate.domain.host_notice import HostNotice, NoticeType, body_of, message_id_of
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.money import Money
from external_gate.domain.workflow import State
from external_gate.notices.notice_sink import OutgoingNotice
from external_gate.notices.webhook_sink import build
from external_gate.settings.model import NoticeEndpoint
from tests.docs.conftest import ROOT
from tests.docs.page import blocks_of

PAGE = (ROOT / "docs" / "notices.md").read_text("utf-8")
BLOCKS = {block.language: block.text for block in blocks_of(PAGE)}


def sample() -> HostNotice:
    data = json.loads(BLOCKS["json"])["data"]
    return HostNotice(
        type=NoticeType.RELEASED,
        at=datetime(2026, 11, 22, 12, tzinfo=UTC),
        customer_id=CustomerId(data["customer_id"]),
        contract_id=ContractId(data["contract_id"]),
        workflow_id=WorkflowId(data["workflow_id"]),
        invoice_id=InvoiceId(data["invoice_id"]),
        state=State.RELEASED,
        amount=Money(1500, "USD"),
        charge_id="ch_1",
        action_url="https://pay.example/3ds",
        incident=IncidentKind.LATE_SUCCESS,
    )


def secret() -> str:
    told: str = tomllib.loads(BLOCKS["toml"])["notices"]["secret"]
    return told


def sent(body: str, *, at: datetime) -> dict[str, str]:
    notice = OutgoingNotice(message_id_of(body), "workflow.released", at, body.encode())
    return build(notice, [secret()], now=at)


@pytest.fixture
def receiver() -> dict[str, Any]:
    """Give the names of the page's receiver, run as it stands there."""
    names: dict[str, Any] = {}
    exec(compile(BLOCKS["python"], "receiver.py", "exec"), names)  # noqa: S102 - the page's own words
    return names


def test_body_on_the_page_is_what_is_written() -> None:
    assert json.loads(body_of(sample(), 1)) == json.loads(BLOCKS["json"])


def test_receiver_of_the_page_takes_each_notice_once(receiver: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    second, first = body_of(sample(), 2), body_of(sample(), 1)

    for body in (second, second, first):
        assert receiver["receive"](sent(body, at=now), body.encode()) == 204

    assert [notice["data"]["sequence"] for notice in receiver["handled"]] == [2]
    assert len(receiver["seen"]) == 2


def test_receiver_of_the_page_takes_what_tells_of_a_contract_alone(
    receiver: dict[str, Any],
) -> None:
    notice = HostNotice(
        NoticeType.THRESHOLD_DISABLED, datetime.now(UTC), CustomerId("c"), ContractId("d")
    )
    body = body_of(notice, 0)

    assert receiver["receive"](sent(body, at=datetime.now(UTC)), body.encode()) == 204

    assert [notice["type"] for notice in receiver["handled"]] == ["threshold.disabled"]


def test_receiver_of_the_page_refuses_what_was_altered(receiver: dict[str, Any]) -> None:
    body = body_of(sample(), 1)
    headers = sent(body, at=datetime.now(UTC))

    assert receiver["receive"](headers, body.replace("1500", "1").encode()) == 401
    assert not receiver["handled"]


def test_every_type_is_on_the_page() -> None:
    table = PAGE.partition("| type | when |")[2].partition("## The body")[0]

    assert all(f"`{kind}`" in table for kind in NoticeType)


def test_configuration_of_the_page_is_sound() -> None:
    notices = tomllib.loads(BLOCKS["toml"])["notices"]

    pager = NoticeEndpoint.model_validate(notices["pager"])
    assert pager.events == (NoticeType.HELD, NoticeType.INCIDENT)
    assert [secret.get_secret_value() for secret in pager.secrets]


def test_commands_of_the_page_exist() -> None:
    context = cli.make_context("external-gate", [], resilient_parsing=True)
    group = cli.get_command(context, "notices")
    assert group is not None
    for line in BLOCKS["sh"].splitlines():
        words = line.split()[2:]
        command = group.get_command(context, words[0])  # type: ignore[attr-defined]  # a group
        command.make_context(words[0], words[1:])
