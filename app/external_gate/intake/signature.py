"""Who sent a notification and when: Metronome's signature, and how old its date may be.

What the body says is `envelope`'s subject; what to answer is the caller's.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from external_gate.domain.errors import BadInput, Broken

SIGNATURE_HEADER: Literal["metronome-webhook-signature"] = "metronome-webhook-signature"
DATE_HEADER: Literal["x-metronome-date"] = "x-metronome-date"
LEGACY_DATE_HEADER: Literal["date"] = "date"

SIGNATURE_HEADERS = (SIGNATURE_HEADER, DATE_HEADER, LEGACY_DATE_HEADER)
"""All that a receiver needs, besides the body and the secret."""


class Freshness(StrEnum):
    """What may be done with a delivery of its age."""

    ACT = "act"  # young enough to be charged by itself
    STALE = "stale"  # kept, but only a person may go on with it


class Refusal(StrEnum):
    """Why a delivery was refused; the values are labels in the metrics."""

    MISSING_SIGNATURE = "missing_signature"
    MISSING_DATE = "missing_date"
    WRONG_SIGNATURE = "wrong_signature"
    UNREADABLE_DATE = "unreadable_date"
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """How far a delivery's date may lie from our clock; exactly at a limit passes."""

    future: timedelta = timedelta(minutes=5)
    """Metronome's documented tolerance, for clocks that disagree."""
    act: timedelta = timedelta(hours=76)
    """Metronome retries for 48 h, older documents say 72; whether with a new date, none says."""
    keep: timedelta = timedelta(days=7)
    """Between `act` and this a valid delivery is kept for a person."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a good signature proves."""

    signed_at: datetime
    """Aware, in UTC."""
    age: timedelta
    """Negative when the date lies in our future."""
    freshness: Freshness
    date_header: Literal["x-metronome-date", "date"]
    """Which header was signed; `date` comes from a sender that knows only the old one."""
    secret_number: int
    """Which of the live secrets fits, counted from 1: tells when an old one can go."""


class SignatureRefused(BadInput):
    """A delivery that nobody entitled has sent, or that comes at the wrong time; answer 401."""

    def __init__(self, reason: Refusal, *, age: timedelta | None = None) -> None:
        super().__init__(_SENTENCES[reason])
        self.reason = reason
        self.age = age
        """How old the date says the delivery is; None when that was not reached."""

    @property
    def signature_valid(self) -> bool:
        """Tell whether only the date was wrong; then it may be our clock that is."""
        return self.reason in _ONLY_THE_DATE


_ONLY_THE_DATE = frozenset({Refusal.UNREADABLE_DATE, Refusal.TOO_OLD, Refusal.TOO_NEW})

_SENTENCES = {
    Refusal.MISSING_SIGNATURE: "Metronome-Webhook-Signature is missing; sign the request",
    Refusal.MISSING_DATE: "X-Metronome-Date is missing; send the date that was signed",
    Refusal.WRONG_SIGNATURE: "the signature fits no live secret; compare the webhook secrets",
    Refusal.UNREADABLE_DATE: "the signed date is no HTTP date; write it as RFC 7231 says",
    Refusal.TOO_OLD: "the signed date is too old; compare the clocks of both sides",
    Refusal.TOO_NEW: "the signed date lies in the future; compare the clocks of both sides",
}


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Sequence[str],
    now: datetime,
    limits: AgeLimits,
) -> Verified:
    """Prove that Metronome sent `body`, and tell how old the delivery is.

    `headers` have lower-case names and values decoded as Latin-1; `now` is aware. The signature is
    judged before the date, so nobody without a secret learns anything about our clock.
    Raises `SignatureRefused`; `Broken` when there is no secret, or one that nobody can sign with.
    Source: docs.metronome.com, guides/platform-configuration/setup-webhooks, 2026-08-28.
    """
    given = headers.get(SIGNATURE_HEADER)
    if not given:
        raise SignatureRefused(Refusal.MISSING_SIGNATURE)
    date_header = DATE_HEADER if DATE_HEADER in headers else LEGACY_DATE_HEADER
    date = headers.get(date_header)
    if date is None:
        raise SignatureRefused(Refusal.MISSING_DATE)
    secret_number = _fitting_secret(secrets, given=given, date=date, body=body)
    signed_at = read_http_date(date)
    if signed_at is None:
        raise SignatureRefused(Refusal.UNREADABLE_DATE)
    age = now - signed_at
    return Verified(
        signed_at=signed_at,
        age=age,
        freshness=_freshness(age, limits),
        date_header=date_header,
        secret_number=secret_number,
    )


