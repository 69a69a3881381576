import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from external_gate.domain.errors import BadInput, Broken
from external_gate.outbound.standard_webhooks import (
    ID,
    SIGNATURE,
    TIMESTAMP,
    secret_key,
    sign,
    verify,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"another secret of 24 byte").decode()
NOW = datetime(2026, 11, 22, 12, 0, 0, 900_000, tzinfo=UTC)
TOLERANCE = timedelta(minutes=5)
BODY = b'{"attempt_key":"k1"}'


def signed(**changes: str) -> dict[str, str]:
    return {**sign(SECRET, message_id="msg_1", timestamp=NOW, body=BODY), **changes}


def check(headers: dict[str, str], body: bytes = BODY, *secrets: str) -> str:
    return verify(secrets or (SECRET,), headers, body, now=NOW, tolerance=TOLERANCE)


def test_published_vector() -> None:
    # Source: the libraries' tests in github.com/standard-webhooks/standard-webhooks, 2026-11-22.
    headers = sign(
        SECRET,
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=datetime.fromtimestamp(1614265330, UTC),
        body=b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


KEYS = st.binary(min_size=1, max_size=64)
BODIES = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)
).map(lambda value: json.dumps(value).encode())


@given(key=KEYS, body=BODIES, prefix=st.sampled_from(["", "whsec_"]))
def test_official_package_verifies_what_we_sign(key: bytes, body: bytes, prefix: str) -> None:
    secret = prefix + base64.b64encode(key).decode()
    headers = sign(secret, message_id="msg_1", timestamp=datetime.now(UTC), body=body)
    assert Webhook(secret).verify(body, headers) == json.loads(body)


@given(key=KEYS, body=BODIES, prefix=st.sampled_from(["", "whsec_"]))
def test_we_verify_what_the_official_package_signs(key: bytes, body: bytes, prefix: str) -> None:
    secret = prefix + base64.b64encode(key).decode()
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(NOW.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("msg_1", NOW, body.decode()),
    }
    assert check(headers, body, secret) == "msg_1"


def test_body_need_not_be_text() -> None:
    body = b"\xff\x00"
    assert check(sign(SECRET, message_id="m", timestamp=NOW, body=body), body) == "m"


def test_any_live_secret_will_do() -> None:
    assert check(signed(), BODY, OTHER, SECRET) == "msg_1"
    assert check(signed(), BODY, SECRET, OTHER) == "msg_1"


def test_any_signature_of_a_rotating_sender_will_do() -> None:
    good = signed()[SIGNATURE]
    assert check(signed(**{SIGNATURE: f"v1a,abc v1,xyz {good} v2,"})) == "msg_1"


@pytest.mark.parametrize(
    ("headers", "body", "secret"),
    [
        (signed(), b'{"attempt_key":"k2"}', SECRET),
        (signed(), BODY + b" ", SECRET),
        (signed(**{ID: "msg_2"}), BODY, SECRET),
        (signed(**{TIMESTAMP: str(int(NOW.timestamp()) + 1)}), BODY, SECRET),
        (signed(), BODY, OTHER),
        (signed(**{SIGNATURE: signed()[SIGNATURE].lower()}), BODY, SECRET),
        (signed(**{SIGNATURE: signed()[SIGNATURE].removeprefix("v1,")}), BODY, SECRET),
        (signed(**{SIGNATURE: signed()[SIGNATURE].replace("v1,", "v1a,")}), BODY, SECRET),
    ],
)
def test_altered_message_is_refused(headers: dict[str, str], body: bytes, secret: str) -> None:
    with pytest.raises(BadInput, match="matches none"):
        check(headers, body, secret)


def test_no_live_secret_verifies_nothing() -> None:
    with pytest.raises(BadInput):
        verify([], signed(), BODY, now=NOW, tolerance=TOLERANCE)


@pytest.mark.parametrize("missing", [ID, TIMESTAMP, SIGNATURE])
def test_missing_header_is_named(missing: str) -> None:
    headers = signed()
    del headers[missing]
    with pytest.raises(BadInput, match=f"missing header: {missing}"):
        check(headers)


@pytest.mark.parametrize("away", [TOLERANCE, -TOLERANCE])
def test_tolerance_holds_both_ways(away: timedelta) -> None:
    second = away / 300
    whole = NOW.replace(microsecond=0)
    edge = sign(SECRET, message_id="msg_1", timestamp=whole + away, body=BODY)
    beyond = sign(SECRET, message_id="msg_1", timestamp=whole + away + second, body=BODY)

    assert verify([SECRET], edge, BODY, now=whole, tolerance=TOLERANCE) == "msg_1"
    with pytest.raises(BadInput, match=TIMESTAMP):
        verify([SECRET], beyond, BODY, now=whole, tolerance=TOLERANCE)


def test_bytes_cannot_be_moved_between_id_timestamp_and_body() -> None:
    # "m" + "." + "1" + "." + "2.x" signs the same bytes as "m.1" + "." + "2" + "." + "x".
    seconds = int(NOW.timestamp())
    headers = sign(SECRET, message_id="m", timestamp=NOW, body=f"{seconds}.x".encode())
    with pytest.raises(BadInput, match="full stop"):
        check({**headers, ID: f"m.{seconds}"}, b"x")


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "é", "a\r\nb", "a" * 257])
def test_id_that_cannot_be_signed(message_id: str) -> None:
    with pytest.raises(BadInput, match="full stop"):
        sign(SECRET, message_id=message_id, timestamp=NOW, body=BODY)


MALFORMED = st.text() | st.text("0123456789.,v1aA=/+- \x00\udcff")


@given(message_id=MALFORMED, timestamp=MALFORMED, signature=MALFORMED)
def test_malformed_headers_are_refused_and_never_crash(
    message_id: str, timestamp: str, signature: str
) -> None:
    with pytest.raises(BadInput):
        check({ID: message_id, TIMESTAMP: timestamp, SIGNATURE: signature})


@given(signature=MALFORMED)
def test_malformed_signatures_are_refused_and_never_crash(signature: str) -> None:
    with pytest.raises(BadInput):
        check(signed(**{SIGNATURE: signature}))


@given(timestamp=MALFORMED | st.integers().map(str) | st.floats().map(str))
def test_malformed_timestamps_are_refused_and_never_crash(timestamp: str) -> None:
    with pytest.raises(BadInput):
        check(signed(**{TIMESTAMP: timestamp}))


def test_unpadded_secret_is_read_as_the_official_package_reads_it() -> None:
    assert secret_key("whsec_YWJjZA") == secret_key("YWJjZA==") == b"abcd"


@pytest.mark.parametrize("secret", ["", "whsec_", "correct horse", "whsec_é", "a", "====", "-_-_"])
def test_secret_that_is_none_is_broken_configuration(secret: str) -> None:
    with pytest.raises(Broken) as refusal:
        secret_key(secret)
    assert len(secret) < 2 or secret not in str(refusal.value).replace("whsec_ included", "")
