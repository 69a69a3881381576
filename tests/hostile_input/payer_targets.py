"""Targets of the payer sources: the host application's answer, and a table as CSV."""

from collections.abc import Mapping
from datetime import timedelta

from external_gate.domain.charge import Payer
from external_gate.domain.errors import Broken, Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId, WorkflowId
from external_gate.payers.csv_import import CsvFaulty, read_payers
from external_gate.payers.http_payers import HttpPayers
from external_gate.payers.payer_source import LONGEST_TEXT, PayerQuestion
from tests.hostile_input.canary import WHSEC, is_line, only
from tests.hostile_input.gateway_targets import answered
from tests.hostile_input.planned_caller import PlannedCaller, StandingClock, at_once
from tests.hostile_input.samples import CSV, PAYERS
from tests.hostile_input.target import Target, joined, without_stage

QUESTION = PayerQuestion(WorkflowId("wf-1"), CustomerId("cus-1"), ContractId("con-1"))


def judge_payer(data: bytes) -> None:
    """A payer is one that a gateway could know, or none, or the source is not usable now."""
    caller = PlannedCaller(answered(data))
    source = HttpPayers(
        caller,
        StandingClock(),
        url="http://127.0.0.1:9/payer",
        secret=WHSEC,
        timeout=timedelta(seconds=1),
    )
    with only(Unavailable, Broken):
        payer = at_once(source.find(QUESTION))
        if payer is not None:
            _is_usable(payer)


def _is_usable(payer: Payer) -> None:
    assert payer.customer.strip()
    for text in (payer.customer, payer.payment_method, payer.gateway or ""):
        assert is_line(text, longest=LONGEST_TEXT)


def judge_csv(data: bytes) -> None:
    """A table is taken whole, or every fault is named with its line."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    try:
        payers = read_payers(text)
    except CsvFaulty as error:
        faults = error.faults
    else:
        _are_usable(payers)
        return
    lines = len(text.splitlines()) + 1
    assert all(1 <= fault.line <= lines for fault in faults)
    assert all(is_line(str(fault), longest=1000) for fault in faults)


def _are_usable(payers: Mapping[CustomerId, Payer]) -> None:
    for customer_id, payer in payers.items():
        assert is_line(customer_id, longest=LONGEST_TEXT)
        _is_usable(payer)


def _ok(body: bytes) -> bytes:
    return joined(b"200", b"", body)


PAYER_TARGETS = (
    Target(
        "payer",
        without_stage(judge_payer),
        [*map(_ok, PAYERS), joined(b"404", b"", PAYERS[-1]), joined(b"401", b"", b"")],
        bodies=_ok,
        examples=100,
    ),
    Target(
        "csv",
        without_stage(judge_csv),
        CSV,
        growing={
            "rows": lambda size: CSV[0] + b"c%d,x\n" * (size // 6),
            "good rows": lambda size: (
                CSV[0] + b"".join(b"d%d,cus_1,,\n" % row for row in range(size // 14))
            ),
            "columns": lambda size: b"a," * (size // 2),
            "quotes": lambda size: CSV[0] + b'"x"y\n' * (size // 5),
            "open quote": lambda size: CSV[0] + b'"' + b"a\n" * (size // 2),
            "blank lines": lambda size: CSV[0] + b"\n" * size,
        },
        memory_factor=200,
    ),
)
