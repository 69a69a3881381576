"""Targets of the adapters: whatever a gateway answers is an outcome, and never a false one."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import get_args

from external_gate.domain.charge import Charge, ChargeRequest, Payer, SentCharge
from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.identifiers import (
    AttemptKey,
    ContractId,
    CustomerId,
    InvoiceId,
    WorkflowId,
    undo_key,
)
from external_gate.domain.money import LARGEST_MINOR, Money
from external_gate.domain.outcome import (
    Declined,
    Misconfigured,
    NotFound,
    NotSent,
    Outcome,
    Pending,
    Succeeded,
    TooLate,
    Undo,
    Undone,
    UndoPending,
)
from external_gate.gateways.gateway import Surroundings
from external_gate.gateways.http_gateway import HttpGateway, HttpSettings
from external_gate.gateways.sandbox import SandboxGateway, SandboxSettings
from external_gate.outbound import standard_webhooks
from external_gate.outbound.calls import Answered
from external_gate.stores.documents import answer_from_json, answer_to_json
from tests.hostile_input.canary import WHSEC, is_line, names_tell, only, tells_canary
from tests.hostile_input.planned_caller import NOW, PlannedCaller, StandingClock, at_once
from tests.hostile_input.samples import CHARGE_ANSWERS, KEY, ORDER, PAIR, UNDO_ANSWERS
from tests.hostile_input.target import (
    Judge,
    Target,
    fields,
    header_mapping,
    joined,
    status_of,
    without_stage,
)

CHARGE = Charge(
    attempt_key=AttemptKey(KEY),
    workflow_id=WorkflowId("wf-1"),
    workflow_type="spend",
    customer_id=CustomerId("cus-1"),
    contract_id=ContractId("con-1"),
    invoice_id=InvoiceId("inv-1"),
    amount=Money(1500, "USD"),
    payer=Payer("cus_1", "pm_ok"),
    description="Usage",
)
REQUEST = ChargeRequest(CHARGE, b"{}", not_after=NOW + timedelta(hours=1))
SENT = SentCharge(
    charge=CHARGE,
    charge_id=None,
    first_sent_at=NOW,
    cancel_key=undo_key(AttemptKey(KEY), "cancel"),
    refund_key=undo_key(AttemptKey(KEY), "refund"),
)

SETTINGS = HttpSettings.model_validate({"url": "http://127.0.0.1:9/charges", "secret": WHSEC})

LONGEST_CAUSE = 400
"""Characters of whatever an answer makes us tell a person."""


def answered(data: bytes) -> Answered:
    """Read an answer: status, headers, body."""
    status, raw, body = fields(data, 3)
    return Answered(status_of(status), header_mapping(raw), body)


def http_gateway(caller: PlannedCaller) -> HttpGateway:
    """Make the adapter with a secret that an answer may repeat."""
    return HttpGateway(SETTINGS, Surroundings("main", caller, StandingClock()))


def _said(answer: Answered) -> dict[str, object]:
    """Read an answer as leniently as Python does: what it may mean at most."""
    try:
        said = json.loads(answer.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def says_as_name(data: bytes) -> bool:
    """Tell whether an answer has our secret as a name, which is shown: a custom field's."""
    return names_tell(_said(answered(data)))


def judge_charge(data: bytes) -> None:
    """A charge has an outcome whatever is answered; money was taken only where that is said."""
    answer = answered(data)
    outcome = at_once(http_gateway(PlannedCaller(answer)).charge(REQUEST))
    judge_outcome(outcome, answer)
    assert not isinstance(outcome, NotSent)


def judge_lookup(data: bytes) -> None:
    """A lookup has an outcome; absence is believed only with our key and the words for it."""
    answer = answered(data)
    outcome = at_once(http_gateway(PlannedCaller(answer)).lookup(SENT))
    if isinstance(outcome, NotFound):
        assert answer.status == 404
        assert _said(answer)["status"] == "never_seen"
        assert _said(answer)["attempt_key"] == KEY
    else:
        judge_outcome(outcome, answer)
        assert not isinstance(outcome, NotSent | Misconfigured)


