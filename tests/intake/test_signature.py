"""Only a holder of a live secret gets through, and only with a date that may be believed."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from external_gate.domain.errors import BadInput, Broken
from external_gate.intake.signature import (
    AgeLimits,
    Freshness,
    Refusal,
    SignatureRefused,
    Verified,
    http_date,
    read_http_date,
    sign,
    verify,
)

VECTOR = json.loads(
    (Path(__file__).parents[1] / "samples/metronome/signature-vector.json").read_text()
)
SECRET = "correct-horse-battery-staple"
DATE = "Mon, 02 Jan 2006 22:04:05 GMT"
SIGNED_AT = datetime(2006, 1, 2, 22, 4, 5, tzinfo=UTC)
BODY = b'{"id": "1", "type": "webhooks.test"}'
LIMITS = AgeLimits()
SECOND = timedelta(seconds=1)


def headers(*, date: str = DATE, secret: str = SECRET, body: bytes = BODY) -> dict[str, str]:
    return {
        "x-metronome-date": date,
        "metronome-webhook-signature": sign(secret, date=date, body=body),
    }


def check(
    sent: dict[str, str],
    body: bytes = BODY,
    *,
    secrets: tuple[str, ...] = (SECRET,),
    now: datetime = SIGNED_AT,
    limits: AgeLimits = LIMITS,
) -> Verified:
    return verify(sent, body, secrets=secrets, now=now, limits=limits)


def refused(
    sent: dict[str, str],
    body: bytes = BODY,
    *,
    secrets: tuple[str, ...] = (SECRET,),
    now: datetime = SIGNED_AT,
) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as caught:
        check(sent, body, secrets=secrets, now=now)
    return caught.value


def test_published_vector_verifies() -> None:
    sent = {
        "x-metronome-date": VECTOR["x_metronome_date"],
        "metronome-webhook-signature": VECTOR["signature"],
    }

    verified = check(sent, VECTOR["body"].encode(), secrets=(VECTOR["secret"],))

    assert verified == Verified(
        signed_at=SIGNED_AT,
        age=timedelta(0),
        freshness=Freshness.ACT,
        date_header="x-metronome-date",
        secret_number=1,
    )


def test_we_sign_as_the_published_vector_does() -> None:
    signature = sign(
        VECTOR["secret"], date=VECTOR["x_metronome_date"], body=VECTOR["body"].encode()
    )

    assert signature == VECTOR["signature"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(VECTOR["body"].encode() + b"\n", id="newline added"),
        pytest.param(VECTOR["body"].encode()[:-1], id="cut short"),
        pytest.param(VECTOR["body"].replace("\n", "\r\n").encode(), id="other line ends"),
        pytest.param(json.dumps(json.loads(VECTOR["body"])).encode(), id="same JSON, other bytes"),
        pytest.param(b"", id="empty"),
    ],
)
def test_altered_body_is_refused(body: bytes) -> None:
    sent = headers(body=VECTOR["body"].encode())

    assert refused(sent, body).reason is Refusal.WRONG_SIGNATURE


@pytest.mark.parametrize(
    "date",
    ["Mon, 02 Jan 2006 22:04:06 GMT", "mon, 02 Jan 2006 22:04:05 GMT", DATE + " ", "", "\u20ac"],
)
def test_altered_date_is_refused_for_its_signature(date: str) -> None:
    problem = refused(headers() | {"x-metronome-date": date})

    assert problem.reason is Refusal.WRONG_SIGNATURE
    assert not problem.signature_valid


@pytest.mark.parametrize(
    "signature",
    [
        "0" * 64,
        "b826",
        sign(SECRET, date=DATE, body=BODY) + "0",
        " " + sign(SECRET, date=DATE, body=BODY),
        "sha256=" + sign(SECRET, date=DATE, body=BODY),
        "\xe9" * 64,
        "\uff11" * 64,
        "\ud800",
        "\x00",
    ],
)
def test_garbage_is_a_wrong_signature(signature: str) -> None:
    problem = refused(headers() | {"metronome-webhook-signature": signature})

    assert problem.reason is Refusal.WRONG_SIGNATURE
    assert isinstance(problem, BadInput)


@pytest.mark.parametrize("secret", ["wrong", SECRET + " ", SECRET.upper()])
def test_another_secret_is_refused(secret: str) -> None:
    assert refused(headers(secret=secret)).reason is Refusal.WRONG_SIGNATURE


def test_upper_case_hex_is_the_same_signature() -> None:
    signature = sign(SECRET, date=DATE, body=BODY).upper()

    assert check(headers() | {"metronome-webhook-signature": signature}).secret_number == 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_live_secret_counts_and_the_number_tells_which(number: int) -> None:
    secrets = ("newest", "older", "schlüssel")

    assert check(headers(secret=secrets[number - 1]), secrets=secrets).secret_number == number


def test_secret_is_used_as_utf_8() -> None:
    # By openssl: printf "$DATE\n{}" | openssl dgst -sha256 -hmac schlüssel
    expected = "c42e20ed534ba4b68a97c1ccb4a8d7bbc8c537ac58ba87754307fcc50ffce53c"

    assert sign("schlüssel", date=DATE, body=b"{}") == expected


def test_secret_of_other_bytes_comes_through_the_environment() -> None:
    from_environment = b"caf\xe9".decode("utf-8", "surrogateescape")
    expected = hmac.new(b"caf\xe9", DATE.encode() + b"\n" + BODY, "sha256").hexdigest()

    assert sign(from_environment, date=DATE, body=BODY) == expected


@pytest.mark.parametrize("secrets", [(), ("",), (SECRET, ""), ("\ud800",)])
def test_nobody_gets_in_through_a_secret_that_is_none(secrets: tuple[str, ...]) -> None:
    with pytest.raises(Broken) as caught:
        check(headers(), secrets=secrets)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("signature", [None, ""])
def test_missing_signature_is_refused(signature: str | None) -> None:
    sent = headers()
    del sent["metronome-webhook-signature"]
    if signature is not None:
        sent["metronome-webhook-signature"] = signature

    problem = refused(sent)

    assert problem.reason is Refusal.MISSING_SIGNATURE
    assert not problem.signature_valid


def test_missing_date_is_refused() -> None:
    sent = headers()
    del sent["x-metronome-date"]

    problem = refused(sent)

    assert problem.reason is Refusal.MISSING_DATE
    assert not problem.signature_valid


def test_date_header_counts_when_it_is_the_only_one() -> None:
    sent = headers()
    sent["date"] = sent.pop("x-metronome-date")

    assert check(sent).date_header == "date"


def test_metronomes_own_date_wins_over_one_that_a_proxy_wrote() -> None:
    sent = headers() | {"date": "Tue, 03 Jan 2006 22:04:05 GMT"}

    verified = check(sent)

    assert verified.date_header == "x-metronome-date"
    assert verified.signed_at == SIGNED_AT


def test_signed_date_header_does_not_help_when_metronomes_own_differs() -> None:
    sent = headers() | {"date": DATE, "x-metronome-date": "Tue, 03 Jan 2006 22:04:05 GMT"}

    assert refused(sent).reason is Refusal.WRONG_SIGNATURE


@pytest.mark.parametrize(
    ("age", "freshness"),
    [
        (-LIMITS.future, Freshness.ACT),
        (timedelta(0), Freshness.ACT),
        (LIMITS.act, Freshness.ACT),
        (LIMITS.act + timedelta(microseconds=1), Freshness.STALE),
        (LIMITS.keep, Freshness.STALE),
    ],
)
def test_at_a_limit_passes(age: timedelta, freshness: Freshness) -> None:
    verified = check(headers(), now=SIGNED_AT + age)

    assert (verified.age, verified.freshness) == (age, freshness)


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (-LIMITS.future - timedelta(microseconds=1), Refusal.TOO_NEW),
        (timedelta(days=-365), Refusal.TOO_NEW),
        (LIMITS.keep + timedelta(microseconds=1), Refusal.TOO_OLD),
        (timedelta(days=3650), Refusal.TOO_OLD),
    ],
)
def test_past_a_limit_only_the_date_is_at_fault(age: timedelta, reason: Refusal) -> None:
    problem = refused(headers(), now=SIGNED_AT + age)

    assert (problem.reason, problem.age, problem.signature_valid) == (reason, age, True)


def test_wrong_signature_is_said_before_a_wrong_date() -> None:
    problem = refused(headers(secret="wrong"), now=SIGNED_AT + timedelta(days=3650))

    assert problem.reason is Refusal.WRONG_SIGNATURE
    assert problem.age is None


def test_limits_can_be_set() -> None:
    tight = AgeLimits(future=SECOND, act=2 * SECOND, keep=3 * SECOND)

    assert check(headers(), now=SIGNED_AT + 3 * SECOND, limits=tight).freshness is Freshness.STALE
    for age in (-2 * SECOND, 4 * SECOND):
        with pytest.raises(SignatureRefused):
            check(headers(), now=SIGNED_AT + age, limits=tight)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        (DATE, SIGNED_AT),
        ("Mon, 2 Jan 2006 22:04:05 GMT", SIGNED_AT),
        ("02 Jan 2006 22:04:05 GMT", SIGNED_AT),
        ("mon, 02 JAN 2006 22:04:05 gmt", SIGNED_AT),
        ("Mon, 02 Jan 2006 22:04:05 +0000", SIGNED_AT),
        ("Mon, 02 Jan 2006 22:04:05 -0000", SIGNED_AT),
        ("Mon, 02 Jan 2006 17:04:05 -0500", SIGNED_AT),
        ("Tue, 03 Jan 2006 03:49:05 +0545", SIGNED_AT),
        ("Mon, 02 Jan 2006 22:04:05 UTC", SIGNED_AT),
        ("Fri, 02 Jan 2006 22:04:05 GMT", SIGNED_AT),
        ("Sat, 31 Dec 2016 23:59:60 GMT", datetime(2017, 1, 1, tzinfo=UTC)),
        ("Thu, 29 Feb 2024 00:00:00 GMT", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_date_is_read(text: str, instant: datetime) -> None:
    read = read_http_date(text)

    assert read == instant
    assert read is not None
    assert read.utcoffset() == timedelta(0)


UNREADABLE = [
    "",
    "soon",
    "2006-01-02T22:04:05Z",
    "1136239445",
    "Mon, 02 Jan 2006 22:04:05",  # no zone
    "Mon, 02 Jan 2006 22:04:05 XYZ",
    "Mon, 02 Jan 2006 22:04:05 +9900",
    "Mon Jan  2 22:04:05 2006",  # asctime: no zone
    "Monday, 02-Jan-06 22:04:05 GMT",  # RFC 850: no century
    "Mon, 02 Jan 06 22:04:05 GMT",
    "Mon, 30 Feb 2006 22:04:05 GMT",
    "Mon, 02 Jan 0000 22:04:05 GMT",
    "Fri, 31 Dec 9999 23:59:60 GMT",
    "Mon, 01 Jan 0001 00:00:00 +0100",
    "Mon, 02 Jan 20060 22:04:05 GMT",
    "Mon, 02 Jan 2006 24:04:05 GMT",
    "Mon, 02 Jan 2006 22:60:05 GMT",
    "Mon, 02 Jan 2006 22:04:61 GMT",
    "Mon, 02 Jan 2006 22:04:05 GMT\n",
    " Mon, 02 Jan 2006 22:04:05 GMT",
    "Mon, 02 Jan 2006 22:04:05 GMT, Mon, 02 Jan 2006 22:04:05 GMT",
    "Mon, \u0660\u0662 Jan 2006 22:04:05 GMT",  # digits, but not ASCII
    "Mon, 02 Jan 2006 22:04:05 \u20ac",
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_signed_date_that_nobody_can_read_is_refused(text: str) -> None:
    problem = refused(headers(date=text))

    assert problem.reason is Refusal.UNREADABLE_DATE
    assert problem.signature_valid


def test_refusal_tells_nothing_secret() -> None:
    for problem in (refused(headers(secret="wrong")), refused({}), refused(headers(date="soon"))):
        assert SECRET not in str(problem)
        assert sign(SECRET, date=DATE, body=BODY) not in str(problem)


# A busy machine is no fault: the first text drawn builds a table of all Unicode characters.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

LATIN_1 = st.text(st.characters(max_codepoint=0xFF))
NAMES = st.sampled_from(["x-metronome-date", "date", "metronome-webhook-signature", "host"])


@unhurried
@given(st.datetimes(timezones=st.just(UTC)))
def test_written_date_is_read_to_the_second(instant: datetime) -> None:
    assert read_http_date(http_date(instant)) == instant.replace(microsecond=0)


@unhurried
@given(st.dictionaries(NAMES, LATIN_1 | st.text()), st.binary())
def test_nothing_unsigned_gets_in_and_nothing_breaks(sent: dict[str, str], body: bytes) -> None:
    with pytest.raises(SignatureRefused):
        check(sent, body)


@unhurried
@given(LATIN_1, st.binary())
def test_well_signed_bytes_never_break_the_reading_of_the_date(date: str, body: bytes) -> None:
    problem = refused(headers(date=date, body=body), body)

    assert problem.reason is Refusal.UNREADABLE_DATE


@unhurried
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.binary())
def test_what_we_sign_we_accept(secret: str, body: bytes) -> None:
    assert check(headers(secret=secret, body=body), body, secrets=(secret,)).secret_number == 1


@unhurried
@given(
    st.from_regex(
        r"(Mon, )?[0-9]{1,2} (Jan|Feb|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} "
        r"(GMT|[+-][0-9]{4})",
        fullmatch=True,
    )
)
def test_dates_of_the_right_form_are_read_or_refused(text: str) -> None:
    read = read_http_date(text)

    assert read is None or read.utcoffset() == timedelta(0)
