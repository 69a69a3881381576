"""Targets of the intake's pure parts: the signature, the dates, and what a body says."""

import hashlib
from datetime import UTC, datetime, timedelta

from external_gate.domain.errors import BadInput
from external_gate.domain.money import LARGEST_MINOR
from external_gate.intake import envelope
from external_gate.intake.body_fields import LONGEST_TEXT
from external_gate.intake.gate_reports import is_report
from external_gate.intake.receive import concerns_us
from external_gate.intake.signature import (
    AgeLimits,
    SignatureRefused,
    Verified,
    http_date,
    read_http_date,
    sign,
    verify,
)
from external_gate.outbound import standard_webhooks
from tests.hostile_input.canary import CANARY, WHSEC, is_line, only
from tests.hostile_input.planned_caller import NOW
from tests.hostile_input.samples import PAIR, notifications, vector
from tests.hostile_input.target import Target, fields, header_mapping, joined, without_stage

DATE = http_date(NOW)


def judge_signature(data: bytes) -> None:
    """Who has no secret is refused, whatever the headers hold."""
    raw, body = fields(data, 2)
    headers = header_mapping(raw)
    secrets = [CANARY, "an older one"]
    with only(SignatureRefused):
        verified = verify(headers, body, secrets=secrets, now=NOW, limits=AgeLimits())
        _was_signed(verified, headers, body)


def _was_signed(verified: Verified, headers: dict[str, str], body: bytes) -> None:
    """Prove a signature that was believed, and that its date means what Python reads in it."""
    date = headers[verified.date_header]
    signature = headers["metronome-webhook-signature"].lower()
    assert signature in {
        sign(CANARY, date=date, body=body),
        sign("an older one", date=date, body=body),
    }
    assert AgeLimits().keep >= verified.age >= -AgeLimits().future
    assert verified.signed_at.utcoffset() == timedelta(0)


def judge_http_date(data: bytes) -> None:
    """A date is an instant in UTC, or none; what we write ourselves is read back."""
    found = read_http_date(data.decode("latin-1"))
    if found is not None:
        assert found.utcoffset() == timedelta(0)
        assert found.year < 1000 or read_http_date(http_date(found)) == found


def judge_envelope(data: bytes) -> None:
    """Every body is understood or has a flaw; what is kept breaks no database and no terminal."""
    read = envelope.read(data)
    assert read.digest == hashlib.sha256(data).hexdigest()
    assert (read.facts is None) or (read.flaw is None and read.type == envelope.INITIATE)
    assert read.flaw is None or is_line(read.flaw, longest=2000)
    kept = (read.notification_id, read.type, read.workflow_id, read.customer_id, read.contract_id)
    for text in (*kept, read.invoice_id):
        assert text is None or is_line(text, longest=LONGEST_TEXT)
    assert concerns_us(read) in {True, False}
    if is_report(read.type):
        assert (read.report is None) <= (read.flaw is not None)
    if read.report is not None:
        for text in (read.report.contract_id, read.report.customer_id):
            assert is_line(text, longest=LONGEST_TEXT)
        for text in (read.report.status, read.report.message, read.report.workflow_type):
            assert not text or is_line(text, longest=LONGEST_TEXT)
    if read.facts is not None:
        assert read.facts.workflow_id == read.workflow_id
        assert read.facts.total.is_finite()
        # Writing it down must cost nothing, whatever exponent it came with.
        assert len(f"{read.facts.total:f}") <= envelope.MOST_DIGITS + envelope.FARTHEST_EXPONENT + 3
        assert read.facts.total.copy_abs() > LARGEST_MINOR or read.facts.total.adjusted() <= 16


def judge_standard_webhooks(data: bytes) -> None:
    """A message is believed only with a signature of ours over its very bytes."""
    raw, body = fields(data, 2)
    headers = header_mapping(raw)
    with only(BadInput):
        message_id = standard_webhooks.verify(
            [WHSEC], headers, body, now=NOW, tolerance=timedelta(minutes=5)
        )
        seconds = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        again = standard_webhooks.sign(WHSEC, message_id=message_id, timestamp=seconds, body=body)
        assert again["webhook-signature"] in headers["webhook-signature"].split(" ")


def _metronome_headers(*, secret: str, date: str, body: bytes) -> bytes:
    signature = sign(secret, date=date, body=body)
    return f"metronome-webhook-signature: {signature}\nx-metronome-date: {date}".encode()


def _standard_headers(body: bytes) -> bytes:
    signed = standard_webhooks.sign(WHSEC, message_id="msg_1", timestamp=NOW, body=body)
    return "\n".join(f"{name}: {value}" for name, value in signed.items()).encode()


_BODY = notifications()[0]
_VECTOR = vector()

INTAKE_TARGETS = (
    Target(
        "signature",
        without_stage(judge_signature),
        [
            joined(_metronome_headers(secret=CANARY, date=DATE, body=_BODY), _BODY),
            joined(_metronome_headers(secret="another", date=DATE, body=b"x"), b"x"),
            joined(
                f"metronome-webhook-signature: {_VECTOR['signature']}\n"
                f"date: {_VECTOR['x_metronome_date']}".encode(),
                _VECTOR["body"].encode(),
            ),
            joined(b"x-metronome-date: Sun, 22 Nov 2026 12:00:60 +0130", b""),
        ],
        growing={
            "long signature": lambda size: b"date: x\nmetronome-webhook-signature: " + b"a" * size,
            "long date": lambda size: b"metronome-webhook-signature: a\ndate: " + b"1" * size,
            "long body": lambda size: b"metronome-webhook-signature: a\ndate: x\x1e" + b"a" * size,
        },
    ),
    Target(
        "http_date",
        without_stage(judge_http_date),
        [b"Mon, 02 Jan 2006 22:04:05 GMT", b"22 Nov 2026 12:00:60 -0130", b"1 jan 9999 23:59:60 Z"],
        growing={"digits": lambda size: b"1" * size, "spaces": lambda size: b"Mon, " + b" " * size},
        longest=128,
    ),
    Target("envelope", without_stage(judge_envelope), notifications(), bodies=bytes, examples=150),
    Target(
        "standard_webhooks",
        without_stage(judge_standard_webhooks),
        [
            joined(_standard_headers(PAIR), PAIR),
            joined(_standard_headers(b"") + b" v1,AAAA v1a,BBBB", b""),
            joined(b"webhook-id: a.b\nwebhook-timestamp: 1\nwebhook-signature: v1,", b""),
        ],
        growing={
            "many signatures": lambda size: (
                b"webhook-id: a\nwebhook-timestamp: 1795348800\nwebhook-signature: "
                + b"v1,x " * (size // 5)
            ),
            "many headers": lambda size: b"x: y\n" * (size // 5),
        },
    ),
)
