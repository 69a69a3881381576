"""Only what the contract says in full is believed; everything else is unknown, and never raises."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Pending,
    Succeeded,
    TooLate,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.gateways.http_gateway.http_answers import (
    charge_outcome,
    lookup_outcome,
    undo_outcome,
)
from external_gate.outbound.calls import Answered, NeverSent, SentUnanswered
from tests.gateways.conftest import answered

KEY = "abcdefghij0123456789"
SUCCEEDED = {
    "status": "succeeded",
    "attempt_key": KEY,
    "charge_id": "ch_1",
    "amount": {"minor": 1500, "currency": "USD"},
}
STATUSES = ["succeeded", "declined", "pending", "rejected", "never_seen", "undone", "too_late"]
PARSERS = [charge_outcome, lookup_outcome, undo_outcome]


def judge(said: object, status: int = 200) -> object:
    return charge_outcome(answered(said, status), key=KEY)


def raw(body: bytes, status: int = 200) -> Answered:
    return Answered(status, {}, body)


# What a well-behaved host says ------------------------------------------------------------------


def test_success_carries_what_was_taken_and_the_reference() -> None:
    assert judge(SUCCEEDED) == Succeeded("ch_1", Money(1500, "USD"), reference=KEY)


def test_success_without_an_echoed_key_has_no_reference() -> None:
    said = {name: value for name, value in SUCCEEDED.items() if name != "attempt_key"}

    assert judge(said) == Succeeded("ch_1", Money(1500, "USD"), reference=None)


def test_success_of_another_amount_is_told_as_it_is() -> None:
    said = {**SUCCEEDED, "amount": {"minor": 1, "currency": "EUR"}}

    assert judge(said) == Succeeded("ch_1", Money(1, "EUR"), reference=KEY)


def test_soft_decline() -> None:
    decline = {"kind": "soft", "code": "insufficient_funds", "message": "later"}

    assert judge({"status": "declined", "decline": decline, "charge_id": "ch_1"}) == Declined(
        DeclineKind.SOFT, "insufficient_funds", "later", "ch_1"
    )


@pytest.mark.parametrize("decline", [None, {}, [], "no", 7, {"kind": "medium"}, {"kind": {}}])
def test_decline_without_a_usable_reason_is_hard(decline: object) -> None:
    assert judge({"status": "declined", "decline": decline}) == Declined(DeclineKind.HARD)


def test_decline_texts_become_one_bounded_line() -> None:
    decline = {"code": "x" * 500, "message": "a\r\nb\x1b[31m" + "c" * 500}

    found = judge({"status": "declined", "decline": decline})

    assert isinstance(found, Declined)
    assert len(found.code) == 64
    assert len(found.message) == 200
    assert found.message.isprintable()


def test_pending() -> None:
    assert judge({"status": "pending", "charge_id": "ch_1", "next_poll_seconds": 60}) == Pending(
        "ch_1", next_poll=timedelta(seconds=60)
    )


@pytest.mark.parametrize(
    ("asked", "granted"),
    [("0", 1), ("-5", 1), ("1.5", 1.5), ("1e999", 604_800), ("99999999", 604_800)],
)
def test_next_poll_is_bounded(asked: str, granted: float) -> None:
    found = charge_outcome(
        raw(f'{{"status":"pending","next_poll_seconds":{asked}}}'.encode()), key=KEY
    )

    assert found == Pending(next_poll=timedelta(seconds=granted))


@pytest.mark.parametrize("asked", [None, True, "60", [], {}])
def test_unreadable_next_poll_is_left_to_the_ladder(asked: object) -> None:
    assert judge({"status": "pending", "next_poll_seconds": asked}) == Pending()


def test_customer_is_needed_where_there_is_an_address() -> None:
    url = "https://bank.example/3ds?x=1"

    assert judge({"status": "pending", "action_url": url}) == Pending(
        needs_customer=True, action_url=url
    )


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "//bank.example", "https://", "http://[", 7,
        "https://bank.example/\n", "https://bänk.example/", "https://b.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_address_that_nobody_can_be_sent_to_is_left_out(url: object) -> None:
    found = judge({"status": "pending", "action_url": url})

    assert found == Pending(needs_customer=True, action_url=None)


@pytest.mark.parametrize("url", [None, ""])
def test_no_address_needs_no_customer(url: object) -> None:
    assert judge({"status": "pending", "action_url": url}) == Pending()


# What is not believed ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_rejection_is_our_fault_and_no_decline(status: int) -> None:
    found = judge({"status": "rejected", "message": "no such\ncustomer"}, status)

    assert found == Misconfigured(f"HTTP {status}: no such customer")


@pytest.mark.parametrize("status", [400, 401, 403, 422])
@pytest.mark.parametrize("said", [{}, {"status": "declined"}, {"error": "x"}, [], None])
def test_refusal_without_the_word_rejected_is_unknown(status: int, said: object) -> None:
    assert isinstance(judge(said, status), Unknown)


@pytest.mark.parametrize(
    "status", [201, 202, 204, 301, 302, 307, 402, 404, 405, 408, 409, 423, 425, 429, 500, 502, 503]
)
@pytest.mark.parametrize("word", ["succeeded", "declined", "rejected", "pending", "never_seen"])
def test_every_other_status_is_unknown(status: int, word: str) -> None:
    assert isinstance(judge({**SUCCEEDED, "status": word}, status), Unknown)


@pytest.mark.parametrize(
    "change",
    [
        {"charge_id": None}, {"charge_id": ""}, {"charge_id": " "}, {"charge_id": 7},
        {"charge_id": "x" * 256}, {"charge_id": "a\nb"}, {"charge_id": "\ud800"},
        {"amount": None}, {"amount": 1500}, {"amount": {}}, {"amount": []},
        {"amount": {"minor": 1500}}, {"amount": {"currency": "USD"}},
        {"amount": {"minor": 1500.0, "currency": "USD"}},
        {"amount": {"minor": True, "currency": "USD"}},
        {"amount": {"minor": "1500", "currency": "USD"}},
        {"amount": {"minor": 10**30, "currency": "USD"}},
        {"amount": {"minor": 1500, "currency": "usd"}},
        {"amount": {"minor": 1500, "currency": "XXX"}},
        {"amount": {"minor": 1500, "currency": ["USD"]}},
        {"attempt_key": "another"}, {"attempt_key": ""}, {"attempt_key": 7}, {"attempt_key": {}},
        {"status": "Succeeded"}, {"status": None}, {"status": True}, {"status": {}},
        {"status": "authorized"}, {"status": "rejected"}, {"status": "never_seen"},
    ],
)  # fmt: skip
def test_incomplete_success_is_unknown(change: dict[str, object]) -> None:
    assert isinstance(judge({**SUCCEEDED, **change}), Unknown)


@pytest.mark.parametrize("word", ["declined", "pending"])
def test_word_about_another_key_is_unknown(word: str) -> None:
    assert isinstance(judge({"status": word, "attempt_key": "another"}), Unknown)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'"succeeded"', b"7", b"<html>", b"\xff\xfe", b"{",
        b'{"status":"declined","status":"succeeded"}',
        b'{"status":"declined","decline":{"kind":"soft","kind":"hard"}}',
        b'{"status":"declined","x":NaN}', b'{"status":"declined","x":-Infinity}',
        b'{"status":"declined","x":' + b"9" * 10_000 + b"}",
        b'{"status":"declined","x":' + b"[" * 100_000,
        b'{"status":"declined","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    ],
)  # fmt: skip
def test_body_without_one_meaning_is_unknown(body: bytes) -> None:
    for status in (200, 400, 404, 500):
        assert isinstance(charge_outcome(raw(body, status), key=KEY), Unknown)
        assert isinstance(lookup_outcome(raw(body, status), key=KEY), Unknown)
        assert isinstance(undo_outcome(raw(body, status), key=KEY), UndoUnknown)


def test_mark_of_byte_order_is_no_harm() -> None:
    body = b"\xef\xbb\xbf" + json.dumps(SUCCEEDED).encode()

    assert isinstance(charge_outcome(raw(body), key=KEY), Succeeded)


# How a call ended ---------------------------------------------------------------------------------


def test_charge_that_never_left_is_not_sent() -> None:
    assert charge_outcome(NeverSent("refused"), key=KEY) == NotSent("refused")


def test_charge_without_an_answer_is_unknown() -> None:
    assert charge_outcome(SentUnanswered("timeout"), key=KEY) == Unknown("timeout")


@pytest.mark.parametrize("end", [NeverSent("x"), SentUnanswered("x")])
def test_lookup_without_an_answer_says_nothing_about_the_charge(
    end: NeverSent | SentUnanswered,
) -> None:
    assert lookup_outcome(end, key=KEY) == Unknown("x")
    assert undo_outcome(end, key=KEY) == UndoUnknown("x")


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_refused_lookup_says_nothing_about_the_charge(status: int) -> None:
    found = lookup_outcome(answered({"status": "rejected", "message": "who?"}, status), key=KEY)

    assert found == Unknown(f"the lookup was refused: HTTP {status}: who?")


def test_lookup_gives_the_same_answers_as_the_charge() -> None:
    assert lookup_outcome(answered(SUCCEEDED), key=KEY) == judge(SUCCEEDED)
    assert lookup_outcome(answered({"status": "declined"}), key=KEY) == Declined()


def test_never_seen_of_the_same_key_is_conclusive() -> None:
    said = {"status": "never_seen", "attempt_key": KEY}

    assert lookup_outcome(answered(said, 404), key=KEY) == NotFound(conclusive=True)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"status": "never_seen"}, 404),
        ({"status": "never_seen", "attempt_key": None}, 404),
        ({"status": "never_seen", "attempt_key": "another"}, 404),
        ({"status": "not_found", "attempt_key": KEY}, 404),
        ({"detail": "Not Found"}, 404),
        ({"status": "never_seen", "attempt_key": KEY}, 200),
        ({"status": "never_seen", "attempt_key": KEY}, 410),
    ],
)
def test_any_other_absence_is_unknown(said: object, status: int) -> None:
    assert isinstance(lookup_outcome(answered(said, status), key=KEY), Unknown)


def test_answers_to_an_undo() -> None:
    def undo(said: object, status: int = 200) -> object:
        return undo_outcome(answered(said, status), key=KEY)

    assert undo({"status": "undone"}) == Undone()
    assert undo({"status": "pending"}) == UndoPending()
    assert undo({"status": "too_late", "message": "taken"}) == TooLate("taken")
    assert isinstance(undo({"status": "undone", "attempt_key": "another"}), UndoUnknown)
    assert isinstance(undo({"status": "undone"}, 202), UndoUnknown)
    assert isinstance(undo({"status": "succeeded"}), UndoUnknown)
    assert isinstance(undo({"status": "rejected"}, 400), UndoUnknown)


# Whatever comes ---------------------------------------------------------------------------------

JSON: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([KEY, "USD", *STATUSES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["status", "attempt_key", "charge_id", "amount", "decline", "action_url", "next_poll_seconds"]
)
ANSWERS = st.builds(
    lambda word, change: {**SUCCEEDED, "status": word, **change},
    st.sampled_from(STATUSES),
    st.dictionaries(NAMES, JSON, max_size=3),
)
CODES = st.sampled_from([200, 201, 302, 400, 401, 403, 404, 409, 422, 429, 500])


@given(st.binary(max_size=200), CODES)
def test_no_bytes_raise_or_prove_anything(body: bytes, status: int) -> None:
    for parse in PARSERS:
        assert isinstance(parse(raw(body, status), key=KEY), Unknown | UndoUnknown)


@given(ANSWERS, CODES)
def test_success_needs_every_part(said: dict[str, Any], status: int) -> None:
    found = charge_outcome(answered(said, status), key=KEY)

    if isinstance(found, Succeeded):
        assert status == 200
        assert said["status"] == "succeeded"
        assert said["charge_id"] == found.charge_id
        assert found.charge_id.strip()
        assert said["attempt_key"] in (None, KEY)
        assert found.reference == said["attempt_key"]
        assert type(said["amount"]["minor"]) is int
        assert said["amount"] == {**said["amount"], "minor": found.amount.minor}
        assert said["amount"]["currency"] == found.amount.currency
    elif isinstance(found, Declined | Pending):
        assert status == 200
        assert said["attempt_key"] in (None, KEY)
    elif isinstance(found, Misconfigured):
        assert status in {400, 401, 403, 422}
        assert said["status"] == "rejected"
    else:
        assert isinstance(found, Unknown)


@given(ANSWERS, CODES)
def test_lookup_never_says_not_sent_or_misconfigured(said: dict[str, Any], status: int) -> None:
    found = lookup_outcome(answered(said, status), key=KEY)

    assert isinstance(found, Succeeded | Declined | Pending | Unknown | NotFound)
    if isinstance(found, NotFound):
        assert (status, said["status"], said["attempt_key"]) == (404, "never_seen", KEY)


@given(ANSWERS, CODES, NAMES)
def test_hidden_text_is_told_by_nobody(said: dict[str, Any], status: int, name: str) -> None:
    hidden = "whsec_c2VjcmV0"
    said = {**said, name: {"code": hidden, "message": hidden}, "message": f"bad {hidden}!"}
    said["charge_id"] = f"ch {hidden}"

    for parse in PARSERS:
        assert hidden not in repr(parse(answered(said, status), key=KEY, hidden=[hidden]))