def judge_outcome(outcome: Outcome, answer: Answered) -> None:
    """Compare an outcome with what the answer says at most, and see that it can be kept."""
    _keepable(outcome)
    said = _said(answer)
    match outcome:
        case Succeeded(charge_id, amount, reference):
            assert (answer.status, said["status"]) == (200, "succeeded")
            assert is_line(charge_id, longest=255)
            assert charge_id.strip()
            assert reference in {None, KEY}
            assert said["amount"] == {**_table(said["amount"]), "minor": amount.minor}
            assert abs(amount.minor) <= LARGEST_MINOR
        case Declined():
            assert (answer.status, said["status"]) == (200, "declined")
        case Pending(next_poll=wait, action_url=address):
            assert (answer.status, said["status"]) == (200, "pending")
            assert wait is None or timedelta(0) < wait <= timedelta(days=7)
            assert address is None or address.lower().startswith(("http:", "https:"))
        case Misconfigured():
            assert said["status"] == "rejected"
            assert answer.status in {400, 401, 403, 422}
        case _:
            pass


def _table(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def _keepable(outcome: Outcome | Undo) -> None:
    """See that texts are short lines without our secret, and that the store reads them back."""
    assert not tells_canary(outcome), "an outcome tells a secret"
    for name in ("cause", "code", "message", "charge_id"):
        text = getattr(outcome, name, None)
        assert text is None or is_line(text, longest=LONGEST_CAUSE)
    assert answer_from_json(answer_to_json(outcome)) == outcome


def judge_undo(data: bytes) -> None:
    """Cancel and refund are done only where that is said."""
    answer = answered(data)
    gateway = http_gateway(PlannedCaller(answer))
    for undo in (at_once(gateway.cancel(SENT)), at_once(gateway.refund(SENT))):
        _keepable(undo)
        words = {Undone: "undone", UndoPending: "pending", TooLate: "too_late"}
        if type(undo) in words:
            assert (answer.status, _said(answer)["status"]) == (200, words[type(undo)])


def judge_notification(data: bytes) -> None:
    """The adapter gives notices only of bodies that were signed."""
    mode, raw, body = fields(data, 3)
    headers = header_mapping(raw)
    if mode == b"signed":
        headers |= standard_webhooks.sign(WHSEC, message_id="msg_1", timestamp=NOW, body=body)
    with only(BadInput, Refused):
        notices = http_gateway(PlannedCaller()).parse_notification(headers, body, "http://x/")
        assert mode == b"signed" or headers["webhook-signature"]
        assert [notice.outcome for notice in notices] == [None]
        assert is_line(notices[0].attempt_key, longest=255)
        assert not notices[0].signed_and_final


@contextmanager
def judging_sandbox() -> Iterator[Judge]:
    """The sandbox answers whatever order it gets."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        settings = SandboxSettings(books=Path(folder) / "books.db", delay_seconds=0)
        gateway = SandboxGateway(settings, Surroundings("s", PlannedCaller(), StandingClock()))

        def judge(data: bytes) -> None:
            key = _said(Answered(200, {}, data)).get("attempt_key")
            charge = replace(CHARGE, attempt_key=AttemptKey(key if isinstance(key, str) else KEY))
            outcome = runner.run(gateway.charge(replace(REQUEST, charge=charge, body=data)))
            assert isinstance(outcome, get_args(Outcome))
            assert answer_from_json(answer_to_json(outcome)) == outcome

        yield judge


def _answer(status: int, body: bytes) -> bytes:
    return joined(str(status).encode(), b"content-type: application/json", body)


def _ok(body: bytes) -> bytes:
    return _answer(200, body)


_STATUSES = (200, 200, 200, 422, 404)

GATEWAY_TARGETS = (
    Target(
        "http_charge",
        without_stage(judge_charge),
        [_answer(status, body) for status, body in zip(_STATUSES, CHARGE_ANSWERS, strict=True)]
        + [
            joined(b"200", b"content-encoding: gzip", b"\x1f\x8b\x08\x00"),
            joined(b"302", b"location: /"),
        ],
        bodies=_ok,
        examples=150,
    ),
    Target(
        "http_lookup",
        without_stage(judge_lookup),
        [_answer(status, body) for status, body in zip(_STATUSES, CHARGE_ANSWERS, strict=True)],
        bodies=lambda body: _answer(404, body),
        examples=100,
    ),
    Target("http_undo", without_stage(judge_undo), list(map(_ok, UNDO_ANSWERS)), bodies=_ok),
    Target(
        "http_notification",
        without_stage(judge_notification),
        [joined(b"signed", b"", PAIR), joined(b"", b"webhook-id: a", PAIR)],
        bodies=lambda body: joined(b"signed", b"", body),
    ),
    Target(
        "sandbox_order",
        judging_sandbox,
        [ORDER],
        bodies=bytes,
    ),
)
