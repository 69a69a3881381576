"""Whatever bytes come, a notification is read without a guess about money and without a crash."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from external_gate.intake.envelope import INITIATE, Envelope, InitiateFacts, read
from tests.databases import DATABASES
from tests.throwaway_postgres import Cluster

SAMPLES = Path(__file__).parents[1] / "samples/metronome"
FACTS = InitiateFacts(
    workflow_id="d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc",
    workflow_type="spend",
    customer_id="d290dec8-4ebb-4e73-89ef-45ed3443ca67",
    contract_id="80b07d70-c84e-4ff0-b42c-875defff0931",
    invoice_id="6a37bb88-8538-48c5-b37b-a41c836328bd",
    total=Decimal(1500),
    currency="USD",
)
REQUIRED = ["workflow_id", "customer_id", "contract_id", "invoice_id", "invoice_currency"]
NO_TEXT: list[object] = [
    None,
    "",
    " ",
    7,
    True,
    [],
    {},
    "x" * 201,
    "a\x00b",
    "a\nb",
    "\x1b[2J",
    "\ud800",
]

# A busy machine is no fault: the first text drawn builds a table of all Unicode characters.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def short(value: object) -> str:
    """Name a case by its length and start; some are 200,000 digits long."""
    text = repr(value)
    return f"{len(text)} {text[:30]}"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def initiate(**properties: Any) -> bytes:  # Any: whatever JSON can say
    """Give the published initiate with other properties; those that are `...` are left out."""
    body = json.loads(sample(INITIATE))
    merged = body["properties"] | properties
    body["properties"] = {name: value for name, value in merged.items() if value is not ...}
    return json.dumps(body).encode()


def initiate_with_total(literal: str) -> bytes:
    return sample(INITIATE).replace(b"1500", literal.encode())


def held(body: bytes) -> Envelope:
    """Read an initiate that must not be charged but whose workflow must be seen."""
    envelope = read(body)
    assert envelope.type == INITIATE
    assert envelope.facts is None
    assert envelope.flaw
    return envelope


def test_published_initiate() -> None:
    body = sample(INITIATE)

    assert read(body) == Envelope(
        notification_id="417fcaa4-f3cf-434e-ab20-f70204cfd5ef",
        type=INITIATE,
        digest=hashlib.sha256(body).hexdigest(),
        facts=FACTS,
        flaw=None,
        workflow_id=FACTS.workflow_id,
        customer_id=FACTS.customer_id,
        contract_id=FACTS.contract_id,
        invoice_id=FACTS.invoice_id,
    )


@pytest.mark.parametrize(
    ("kind", "customer_id", "contract_id", "invoice_id"),
    [
        (
            "payment_gate.threshold_reached",
            "d290dec8-4ebb-4e73-89ef-45ed3443ca67",
            "80b07d70-c84e-4ff0-b42c-875defff0931",
            None,
        ),
        (
            "payment_gate.payment_status",
            "6352d562-213f-4a6e-819f-58fdabc3f2b9",
            "bbf87cf7-beaa-4d96-aea4-2cd87009dcb6",
            "6644b5ec-394a-4d07-a037-e2827a0af4be",
        ),
        (
            "payment_gate.payment_pending_action_required",
            "d290dec8-4ebb-4e73-89ef-45ed3443ca67",
            "80b07d70-c84e-4ff0-b42c-875defff0931",
            "dd864572-9787-573f-9c74-e5159b4ea97c",
        ),
    ],
)
def test_other_published_types_ask_for_nothing_but_can_be_matched(
    kind: str, customer_id: str, contract_id: str, invoice_id: str | None
) -> None:
    envelope = read(sample(kind))

    assert (envelope.type, envelope.is_gate, envelope.flaw) == (kind, True, None)
    assert (envelope.facts, envelope.workflow_id) == (None, None)
    assert (envelope.customer_id, envelope.contract_id) == (customer_id, contract_id)
    assert envelope.invoice_id == invoice_id


def test_every_published_sample_is_tested_here() -> None:
    assert {path.stem for path in SAMPLES.glob("payment_gate.*.json")} == {
        INITIATE,
        "payment_gate.threshold_reached",
        "payment_gate.payment_status",
        "payment_gate.payment_pending_action_required",
    }


@pytest.mark.parametrize(
    "body",
    [
        sample("webhooks.test"),
        b'{"id": "1", "type": "contract.create", "contract_id": "c", "environment_type": "x"}',
        b'{"id": "1", "type": "payment_gates.other", "properties": {"workflow_id": "w"}}',
        b'{"id": "1", "type": "invoice.finalized", "properties": []}',
    ],
)
def test_types_of_no_concern_are_no_flaw(body: bytes) -> None:
    envelope = read(body)

    assert not envelope.is_gate
    assert (envelope.facts, envelope.flaw, envelope.workflow_id) == (None, None, None)
    assert envelope.notification_id == json.loads(body)["id"]


@pytest.mark.parametrize("properties", ["{}", "[]", "null", '{"customer_id": 7}'])
def test_gate_type_to_come_is_kept_whatever_its_shape(properties: str) -> None:
    envelope = read(b'{"id":"1","type":"payment_gate.new","properties":%s}' % properties.encode())

    assert envelope.is_gate
    assert (envelope.flaw, envelope.customer_id) == (None, None)


def test_type_that_only_looks_like_an_initiate_asks_for_nothing() -> None:
    for kind in (INITIATE + " ", INITIATE.upper(), INITIATE + "d"):
        assert read(sample(INITIATE).replace(INITIATE.encode(), kind.encode())).facts is None


@pytest.mark.parametrize(
    ("literal", "total"),
    [
        ("1500", "1500"),
        ("1599.2", "1599.2"),
        ("39.37642", "39.37642"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("10.50", "10.5"),
        ("0.1", "0.1"),
        ("0.00012345678901234567", "0.00012345678901234567"),
        ("9007199254740993", "9007199254740993"),
        ("9007199254740993.01", "9007199254740993.01"),
        ("1" * 40, "1" * 40),
        ("1" * 20 + "." + "1" * 20, "1" * 20 + "." + "1" * 20),
        ("1e20", "1e20"),
        ("1e-20", "1e-20"),
    ],
)
def test_total_keeps_every_digit(literal: str, total: str) -> None:
    facts = read(initiate_with_total(literal)).facts

    assert facts is not None
    assert facts.total == Decimal(total)
    assert isinstance(facts.total, Decimal)


@pytest.mark.parametrize("literal", ["0", "-0", "0.00", "-1500", "-0.5", "1500.001", "0.4"])
def test_what_cannot_be_charged_is_still_a_fact(literal: str) -> None:
    facts = read(initiate_with_total(literal)).facts

    assert facts is not None
    assert facts.total == Decimal(literal)


@pytest.mark.parametrize("currency", ["USD (cents)", "EUR", "eur", "XXX", "AI Tokens"])
def test_any_currency_is_a_fact(currency: str) -> None:
    facts = read(initiate(invoice_currency=currency)).facts

    assert facts is not None
    assert facts.currency == currency


@pytest.mark.parametrize(
    "literal",
    [
        '"1500"',
        "true",
        "false",
        "null",
        "[1500]",
        "{}",
        "1" * 41,
        "1." + "0" * 40,
        "1e21",
        "1e-21",
        "1e999999999",
        "-1e999999999",
        "1e999999999999999999999999",
        "1e-999999999999999999999999",
        "1e" + "0" * 99 + "1",
        "9" * 5000,
        "9" * 200_000,
        "0." + "9" * 200_000,
        "NaN",
        "Infinity",
        "-Infinity",
    ],
    ids=short,
)
def test_total_that_is_no_plain_number_is_held_and_never_guessed(literal: str) -> None:
    envelope = held(initiate_with_total(literal))

    assert envelope.workflow_id == FACTS.workflow_id
    assert envelope.flaw is not None
    assert "invoice_total" in envelope.flaw


@pytest.mark.parametrize("literal", ["01500", "1500.", ".5", "+1500", "0x5DC", "1_500", "1,500"])
def test_numbers_that_json_lacks_make_the_body_unreadable(literal: str) -> None:
    assert read(initiate_with_total(literal)).flaw == "the body is not JSON"


@pytest.mark.parametrize("value", [..., *NO_TEXT])
@pytest.mark.parametrize("name", REQUIRED)
def test_missing_or_unusable_fact_is_named(name: str, value: object) -> None:
    envelope = held(initiate(**{name: value}))

    assert envelope.flaw is not None
    assert envelope.flaw.startswith(name)
    kept = {"workflow_id", "customer_id", "contract_id", "invoice_id"} - {name}
    assert all(getattr(envelope, other) == getattr(FACTS, other) for other in kept)
    assert name == "invoice_currency" or getattr(envelope, name) is None


def test_all_flaws_are_named_at_once() -> None:
    flaw = held(initiate(workflow_id=7, invoice_total="1500")).flaw

    assert flaw is not None
    assert "workflow_id" in flaw
    assert "invoice_total" in flaw


@pytest.mark.parametrize("value", [..., None, ""])
def test_workflow_type_may_be_absent(value: object) -> None:
    assert read(initiate(workflow_type=value)).facts == replace(FACTS, workflow_type="")


@pytest.mark.parametrize("value", NO_TEXT[2:])
def test_workflow_type_is_text_when_it_is_there(value: object) -> None:
    assert held(initiate(workflow_type=value)).workflow_id == FACTS.workflow_id


@pytest.mark.parametrize("value", ["prepaid_balance", "Ünïcode", "x" * 200])
def test_workflow_type_is_an_open_list(value: str) -> None:
    assert read(initiate(workflow_type=value)).facts == replace(FACTS, workflow_type=value)


def test_text_is_kept_as_it_came() -> None:
    assert read(initiate(workflow_id=" w ")).workflow_id == " w "


@pytest.mark.parametrize("unknown", [True, "\ud800", "a\x00b", "x" * 500, {"a": [1.5, None]}])
def test_unknown_fields_are_tolerated(unknown: object) -> None:
    body = json.loads(initiate(new_field=unknown)) | {"other": unknown}

    assert read(json.dumps(body).encode()).facts == FACTS


def test_number_out_of_bounds_in_an_unknown_field_is_tolerated() -> None:
    for literal in (b"1e999999999999999999999999", b"9" * 5000, b"1e400"):
        body = sample(INITIATE).replace(b'"workflow_type"', b'"new": %s, "workflow_type"' % literal)
        assert read(body).facts == FACTS


@pytest.mark.parametrize("properties", [b"null", b"[]", b'"x"', b"7", b"NaN"])
def test_properties_of_another_shape_are_a_flaw(properties: bytes) -> None:
    body = b'{"id": "n", "type": "%s", "properties": %s}' % (INITIATE.encode(), properties)

    assert held(body).notification_id == "n"


def test_initiate_without_properties_is_a_flaw() -> None:
    envelope = held(b'{"id": "n", "type": "%s"}' % INITIATE.encode())

    assert envelope.flaw == "properties is missing or not one object"


@pytest.mark.parametrize(
    "repeat", ['"invoice_total": 1600', '"invoice_total": 1500', '"new": 1, "new": 2']
)
def test_name_that_stands_twice_in_properties_is_never_charged(repeat: str) -> None:
    body = sample(INITIATE).replace(b'"workflow_type"', repeat.encode() + b', "workflow_type"')

    assert held(body).workflow_id == FACTS.workflow_id


def test_repeated_workflow_is_none_at_all() -> None:
    body = sample(INITIATE).replace(b'"workflow_type"', b'"workflow_id": "w", "workflow_type"')

    assert held(body).workflow_id is None


@pytest.mark.parametrize(
    ("repeat", "kind", "notification_id"),
    [
        ('"id": "other"', INITIATE, None),
        ('"type": "webhooks.test"', "", "417fcaa4-f3cf-434e-ab20-f70204cfd5ef"),
        ('"properties": {}', INITIATE, "417fcaa4-f3cf-434e-ab20-f70204cfd5ef"),
    ],
)
def test_repeated_envelope_field_is_a_flaw(
    repeat: str, kind: str, notification_id: str | None
) -> None:
    envelope = read(
        sample(INITIATE).replace(b'{\n  "id"', b"{ %s,\n" % repeat.encode() + b'  "id"')
    )

    assert (envelope.facts, envelope.type) == (None, kind)
    assert envelope.flaw
    assert envelope.notification_id == (notification_id or envelope.digest)


def test_repeat_far_from_the_facts_is_tolerated() -> None:
    body = sample(INITIATE).replace(b'{\n  "id"', b'{"new": {"a": 1, "a": 2}, "id"')

    assert read(body).facts == FACTS


@pytest.mark.parametrize("value", NO_TEXT)
def test_without_a_usable_id_the_digest_is_the_id(value: object) -> None:
    body = json.dumps(json.loads(sample(INITIATE)) | {"id": value}).encode()

    envelope = held(body)

    assert envelope.notification_id == envelope.digest == hashlib.sha256(body).hexdigest()
    assert envelope.workflow_id == FACTS.workflow_id


@pytest.mark.parametrize("value", NO_TEXT)
def test_lost_type_is_empty_and_its_workflow_still_seen(value: object) -> None:
    envelope = read(json.dumps(json.loads(sample(INITIATE)) | {"type": value}).encode())

    assert (envelope.type, envelope.is_gate, envelope.facts) == ("", False, None)
    assert envelope.flaw
    assert envelope.workflow_id == FACTS.workflow_id


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        (b"", "the body is not JSON"),
        (b"hello", "the body is not JSON"),
        (b"\x00", "the body is not JSON"),
        (sample(INITIATE)[:-2], "the body is not JSON"),
        (sample(INITIATE) * 2, "the body is not JSON"),
        (sample(INITIATE).replace(b"spend", b"a\x00b"), "the body is not JSON"),
        (sample(INITIATE).replace(b"spend", b"\xff"), "the body is not UTF-8"),
        (sample(INITIATE).replace(b"spend", b"\xed\xa0\x80"), "the body is not UTF-8"),
        (sample(INITIATE).decode().encode("utf-16"), "the body is not UTF-8"),
        (b"null", "the body is not a JSON object"),
        (b'"x"', "the body is not a JSON object"),
        (b"[" + sample(INITIATE) + b"]", "the body is not a JSON object"),
        (b"7" * 5000, "the body is not a JSON object"),
        (b"[" * 100_000 + b"]" * 100_000, "the body is nested too deeply"),
        (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, "the body is nested too deeply"),
    ],
    ids=short,
)
def test_body_that_cannot_be_understood_is_kept_under_its_digest(body: bytes, flaw: str) -> None:
    digest = hashlib.sha256(body).hexdigest()

    assert read(body) == Envelope(notification_id=digest, type="", digest=digest, flaw=flaw)


def test_constant_that_json_lacks_is_a_flaw_wherever_it_stands() -> None:
    body = sample(INITIATE).replace(b'{\n  "id"', b'{"new": [NaN], "id"')

    assert held(body).workflow_id == FACTS.workflow_id


def test_byte_order_mark_is_tolerated() -> None:
    body = b"\xef\xbb\xbf" + sample(INITIATE)

    assert read(body).facts == FACTS
    assert read(body).digest == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        replace(FACTS, total=Decimal("1500.00")),
        replace(FACTS, total=Decimal("1.5e3")),
        replace(FACTS, currency="USD (cents)"),
        replace(FACTS, currency="usd"),
    ],
)
def test_same_facts_in_another_spelling_are_the_same(other: InitiateFacts) -> None:
    assert FACTS.same_as(other)
    assert other.same_as(FACTS)


@pytest.mark.parametrize(
    "other",
    [
        replace(FACTS, workflow_id="other"),
        replace(FACTS, workflow_type="manual_commit"),
        replace(FACTS, customer_id="other"),
        replace(FACTS, contract_id="other"),
        replace(FACTS, invoice_id="other"),
        replace(FACTS, total=Decimal("1500.00000000000000000000000000000000001")),
        replace(FACTS, total=Decimal(-1500)),
        replace(FACTS, currency="EUR"),
    ],
)
def test_other_facts_are_not_the_same(other: InitiateFacts) -> None:
    assert not FACTS.same_as(other)
    assert not other.same_as(FACTS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
SHAPES = st.fixed_dictionaries(
    {"id": JSON, "type": st.just(INITIATE) | JSON},
    optional={
        "properties": JSON
        | st.fixed_dictionaries({}, optional=dict.fromkeys([*REQUIRED, "invoice_total"], JSON))
    },
)


Take = Callable[[list[str | None]], Sequence[object]]
"""Gives back what a database makes of seven texts."""


@pytest.fixture(scope="module", params=DATABASES)
def take(request: pytest.FixtureRequest) -> Iterator[Take]:
    if request.param == "sqlite":
        with closing(sqlite3.connect(":memory:")) as file:
            yield lambda texts: file.execute("select ?, ?, ?, ?, ?, ?, ?", texts).fetchone()
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    asked = b"select %s::text, %s::text, %s::text, %s::text, %s::text, %s::text, %s::text"
    with cluster.connect() as server:
        yield lambda texts: server.execute(asked, texts).fetchall()[0]


def assert_can_be_kept(envelope: Envelope, take: Take) -> None:
    """Hold that there is an id, facts or a flaw but not both, and that databases take all of it."""
    texts = [
        envelope.notification_id,
        envelope.type,
        envelope.flaw,
        envelope.workflow_id,
        envelope.customer_id,
        envelope.contract_id,
        envelope.invoice_id,
    ]
    assert envelope.notification_id
    assert envelope.facts is None or envelope.flaw is None
    assert envelope.facts is None or envelope.facts.workflow_id == envelope.workflow_id
    assert envelope.type != INITIATE or envelope.facts or envelope.flaw
    assert list(take(texts)) == texts


@unhurried
@given(st.binary())
def test_no_bytes_break_the_reading(take: Take, body: bytes) -> None:
    assert_can_be_kept(read(body), take)


@unhurried
@given(JSON | SHAPES)
def test_no_json_breaks_the_reading(take: Take, value: object) -> None:
    assert_can_be_kept(read(json.dumps(value).encode()), take)


@unhurried
@given(st.data())
def test_no_damage_to_a_real_body_breaks_the_reading(take: Take, data: st.DataObject) -> None:
    body = sample(INITIATE)
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(start + 8, len(body))))

    assert_can_be_kept(read(body[:start] + data.draw(st.binary(max_size=8)) + body[end:]), take)


@unhurried
@given(
    st.decimals(min_value=-(10**15), max_value=10**15, allow_nan=False, places=6)
    | st.integers(-(10**40) + 1, 10**40 - 1)
)
def test_every_amount_survives_exactly(amount: Decimal | int) -> None:
    facts = read(initiate_with_total(str(amount))).facts

    assert facts is not None
    assert facts.total == amount
