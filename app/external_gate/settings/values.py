"""How single values are written: numbers, durations, amounts, addresses, names, secrets.

The sentences raised here never repeat what was given: it may be a secret in the wrong place.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr

from external_gate.domain.currencies import EXPONENTS
from external_gate.domain.limits import Cap, Velocity
from external_gate.domain.money import LARGEST_MINOR, Money, Unit

_T = TypeVar("_T")

# A year: nobody waits longer, and sums of times cannot overflow.
_LONGEST_HOURS = 8760
_LONGEST_SECONDS = _LONGEST_HOURS * 3600

_SECONDS_PER = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([smhd]?)")
_PER = re.compile(r"(.{1,40}?) per (.{1,20})")
_MOST_CHARGES = 1000
"""Of `guards.velocity`: so many are told apart, and nobody's customers pay faster."""
_AMOUNT = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,6})?")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*")
_TYPE_FILTER = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?:\.\*)?")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_NAMESPACE = re.compile(r"[a-z_][a-z0-9_]{0,39}")


class CarriesPassword:
    """Mark of a text that may hold a password: it may come from a file, and is shown without it."""


def read_truth(given: object) -> bool:
    """Read true or false; the environment can only give words. Raises `ValueError`."""
    if isinstance(given, bool):
        return given
    match given.lower() if isinstance(given, str) else None:
        case "true":
            return True
        case "false":
            return False
        case _:
            raise ValueError("must be true or false")


def read_seconds(given: object) -> float:
    """Read a time in seconds above 0; fractions are welcome. Raises `ValueError`."""
    try:
        seconds = float(_not_truth(given))  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be a number of seconds") from None
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise ValueError(f"must be above 0 and at most {_LONGEST_SECONDS} seconds")
    return seconds


def read_duration(given: object) -> timedelta:
    """Read a number of seconds, or a text such as `90s`, `15m`, `6h`, `1d`. Raises `ValueError`."""
    if isinstance(given, timedelta):
        return given
    written = f"{given:f}" if isinstance(given, Decimal) else str(given)
    found = _DURATION.fullmatch(written)
    if isinstance(given, bool) or found is None:
        raise ValueError('must be a number of seconds, or a text such as "90s", "15m", "6h", "1d"')
    seconds = Decimal(found[1]) * _SECONDS_PER[found[2]]
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise ValueError("must be above 0 and at most a year")
    return timedelta(microseconds=int(seconds * 1_000_000))


def read_amounts(given: object) -> dict[str, Money]:
    """Read a table from currency to whole units, exactly; all that is wrong in one `ValueError`."""
    if not isinstance(given, Mapping):
        raise ValueError('must be a table such as {USD = "500.00"}')  # noqa: TRY004 # pydantic gathers only ValueError
    return _by_currency(given, _amount)


def read_caps(given: object) -> dict[str, Cap]:
    """Read a table from currency to an amount per time; all that is wrong in one `ValueError`."""
    if not isinstance(given, Mapping):
        raise ValueError('must be a table such as {USD = "5000.00 per 1d"}')  # noqa: TRY004 # pydantic gathers only ValueError
    return _by_currency(given, _cap)


def read_velocity(given: object) -> Velocity | None:
    """Read a number of charges per time; an empty text is none. Raises `ValueError`."""
    if given is None or given == "":
        return None
    if isinstance(given, Velocity):
        return given
    found = _PER.fullmatch(given) if isinstance(given, str) else None
    if found is None or not (found[1].isascii() and found[1].isdigit()):
        raise ValueError('must be charges per time such as "10 per 1h"')
    if not 1 <= int(found[1][:5]) <= _MOST_CHARGES:
        raise ValueError(f"must be 1 to {_MOST_CHARGES} charges")
    return Velocity(int(found[1]), read_duration(found[2]))


def _cap(written: object, currency: str) -> Cap:
    if isinstance(written, Cap):
        return written
    found = _PER.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise ValueError(f'{currency} must be an amount per time such as "5000.00 per 1d"')
    try:
        per = read_duration(found[2])
    except ValueError as error:
        raise ValueError(f"{currency}: the time {error}") from None
    return Cap(_amount(found[1], currency), per)


def _by_currency(given: Mapping[str, object], read: Callable[[object, str], _T]) -> dict[str, _T]:
    found: dict[str, _T] = {}
    wrong: list[str] = []
    for currency, written in given.items():
        try:
            found[currency] = read(written, check_currency(currency))
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(wrong))
    return found


def _amount(written: object, currency: str) -> Money:
    if isinstance(written, Money):
        return written
    text = f"{written:f}" if isinstance(written, Decimal) else str(written)
    if isinstance(written, bool | float) or not _AMOUNT.fullmatch(text):
        raise ValueError(f'{currency} must be an amount in whole units such as "500.00"')
    minor = Decimal(text).scaleb(EXPONENTS[currency])
    if minor != int(minor):
        raise ValueError(f"{currency} has at most {EXPONENTS[currency]} decimals")
    if not 0 < minor <= LARGEST_MINOR:
        raise ValueError(f"{currency} must be above 0 and believable")
    return Money(int(minor), currency)


