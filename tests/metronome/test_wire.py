"""Requests as Metronome documents them, and records from its answers, or one error."""

import contextlib
import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.errors import Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.workflow import Verdict
from external_gate.metronome import wire
from external_gate.metronome.billing import Contract, Customer, Invoice, InvoiceStatus
from external_gate.outbound.calls import Answered

# JSON that a test changes at will.
Json = dict[str, Any]

INVOICE: Json = {
    "data": {
        "id": "inv",
        "customer_id": "cus",
        "contract_id": "con",
        "type": "SCHEDULED",
        "status": "FINALIZED",
        "total": 1500,
        "credit_type": {"id": "2714e483-4ff1-48e4-9e25-ac732e8f24f2", "name": "USD (cents)"},
        "customer_custom_fields": {"gateway_customer": "cus_1"},
        "contract_custom_fields": {"gateway": "second"},
        "line_items": [
            {"type": "commit_purchase", "name": "Top-up", "total": 1500, "commit_id": "bought"},
            {"type": "usage", "name": "Calls", "total": 9, "commit_id": "drawn down"},
            {"type": "scheduled", "name": "Fee", "total": 1},
        ],
        "a field of next year": [1, {"x": None}],
    }
}
CONTRACT: Json = {
    "data": {
        "id": "con",
        "customer_id": "cus",
        "custom_fields": {"gateway": "second"},
        "commits": [
            {"id": "paid", "invoice_schedule": {"schedule_items": [{"invoice_id": "inv"}, {}]}},
            {"id": "gone", "archived_at": "2026-01-01T00:00:00Z", "invoice_schedule": None},
            {"id": "free", "archived_at": None},
        ],
        "spend_threshold_configuration": {"is_enabled": True, "threshold_amount": 1000},
    }
}
CUSTOMER: Json = {"data": {"id": "cus", "name": "Ada", "custom_fields": {"gateway": "main"}}}

GARBAGE = [None, True, 0, -1.5, "", " ", "a\nb", "x" * 300, [], [1], {}, {"": ""}, "\ud800"]


def changed(answer: Json, *path: str | int, to: object) -> bytes:
    """Give an answer with one value replaced."""
    copied = copy.deepcopy(answer)
    place: Any = copied
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return json.dumps(copied).encode()


def without(answer: Json, name: str) -> bytes:
    copied = copy.deepcopy(answer)
    del copied["data"][name]
    return json.dumps(copied).encode()


def test_ids_from_outside_cannot_leave_their_place_in_the_path() -> None:
    assert wire.invoice_path(CustomerId("a/../b?c#d"), InvoiceId("..")) == (
        "/v1/customers/a%2F%2E%2E%2Fb%3Fc%23d/invoices/%2E%2E"
    )
    assert wire.customer_path(CustomerId("13117714-3f05-48e5-a6e9-a66093f13b4d")) == (
        "/v1/customers/13117714-3f05-48e5-a6e9-a66093f13b4d"
    )


@given(st.text(), st.text())
def test_paths_and_keys_of_any_text_are_ascii_and_stay_apart(one: str, other: str) -> None:
    written = wire.customer_path(CustomerId(one))

    assert written.isascii()
    assert written.count("/") == 3
    assert wire.key_header(one).isascii()
    assert (wire.key_header(one) == wire.key_header(other)) == (one == other)


def test_release_says_workflow_and_outcome_and_nothing_else() -> None:
    body = wire.release_body(WorkflowId("wf"), Verdict.PAID)

    assert json.loads(body) == {"workflow_id": "wf", "outcome": "paid"}


def test_edit_cannot_be_turned_to_another_contract() -> None:
    body = wire.edit_body(
        CustomerId("cus"),
        ContractId("con"),
        changes={
            "contract_id": "other",
            "update_spend_threshold_configuration": {"threshold_amount": Decimal("10.50")},
        },
        uniqueness_key="once",
    )

    assert json.loads(body, parse_float=Decimal) == {
        "customer_id": "cus",
        "contract_id": "con",
        "uniqueness_key": "once",
        "update_spend_threshold_configuration": {"threshold_amount": Decimal("10.50")},
    }


def test_invoice() -> None:
    assert wire.read_invoice(json.dumps(INVOICE).encode()) == Invoice(
        invoice_id=InvoiceId("inv"),
        customer_id=CustomerId("cus"),
        contract_id=ContractId("con"),
        status=InvoiceStatus.FINALIZED,
        total=Decimal(1500),
        credit_type_id="2714e483-4ff1-48e4-9e25-ac732e8f24f2",
        credit_type_name="USD (cents)",
        customer_custom_fields={"gateway_customer": "cus_1"},
        contract_custom_fields={"gateway": "second"},
        commit_ids=frozenset({"bought"}),
    )


def test_invoice_with_only_what_is_needed() -> None:
    body = b"""{"data": {"id": "inv", "customer_id": "cus", "status": "VOID", "total": 39.376420,
        "credit_type": {"id": "eur-id", "name": "EUR"}, "contract_id": null,
        "customer_custom_fields": null, "contract_custom_fields": {"unset": null}}}"""

    invoice = wire.read_invoice(body)

    assert invoice.total == Decimal("39.37642")
    assert invoice.status is InvoiceStatus.VOID
    assert invoice.contract_id is None
    assert invoice.customer_custom_fields == invoice.contract_custom_fields == {}


def test_unknown_status_is_never_guessed() -> None:
    for status in ("void", "PAID", "FINALISED"):
        body = changed(INVOICE, "data", "status", to=status)
        assert wire.read_invoice(body).status is InvoiceStatus.OTHER


