"""JSON both ways, without losing a digit and without a crash."""

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.errors import BadInput, Unavailable
from external_gate.metronome.exact_json import read_object, write_object

decimals = st.decimals(allow_nan=False, allow_infinity=False, places=6)
texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | decimals | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=5,
)


@given(st.dictionaries(texts, values))
def test_what_is_written_reads_back_exactly(fields: dict[str, object]) -> None:
    assert read_object(write_object(fields), subject="it") == fields


@given(st.binary() | texts.map(str.encode))
def test_no_bytes_crash_the_reader(body: bytes) -> None:
    with contextlib.suppress(Unavailable):
        assert isinstance(read_object(body, subject="it"), dict)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"1",
        b"\xff{}",
        b'{"total": NaN}',
        b'{"total": -Infinity}',
        b'{"total": 1, "total": 2}',
        b'{"total": ' + b"9" * 5000 + b"}",
        b'{"total": 1e99999999999999999999}',
        b'{"a":' * 100_000,
        b"[" * 100_000,
    ],
)
def test_what_is_no_plain_object_is_refused(body: bytes) -> None:
    with pytest.raises(Unavailable):
        read_object(body, subject="it")


def test_amounts_keep_every_digit() -> None:
    body = b'{"total": 1599.2000000000000000000001, "cents": 1500}'

    told = read_object(body, subject="it")

    assert told == {"total": Decimal("1599.2000000000000000000001"), "cents": Decimal(1500)}


def test_amounts_are_written_as_plain_numbers() -> None:
    assert write_object({"threshold_amount": Decimal("1E+3")}) == b'{"threshold_amount":1000}'
    assert json.loads(write_object({"rate": Decimal("0.0087")})) == {"rate": 0.0087}


@pytest.mark.parametrize("value", [1.5, Decimal("NaN"), {1: 2}, [object()], {"deep": [1.5]}])
def test_what_json_cannot_say_exactly_is_not_written(value: object) -> None:
    with pytest.raises(BadInput):
        write_object({"value": value})
