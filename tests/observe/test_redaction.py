"""What leaves the redactor is plain, bounded and without secrets, wherever they stood."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.money import Money
from external_gate.domain.workflow import State
from external_gate.observe.redaction import CUT, LONGEST_TEXT, Redactor
from external_gate.observe.secret_names import is_secret_name
from external_gate.observe.secret_shapes import MASK

CANARY = "the-canary-of-this-test"


def redacted(*secrets: str, **event: object) -> dict[str, Any]:  # Any: as a record has it
    """Give a record as it may be written."""
    return dict(Redactor(secrets)(None, "info", event))


@pytest.mark.parametrize(
    "name",
    [
        *("token", "api_token", "apiToken", "API_TOKEN", "secret", "webhook_secrets", "password"),
        *("Authorization", "api_key", "apiKey", "X-Api-Key", "private_key", "signature", "cvv"),
        *("Metronome-Webhook-Signature", "cardNumber", "card_number", "pan", "set-cookie"),
        *("clientSecret", "HTTPAuth", "body", "raw_body", "accessKey", "token_sha256"),
    ],
)
def test_secret_is_masked_by_its_name(name: str) -> None:
    assert is_secret_name(name)
    assert redacted(outer=[{name: CANARY}]) == {"outer": [{name: MASK}]}


@pytest.mark.parametrize(
    "name",
    [
        *("workflow_id", "attempt_key", "release_key", "idempotency_key", "key", "keys", "state"),
        *("cause", "company", "japan", "discard", "span_id", "amount", "invoice_id", "author"),
    ],
)
def test_harmless_name_keeps_its_value(name: str) -> None:
    assert redacted(**{name: "plain"}) == {name: "plain"}


def test_everything_under_a_secret_name_is_masked() -> None:
    assert redacted(card={"number": 4242, "exp": "12/28"}, tokens=["a", "b"], cvv=737) == {
        "card": MASK,
        "tokens": MASK,
        "cvv": MASK,
    }


def test_secret_name_without_a_secret_still_tells_that() -> None:
    assert redacted(token=None, secret="", has_password=True) == {
        "token": None,
        "secret": "",
        "has_password": True,
    }


def test_pair_of_a_header_is_masked() -> None:
    headers = [("x-api-key", CANARY), ("content-type", "text/plain"), (b"x-api-key", b"bytes")]

    assert redacted(headers=headers) == {
        "headers": [["x-api-key", MASK], ["content-type", "text/plain"], ["<bytes>", "<bytes>"]]
    }


@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        f"before {CANARY} after",
        {"deep": [{"deeper": (f"x{CANARY}x",)}]},
        {CANARY: "as a name"},
        {f"x{CANARY}"},
        ValueError(f"bad {CANARY}"),
        quote(f"a {CANARY} b"),
    ],
)
def test_registered_secret_is_masked_wherever_it_stands(value: object) -> None:
    written = json.dumps(redacted(CANARY, value=value, event=f"said {CANARY}"))

    assert CANARY not in written


@given(st.text(min_size=6, max_size=40))
def test_registered_secret_is_masked_in_every_spelling(secret: str) -> None:
    redactor = Redactor([secret])
    spellings = [secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]]
    spellings += [quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")]

    for spelling in spellings:
        assert MASK in redactor.text(f"<{spelling}>")


def test_secret_that_contains_another_leaves_no_rest() -> None:
    redactor = Redactor(["abcdef", "abcdef-ghijkl"])

    assert redactor.text("abcdef-ghijkl abcdef") == f"{MASK} {MASK}"


def test_secret_that_is_no_text_is_masked_too() -> None:
    assert Redactor(["caf\udce9-secret"]).text("<caf\udce9-secret>") == f"<{MASK}>"


def test_short_secret_is_not_searched_for() -> None:
    assert Redactor(["abc"]).text("abcabc") == "abcabc"


@pytest.mark.parametrize("before", range(LONGEST_TEXT - 30, LONGEST_TEXT + 5))
def test_cut_never_leaves_half_a_secret(before: int) -> None:
    text = "." * before + CANARY + "." * 5_000

    kept = Redactor([CANARY]).text(text)

    assert CANARY[:6] not in kept
    assert len(kept) <= LONGEST_TEXT + len(CUT)


@pytest.mark.parametrize("tail", range(30))
def test_cut_never_shows_half_a_secret_because_another_was_masked(tail: int) -> None:
    # Masking shortens: what was behind the cut moves before it.
    long = "s" * 600
    text = long * 2 + "." * (LONGEST_TEXT - 1_000 - tail) + CANARY * 60

    kept = Redactor([CANARY, long]).text(text)

    assert CANARY[:6] not in kept


def test_long_text_is_cut_and_says_so() -> None:
    assert Redactor().text("." * 9_000) == "." * LONGEST_TEXT + CUT
    assert Redactor().text("." * LONGEST_TEXT) == "." * LONGEST_TEXT


def test_nesting_and_size_are_bounded() -> None:
    endless: list[object] = []
    endless.append(endless)
    wide = {str(number): [number] * 1_000 for number in range(1_000)}

    written = json.dumps(redacted(endless=endless, wide=wide))

    assert json.loads(written)["endless"] != []
    assert CUT in json.loads(written)["wide"]
    assert len(written) < 40_000


def test_objects_are_named_and_never_shown() -> None:
    @dataclass
    class Keeper:
        token: str = CANARY

        def __str__(self) -> str:
            return self.token

    told = redacted(keeper=Keeper(), kind=Keeper, raw=b"body", view=memoryview(b"1"))

    assert told == {
        "keeper": "<Keeper>",
        "kind": "<type>",
        "raw": "<bytes>",
        "view": "<memoryview>",
    }


def test_values_of_ours_are_written_plainly() -> None:
    told = redacted(
        state=State.PAID,
        amount=Money(1500, "USD"),
        total=Decimal("15.10"),
        at=datetime(2026, 11, 22, tzinfo=UTC),
        lease=timedelta(seconds=60),
        nothing=None,
        share=0.5,
        endless=float("inf"),
        states={State.HELD: 2, 3: 4},
        uuid=UUID(int=5),
    )

    assert told == {
        "state": "paid",
        "amount": "15.00 USD",
        "total": "15.10",
        "at": "2026-11-22 00:00:00+00:00",
        "lease": "0:01:00",
        "nothing": None,
        "share": 0.5,
        "endless": "inf",
        "states": {"held": 2, "3": 4},
        "uuid": "00000000-0000-0000-0000-000000000005",
    }
    json.dumps(told)


def test_card_number_is_masked_as_a_number_too() -> None:
    assert redacted(seen=4242424242424242, list=[4242424242424242], big=10**5_000) == {
        "seen": MASK,
        "list": [MASK],
        "big": "<int>",
    }


def test_ids_survive_even_when_they_look_like_cards_or_signatures() -> None:
    ids: dict[str, object] = {
        "workflow_id": "4242424242424242",
        "customer_id": "5555-5555-5555-4444",
        "invoice_id": "d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc",
        "attempt_key": "ab2cd3ef4gh5ij6kl7mn",
        "release_key": "r-4242424242424242-paid-1",
        "notification_id": "0a" * 32,
        "digest": "0b" * 32,
        "amount": "424242424242.42 USD",
        "amount_minor": 4242424242424242,
    }

    assert redacted(**ids) == ids


def test_token_is_masked_even_where_an_id_should_stand() -> None:
    assert redacted(workflow_id="whsec_abcdefghijkl") == {"workflow_id": MASK}


def test_what_was_harmless_once_is_judged_anew_by_name() -> None:
    redactor = Redactor()

    assert redactor(None, "info", {"said": "xyzzy-1"}) == {"said": "xyzzy-1"}
    assert redactor(None, "info", {"token": "xyzzy-1"}) == {"token": MASK}


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.complex_numbers(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(st.text(), inner)
        | st.dictionaries(st.text() | st.integers() | st.binary(), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), _ANYTHING))
def test_whatever_is_logged_can_be_written(event: dict[str, object]) -> None:
    json.dumps(Redactor([CANARY])(None, "info", event), allow_nan=False)