@pytest.mark.parametrize("name", ["id", "customer_id", "status", "total", "credit_type"])
def test_invoice_without_what_a_charge_needs_is_not_understood(name: str) -> None:
    with pytest.raises(Unavailable, match=name):
        wire.read_invoice(without(INVOICE, name))


@pytest.mark.parametrize(
    "total", ['"1500"', "true", "null", "[1500]", "1e99", "1e-99", "NaN", "9" * 41, "9" * 5000]
)
def test_total_is_a_believable_number_or_nothing(total: str) -> None:
    body = json.dumps(INVOICE).replace('"total": 1500, "credit', f'"total": {total}, "credit')

    with pytest.raises(Unavailable):
        wire.read_invoice(body.encode())


@pytest.mark.parametrize("fields", [[], "x", 1, {"gateway_customer": 5}, {"a": {}}, {"a": True}])
def test_custom_fields_that_are_not_understood_are_not_dropped(fields: object) -> None:
    for name in ("contract_custom_fields", "customer_custom_fields"):
        with pytest.raises(Unavailable, match=name):
            wire.read_invoice(changed(INVOICE, "data", name, to=fields))


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("name", [*INVOICE["data"], "nothing"])
def test_odd_invoices_are_read_or_refused(name: str, garbage: object) -> None:
    with contextlib.suppress(Unavailable):
        invoice = wire.read_invoice(changed(INVOICE, "data", name, to=garbage))
        assert invoice.total in {1500, 0, Decimal("-1.5")}
        assert invoice.invoice_id == "inv"


def test_customer() -> None:
    read = wire.read_customer(json.dumps(CUSTOMER).encode())

    assert read == Customer(CustomerId("cus"), "Ada", {"gateway": "main"})


def test_contract() -> None:
    assert wire.read_contract(json.dumps(CONTRACT).encode()) == Contract(
        contract_id=ContractId("con"),
        active_commit_ids=frozenset({"paid", "free"}),
        invoices_of_commits={"paid": frozenset({InvoiceId("inv")})},
        custom_fields={"gateway": "second"},
        threshold_enabled=True,
    )


@pytest.mark.parametrize(
    ("spend", "prepaid", "enabled"),
    [
        (None, None, None),
        (True, None, True),
        (None, False, False),
        (True, True, True),
        (True, False, False),
    ],
)
def test_thresholds_are_on_only_when_all_are(
    spend: bool | None, prepaid: bool | None, enabled: bool | None
) -> None:
    contract: Json = {"data": {"id": "con"}}
    for name, switch in (("spend", spend), ("prepaid_balance", prepaid)):
        if switch is not None:
            contract["data"][f"{name}_threshold_configuration"] = {"is_enabled": switch}

    assert wire.read_contract(json.dumps(contract).encode()).threshold_enabled is enabled


@pytest.mark.parametrize("garbage", [*GARBAGE, [{}], [{"id": 5}], [{"id": "a", "archived_at": 1}]])
@pytest.mark.parametrize("name", list(CONTRACT["data"]))
def test_odd_contracts_are_read_or_refused(name: str, garbage: object) -> None:
    with contextlib.suppress(Unavailable):
        contract = wire.read_contract(changed(CONTRACT, "data", name, to=garbage))
        assert contract.active_commit_ids in {frozenset({"paid", "free"}), frozenset()}


@given(st.binary())
def test_no_bytes_crash_any_reader(body: bytes) -> None:
    for read in (wire.read_invoice, wire.read_customer, wire.read_contract):
        with pytest.raises(Unavailable):
            read(body)


def test_errors_repeat_nothing_of_the_answer() -> None:
    body = changed(INVOICE, "data", "total", to="a secret in the wrong place")

    with pytest.raises(Unavailable) as caught:
        wire.read_invoice(body)

    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("status", "body", "absent"),
    [
        (404, b'{"message":"not found"}', True),
        (404, b"{}", True),
        (404, b"", False),
        (404, b"<html>no such host</html>", False),
        (404, b'"not found"', False),
        (400, b'{"code":"ContractNotFound","message":"no"}', True),
        (400, b'{"code":"CustomerNotFound"}', True),
        (400, b'{"code":"Malformed","message":"ContractNotFound"}', False),
        (400, b'{"code":["ContractNotFound"]}', False),
        (400, b"ContractNotFound", False),
        (200, b'{"code":"ContractNotFound"}', False),
        (409, b'{"code":"ContractNotFound"}', False),
    ],
)
def test_only_metronome_itself_can_say_that_something_is_absent(
    status: int, body: bytes, absent: bool
) -> None:
    assert wire.says_absent(Answered(status, {}, body)) is absent


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message":"no"}', "HTTP 400 no"),
        (b'{"code":"Bad","message":"no\\u0000way\\ud800"}', "HTTP 400 Bad: no way"),
        (b'{"code":5,"message":["no"]}', 'HTTP 400 {"code":5,"message":["no"]}'),
        (b"plain\r\ntext", "HTTP 400 plain text"),
        (b"\x1b[31mred", "HTTP 400 [31mred"),
        (b"", "HTTP 400"),
        (b'{"message":"Bearer tok"}', "HTTP 400 Bearer [hidden]"),
    ],
)
def test_complaints_are_one_printable_line(body: bytes, said: str) -> None:
    assert wire.complaint(Answered(400, {}, body), hide="tok") == said