def check_currency(code: str) -> str:
    """Give the code back when it can be charged. Raises `ValueError`."""
    if code in EXPONENTS:
        return code
    if code.upper() in EXPONENTS:
        raise ValueError(f"{code.upper()} is written in capitals")
    # Three letters are repeated, as help; anything else may be a secret in the wrong place.
    shown = code if len(code) == 3 and code.isalpha() else "one of the codes"
    raise ValueError(f"{shown} is no ISO 4217 currency that can be charged")


def check_name(name: str) -> str:
    """Give the name back when it fits into an address and an environment name."""
    if len(name) > 40 or not _NAME.fullmatch(name):
        raise ValueError("a name is lower case letters, digits and single - or _, at most 40")
    return name


def check_type_filter(text: str) -> str:
    """Take a notification's type, or the beginning of several. Raises `ValueError`."""
    if not _TYPE_FILTER.fullmatch(text):
        raise ValueError('must be a type such as "invoice.finalized", or "invoice.*" for all such')
    return text


def check_web_address(url: str) -> str:
    """Give an http(s) address back; empty means none."""
    if not url:
        return url
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://host.example/path")
    if "@" in parts.netloc:
        raise ValueError("must carry no user name or password")
    if "#" in url:
        raise ValueError("must carry no #")
    return url


def check_base_address(url: str) -> str:
    """Give an address back to which paths are added, without its last slash."""
    if "?" in url:
        raise ValueError("must carry no ?")
    return check_web_address(url).rstrip("/")


def check_store_url(url: str) -> str:
    """Give back a store's address: `sqlite:///file` (four slashes: absolute) or `postgresql://…`."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and rest.strip("/") and "?" not in rest:
        if ":memory:" in rest:
            raise ValueError("would keep nothing: a notification must be on disk")
        return url
    if scheme == "postgresql" and rest.strip("/") and _split(url):
        return url
    raise ValueError("must be sqlite:///path/to/file.db or postgresql://user@host/database")


def check_namespace(name: str) -> str:
    """Give back the name of a schema that needs no quotes."""
    if not _NAMESPACE.fullmatch(name):
        raise ValueError("must be at most 40 lower case letters, digits and _, no digit first")
    return name


def _split(url: str) -> SplitResult | None:
    """Take an address apart; None when it cannot be read."""
    # `urlsplit` would silently drop control characters.
    if not (url.isascii() and url.isprintable() and " " not in url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def check_secret(secret: SecretStr) -> SecretStr:
    """Refuse white space around a secret: it was never part of it."""
    text = secret.get_secret_value()
    if text != text.strip():
        raise ValueError("must have no white space around it")
    return secret


def check_token(secret: SecretStr) -> SecretStr:
    """Refuse what no header can carry; a client would repeat it in its error."""
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("must be printable ASCII without spaces")
    return secret


def check_sha256(secret: SecretStr) -> SecretStr:
    """Give a SHA-256 in lower case hex; empty means none."""
    text = secret.get_secret_value()
    if text and not _SHA256.fullmatch(text):
        raise ValueError("must be the SHA-256 of the token: 64 hex digits, not the token itself")
    return SecretStr(text.lower())


def without_empty(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    """Drop empty secrets: a signature made with an empty one must never be valid."""
    return tuple(secret for secret in secrets if secret.get_secret_value())


def _not_truth(given: object) -> object:
    if isinstance(given, bool):
        raise ValueError("must be a number")  # noqa: TRY004 # pydantic gathers only ValueError
    return given


def _unit_or_none(given: object) -> object:
    return None if given == "" else given


Text = Annotated[str, Field(min_length=1)]
Truth = Annotated[bool, BeforeValidator(read_truth)]
Whole = Annotated[int, BeforeValidator(_not_truth)]
Seconds = Annotated[float, BeforeValidator(read_seconds)]
Pause = Annotated[float, BeforeValidator(_not_truth), Field(ge=0, le=3600, allow_inf_nan=False)]
Minutes = Annotated[float, BeforeValidator(_not_truth), Field(ge=0, le=1440, allow_inf_nan=False)]
Hours = Annotated[
    float, BeforeValidator(_not_truth), Field(gt=0, le=_LONGEST_HOURS, allow_inf_nan=False)
]
Duration = Annotated[timedelta, PlainValidator(read_duration)]
Amounts = Annotated[Mapping[str, Money], PlainValidator(read_amounts)]
Caps = Annotated[Mapping[str, Cap], PlainValidator(read_caps)]
VelocityOrNone = Annotated[Velocity | None, PlainValidator(read_velocity)]
Currency = Annotated[str, AfterValidator(check_currency)]
Namespace = Annotated[str, AfterValidator(check_namespace)]
Name = Annotated[str, AfterValidator(check_name)]
TypeFilter = Annotated[str, AfterValidator(check_type_filter)]
WebAddress = Annotated[str, AfterValidator(check_web_address)]
BaseAddress = Annotated[str, AfterValidator(check_base_address)]
StoreUrl = Annotated[str, AfterValidator(check_store_url), CarriesPassword()]
UnitOrNone = Annotated[Unit | None, BeforeValidator(_unit_or_none)]
Secret = Annotated[SecretStr, AfterValidator(check_secret)]
Token = Annotated[SecretStr, AfterValidator(check_token)]
Sha256 = Annotated[SecretStr, AfterValidator(check_sha256)]
Secrets = Annotated[tuple[Secret, ...], AfterValidator(without_empty)]
