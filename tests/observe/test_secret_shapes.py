"""Secrets are recognised by their shape, and ids are not mistaken for them."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.identifiers import WorkflowId, attempt_key
from external_gate.observe.secret_shapes import (
    MASK,
    is_card_number,
    without_numbers,
    without_tokens,
)

# The part of each text that must not be seen.
CANARY = "c4n4ryC4n4ryC4n4ry12"

TOKENS = [
    f"Authorization: Bearer {CANARY}",
    f"authorization: Negotiate {CANARY}==",
    f'Authorization: Digest username="x", response="{CANARY}"',
    f"{{'authorization': 'Basic {CANARY}'}}",
    f"(b'authorization', b'Token {CANARY}')",
    f"sent with bearer {CANARY} in vain",
    f"Cookie: session=1; other={CANARY}",
    f"GET /webhooks?api_key={CANARY}&x=1 HTTP/1.1",
    f"GET /webhooks?access_token%3D{CANARY} HTTP/1.1",
    f"metronome_api_token={CANARY}",
    f"x-metronome-webhook-signature: {CANARY}",
    f"('x-api-key', '{CANARY}')",
    f'{{"client_secret": "{CANARY}", "a": 1}}',
    f'{{\\"client_secret\\": \\"{CANARY}\\"}}',
    f"{{'password': b'{CANARY}'}}",
    f"password = {CANARY}",
    f"signingKeySecret={CANARY}",
    f"https://user:{CANARY}@gateway.example/charges",
    f"postgresql://gate:{CANARY}@db/gate",
    f"sk_live_{CANARY}",
    f"rk_test_{CANARY}",
    f"sk-{CANARY}",
    f"live_{CANARY}",
    f"whsec_{CANARY}=",
    f"v1,{CANARY}{CANARY}=",
    f"pi_3Oabc_secret_{CANARY}",
    f"access_token$production$abc${CANARY}",
    f"AQE{CANARY}{CANARY}.x:{CANARY}",
    f"sq0atp-{CANARY}{CANARY}",
    f"eyJhbGciOiJIUzI1NiJ9.eyJ{CANARY}.{CANARY}",
    f"1 validation error: input_value='{CANARY}', input_type=str",
    f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n{CANARY}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN PRIVATE KEY-----\n{CANARY}\ncut off: {CANARY}",
]


@pytest.mark.parametrize("text", TOKENS)
def test_token_is_masked(text: str) -> None:
    masked = without_tokens(text)

    assert CANARY not in masked
    assert MASK in masked


@pytest.mark.parametrize("code", ["cvv=737", "cvc: 737", '"cvv2": "737"', "pan='737'"])
def test_card_code_is_masked(code: str) -> None:
    assert "737" not in without_tokens(code)


@pytest.mark.parametrize(
    "text",
    [
        "charge ch_3OabcDEF took 15.00 USD",
        "declined (hard): insufficient_funds",
        "the signature fits no live secret; compare the webhook secrets",
        "r-d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc-paid-1",
        "attempt_key=ab2cd3ef4gh5ij6kl7mn",
        "https://gateway.example/charges?attempt=1",
        "japan=1, panel=2, cvs=3",
        "payment method pm_ok of cus_123",
    ],
)
def test_harmless_text_stays(text: str) -> None:
    assert without_numbers(without_tokens(text)) == text


CARDS = [
    "4242424242424242",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "6011111111111117",
    "4222222222222",
    "6304000000000000000",
]


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("separator", ["", " ", "-"])
@pytest.mark.parametrize(
    "around", ["{}", "card {}, please", "pan:{}.", "{} 12/28", "12 {}", "{}-12", "({})", "x_{}"]
)
def test_card_number_is_masked(card: str, separator: str, around: str) -> None:
    number = separator.join(card[i : i + 4] for i in range(0, len(card), 4))

    masked = without_numbers(around.format(number))

    assert number not in masked
    assert MASK in masked


@given(
    st.integers(min_value=2, max_value=6).map(str),
    st.text("0123456789", min_size=11, max_size=17),
    st.lists(st.integers(1, 18), max_size=5),
)
def test_card_number_is_masked_however_it_is_grouped(
    first: str, middle: str, cuts: list[int]
) -> None:
    body = first + middle
    card = next(body + digit for digit in "0123456789" if is_card_number(body + digit))
    places = sorted({0, *(cut for cut in cuts if cut < len(card)), len(card)})
    groups = [card[a:b] for a, b in pairwise(places)]

    masked = without_numbers("-".join(groups))

    assert masked == MASK


@pytest.mark.parametrize(
    "number",
    [
        "4242424242424241",  # fails Luhn
        "424242424242",  # twelve digits
        "42424242424242424242",  # twenty
        "1764000000005",  # milliseconds since 1970
    ],
)
def test_other_number_stays(number: str) -> None:
    assert without_numbers(f"number {number}.") == f"number {number}."


@given(st.uuids(), st.sampled_from(["{}", "workflow {} is held", "r-{}-paid-1", "1-{}", "{}-2"]))
def test_uuid_survives(uuid: UUID, around: str) -> None:
    text = around.format(uuid)

    assert without_numbers(without_tokens(text)) == text


# Digits and dashes as unlucky as can be: every group of four is part of a card number.
@pytest.mark.parametrize(
    "uuid", ["42424242-4242-4242-8242-424242424242", "abcd4242-4242-4242-8242-4242424242ab"]
)
def test_uuid_of_digits_survives(uuid: str) -> None:
    assert without_numbers(f"1-{uuid}-4") == f"1-{uuid}-4"


@given(st.uuids().map(str).map(WorkflowId), st.integers(1, 9))
def test_attempt_key_survives(workflow_id: WorkflowId, number: int) -> None:
    key = attempt_key(workflow_id, number)

    assert without_numbers(without_tokens(key)) == key


def test_long_hex_is_masked() -> None:
    signature = "0a1b2c3d" * 8

    assert without_numbers(f"got {signature} instead") == f"got {MASK} instead"


@pytest.mark.parametrize(
    "unit",
    [
        "token",
        "eyJ-",
        "sk-",
        "://a",
        "bearer ",
        "1 ",
        "4242 ",
        "a_secret_",
        "input_value=",
        '"',
        "v1,",
    ],
)
def test_long_text_costs_no_more_than_its_length(unit: str) -> None:
    # A pattern that backtracks would need minutes.
    without_numbers(without_tokens(unit * (20_000 // len(unit))))