def freshness_of(age: timedelta, limits: AgeLimits) -> Freshness:
    """Tell what may be done with a delivery that was accepted at this age."""
    return Freshness.ACT if age <= limits.act else Freshness.STALE


def sign(secret: str, *, date: str, body: bytes) -> str:
    """Give the signature of `body` sent with the date header `date`: lower-case hex.

    Raises `Broken` for a secret that is no text, or empty: anybody could sign with that.
    """
    # Latin-1 gives back the bytes of the header as they came. What it cannot write never came over
    # a socket, and no date that can be read has it.
    message = hmac.new(_key(secret), date.encode("latin-1", "backslashreplace"), hashlib.sha256)
    message.update(b"\n")
    message.update(body)
    return message.hexdigest()


def http_date(instant: datetime) -> str:
    """Write an aware instant as a date header has it: `Mon, 02 Jan 2006 22:04:05 GMT`."""
    return format_datetime(instant.astimezone(UTC), usegmt=True)


@lru_cache(maxsize=128)  # many deliveries bear the same second
def read_http_date(text: str) -> datetime | None:
    """Give the instant that a date header names, in UTC, or None when it cannot be told for sure.

    Reads RFC 7231's IMF-fixdate, and RFC 5322's writing of the same with another zone. The older
    forms of HTTP are not read: they leave out the century or the zone. The weekday is not compared,
    because it says nothing that the rest of the signed date does not.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    month = _MONTHS.index(match["month"].title()) + 1
    ahead = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    try:
        start = datetime(
            int(match["year"]), month, int(match["day"]), int(match["hour"]), int(match["minute"]),
            tzinfo=UTC,
        )  # fmt: skip
        # Seconds are added because a leap second, 60, is a legal one.
        local = start + timedelta(seconds=int(match["second"]))
        return local + ahead if match["sign"] == "-" else local - ahead
    except (ValueError, OverflowError):
        return None


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_DATE = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?"
    rf"(?P<day>\d\d?) (?P<month>{'|'.join(_MONTHS)}) (?P<year>\d{{4}}) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>[0-5]\d|60) "
    r"(?:GMT|UTC|UT|Z|(?P<sign>[+-])(?P<hours>[01]\d|2[0-3])(?P<minutes>[0-5]\d))",
    re.ASCII | re.IGNORECASE,
)


def _fitting_secret(secrets: Sequence[str], *, given: str, date: str, body: bytes) -> int:
    """Try every secret, so that the time taken does not tell which one fits."""
    if not secrets:
        raise Broken("there is no webhook secret; set metronome.webhook_secrets")
    # Lowered as bytes: that changes ASCII letters and nothing else.
    candidate = given.encode("utf-8", "surrogatepass").lower()
    fits = [
        hmac.compare_digest(sign(secret, date=date, body=body).encode(), candidate)
        for secret in secrets
    ]
    if not any(fits):
        raise SignatureRefused(Refusal.WRONG_SIGNATURE)
    return fits.index(True) + 1


def _freshness(age: timedelta, limits: AgeLimits) -> Freshness:
    if age < -limits.future:
        raise SignatureRefused(Refusal.TOO_NEW, age=age)
    if age > limits.keep:
        raise SignatureRefused(Refusal.TOO_OLD, age=age)
    return freshness_of(age, limits)


def _key(secret: str) -> bytes:
    if not secret:
        raise Broken("a webhook secret is empty; remove it from metronome.webhook_secrets")
    try:
        # Bytes of an environment variable that are not UTF-8 come as surrogates and go back.
        return secret.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # Without a cause: it would carry the secret.
        raise Broken("a webhook secret is not text; copy it again from Metronome") from None
