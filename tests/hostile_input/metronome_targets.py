"""Targets of Metronome's answers: through the client that the engine calls."""

from contextlib import suppress
from datetime import timedelta

from external_gate.domain.errors import BadInput, Broken, Refused, Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.money import Converted, unit_of
from external_gate.domain.workflow import Verdict
from external_gate.metronome.answer_shapes import LONGEST_TEXT
from external_gate.metronome.billing import ReleaseResult
from external_gate.metronome.client import MetronomeClient
from external_gate.metronome.exact_json import read_object, write_object
from external_gate.metronome.release_wire import LONGEST_WAIT
from external_gate.metronome.wire import LONGEST_COMPLAINT
from tests.hostile_input.canary import CANARY, is_line, only, tells_canary
from tests.hostile_input.gateway_targets import answered, says_as_name
from tests.hostile_input.planned_caller import NOW, PlannedCaller, at_once
from tests.hostile_input.samples import CONTRACT, CUSTOMER, INVOICE, REFUSALS
from tests.hostile_input.target import Target, joined, without_stage

CUS, CON, INV = CustomerId("cus-1"), ContractId("con-1"), InvoiceId("inv-1")


def client_of(data: bytes) -> MetronomeClient:
    """Make a client to whom everything is answered with `data`."""
    return MetronomeClient(
        PlannedCaller(answered(data)), base_url="http://127.0.0.1:9", token=CANARY
    )


def judge_invoice(data: bytes) -> None:
    """An invoice is whole or not believed; its total costs nothing to work with."""
    with only(Unavailable, Broken, may_tell=says_as_name(data)):
        invoice = at_once(client_of(data).invoice(CUS, INV))
        if invoice is None:
            return
        for text in (invoice.invoice_id, invoice.customer_id, invoice.credit_type_name):
            assert is_line(text, longest=LONGEST_TEXT)
        assert invoice.total.is_finite()
        assert len(f"{invoice.total:f}") < 100
        unit = unit_of(credit_type_id=invoice.credit_type_id, name=invoice.credit_type_name)
        with only(BadInput):
            Converted.from_metronome(invoice.total, currency="USD", unit=unit)


def judge_customer(data: bytes) -> None:
    """A customer is one, or not believed."""
    with only(Unavailable, Broken, may_tell=says_as_name(data)):
        customer = at_once(client_of(data).customer(CUS))
        assert customer is None or is_line(customer.customer_id, longest=LONGEST_TEXT)


def judge_contract(data: bytes) -> None:
    """A contract is one, or not believed."""
    with only(Unavailable, Broken, may_tell=says_as_name(data)):
        contract = at_once(client_of(data).contract(CUS, CON))
        if contract is not None:
            ids = [contract.contract_id, *contract.active_commit_ids]
            assert all(is_line(each, longest=LONGEST_TEXT) for each in ids)


def judge_edit(data: bytes) -> None:
    """An edit ends with one of the client's own errors, or was taken."""
    with only(Unavailable, Broken, Refused):
        at_once(client_of(data).edit_contract(CUS, CON, changes={}, uniqueness_key="k"))


def judge_release(data: bytes) -> None:
    """Releasing never raises, and only a 2xx is success."""
    status = answered(data).status
    told = at_once(
        client_of(data).release(WorkflowId("wf-1"), Verdict.PAID, key="r-1", not_after=NOW)
    )
    assert (told.result is ReleaseResult.DONE) == (200 <= status < 300)
    assert is_line(told.detail, longest=LONGEST_COMPLAINT)
    assert not tells_canary(told), "a release tells the token"
    assert told.retry_after is None or timedelta(0) <= told.retry_after <= LONGEST_WAIT


def judge_exact_json(data: bytes) -> None:
    """What can be written again is read as the same, to the last digit."""
    with only(Unavailable):
        read = read_object(data, subject="a test")
        # Deeper or longer than anything of ours: refusing to write it is right.
        with suppress(BadInput):
            written = write_object(read)
            assert len(written) <= 100 * len(data) + 1000, "a few bytes were written as pages"
            assert read_object(written, subject="a test") == read


def _answer(status: int, body: bytes) -> bytes:
    return joined(str(status).encode(), b"content-type: application/json", body)


def _ok(body: bytes) -> bytes:
    return _answer(200, body)


_REFUSED = [_answer(status, REFUSALS[0]) for status in (400, 401, 404, 429, 500)]

_RELEASES = [
    _ok(b""),
    *(_answer(400 + number, body) for number, body in enumerate(REFUSALS)),
    joined(b"429", b"retry-after: 30\ndate: Sun, 22 Nov 2026 12:00:00 GMT", REFUSALS[0]),
    joined(
        b"503", b"retry-after: Sun, 22 Nov 2026 12:00:30 GMT\ndate: Sun, 22 Nov 2026 12:00:00 GMT"
    ),
]

METRONOME_TARGETS = (
    Target(
        "invoice", without_stage(judge_invoice), [_ok(INVOICE), *_REFUSED], bodies=_ok, examples=100
    ),
    Target("customer", without_stage(judge_customer), [_ok(CUSTOMER), *_REFUSED], bodies=_ok),
    Target("contract", without_stage(judge_contract), [_ok(CONTRACT), *_REFUSED], bodies=_ok),
    Target(
        "edit", without_stage(judge_edit), [_ok(b""), *_REFUSED], bodies=lambda b: _answer(422, b)
    ),
    Target(
        "release",
        without_stage(judge_release),
        _RELEASES,
        bodies=lambda body: _answer(500, body),
        growing={
            "long date": lambda size: joined(
                b"503", b"retry-after: x\ndate: " + b"1 " * (size // 2)
            )
        },
    ),
    Target("exact_json", without_stage(judge_exact_json), [INVOICE, CONTRACT], bodies=bytes),
)
