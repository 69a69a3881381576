"""How numbers, durations, amounts, addresses and secrets may be written, and how not."""

from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import SecretStr, ValidationError

from external_gate.domain.limits import Cap, Velocity
from external_gate.domain.money import Money, Unit
from external_gate.settings.model import (
    GatewaySettings,
    GuardsSettings,
    MetronomeSettings,
    NoticesSettings,
    Operator,
    RetrySettings,
    ServerSettings,
    StoreSettings,
    WorkerSettings,
)
from external_gate.settings.values import (
    read_amounts,
    read_caps,
    read_duration,
    read_seconds,
    read_velocity,
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (90, timedelta(seconds=90)),
        (Decimal("0.25"), timedelta(milliseconds=250)),
        (1.5, timedelta(seconds=1.5)),
        ("90", timedelta(seconds=90)),
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("6h", timedelta(hours=6)),
        ("1.5 h", timedelta(minutes=90)),
        ("1d", timedelta(days=1)),
    ],
)
def test_duration_is_seconds_or_has_a_unit(written: object, meant: timedelta) -> None:
    assert read_duration(written) == meant


@pytest.mark.parametrize("written", [0, -1, "", "h", "6 hours", "1w", True, None, "9999d", [1]])
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_duration(written)


@pytest.mark.parametrize(
    ("written", "seconds"), [(1, 1.0), (Decimal("2.5"), 2.5), ("2.5", 2.5), ("0.05", 0.05)]
)
def test_seconds_may_have_fractions(written: object, seconds: float) -> None:
    assert read_seconds(written) == seconds


@pytest.mark.parametrize(
    "written", [0, -1, "abc", "", "nan", "inf", True, None, [], 10**400, Decimal("Infinity")]
)
def test_what_is_no_time_in_seconds_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_seconds(written)


@pytest.mark.parametrize(
    ("written", "minor"),
    [("500.00", 50_000), (Decimal("500.00"), 50_000), (500, 50_000), ("0.10", 10), ("0.1", 10)],
)
def test_amount_is_read_exactly_in_whole_units(written: object, minor: int) -> None:
    assert read_amounts({"USD": written}) == {"USD": Money(minor, "USD")}


def test_amount_follows_the_exponent_of_its_currency() -> None:
    amounts = read_amounts({"JPY": 50_000, "KWD": "1.234"})

    assert amounts == {"JPY": Money(50_000, "JPY"), "KWD": Money(1234, "KWD")}


@pytest.mark.parametrize(
    "written", ["500.001", 500.0, True, "", "5e2", "-1", 0, "1,000", None, "NaN", [], "9" * 18]
)
def test_amount_that_is_not_exact_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="USD"):
        read_amounts({"USD": written})


def test_every_wrong_amount_is_named() -> None:
    with pytest.raises(ValueError, match=r"EUR .*; XXX is no .*; USD is written in capitals"):
        read_amounts({"EUR": "1.001", "XXX": "1", "usd": "1"})


@pytest.mark.parametrize(
    ("written", "cap", "again"),
    [
        ("5000.00 per 24h", Cap(Money(500_000, "USD"), timedelta(days=1)), "5000.00 per 1d"),
        ("5000 per 90m", Cap(Money(500_000, "USD"), timedelta(minutes=90)), "5000.00 per 90m"),
        ("0.01 per 1.5s", Cap(Money(1, "USD"), timedelta(seconds=1.5)), "0.01 per 1.5s"),
    ],
)
def test_cap_is_an_amount_within_a_time_and_is_shown_as_it_is_written(
    written: str, cap: Cap, again: str
) -> None:
    caps = read_caps({"USD": written})

    assert caps == {"USD": cap}
    assert str(cap) == again
    assert read_caps({"USD": again}) == caps


@pytest.mark.parametrize(
    "written",
    [
        *("5000", "5000 per", "per 1d", "-1 per 1d", "0 per 1d", "1.001 per 1d", "5 per 0s"),
        *("5 per day", "5 per 1d per 1d", "5  per 9999d", 5, 5.0, True, None, [], {"USD": 1}),
    ],
)
def test_cap_that_says_nothing_sensible_is_refused_by_its_currency(written: object) -> None:
    with pytest.raises(ValueError, match="USD"):
        read_caps({"USD": written})


def test_velocity_is_a_number_within_a_time_or_none() -> None:
    assert read_velocity("10 per 1h") == Velocity(10, timedelta(hours=1))
    assert str(Velocity(10, timedelta(hours=1))) == "10 per 1h"
    assert read_velocity("") is None
    assert read_velocity(None) is None


@pytest.mark.parametrize(
    "written",
    [
        *("10", "0 per 1h", "1001 per 1h", "1.5 per 1h", "-1 per 1h", "² per 1h"),
        *("9" * 30 + " per 1h", "10 per hour", "10 per 0s", 11, True, [], {}),
    ],
)
def test_velocity_that_says_nothing_sensible_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_velocity(written)


@pytest.mark.parametrize("words", [("true", True), ("False", False), (True, True)])
def test_truth_is_written_in_words(words: tuple[object, bool]) -> None:
    written, meant = words

    assert GuardsSettings.model_validate({"paused": written}).paused is meant


@pytest.mark.parametrize("written", ["yes", "1", 0, "", None])
def test_nothing_else_is_true_or_false(written: object) -> None:
    with pytest.raises(ValidationError, match="must be true or false"):
        GuardsSettings.model_validate({"paused": written})


@pytest.mark.parametrize("written", [True, "x", 1.5, -1, 65_536, "", None])
def test_what_is_no_port_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        ServerSettings.model_validate({"port": written})


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///external-gate.db",
        "sqlite:////var/lib/external-gate.db",
        "postgresql://gate@db.example:5432/gate",
        "postgresql:///gate",
    ],
)
def test_store_is_a_file_or_postgresql(url: str) -> None:
    assert StoreSettings(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "external-gate.db",
        "sqlite://external-gate.db",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a.db?mode=memory",
        "postgres://db/gate",
        "postgresql://",
        "postgresql://db:port/gate",
        "mysql://db/gate",
    ],
)
def test_no_other_store_is_taken(url: str) -> None:
    with pytest.raises(ValidationError):
        StoreSettings(url=url)


@pytest.mark.parametrize(
    "url",
    [
        "metronome.com",
        "ftp://host",
        "http://",
        "http://user:pass@host/",
        "http://host:port/",
        "http://host/a b",
        "http://host/\n",
        "http://[::1/",
        "http://host/#here",
        "http://hóst/",
    ],
)
def test_address_that_no_client_could_call_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        NoticesSettings(url=url)


def test_base_address_loses_its_last_slash_and_takes_no_query() -> None:
    assert MetronomeSettings(base_url="http://127.0.0.1:9090/").base_url == "http://127.0.0.1:9090"
    with pytest.raises(ValidationError):
        MetronomeSettings(base_url="http://127.0.0.1:9090/?a=b")


def test_an_empty_secret_is_never_among_the_live_ones() -> None:
    secrets = (SecretStr(""), SecretStr("live"))

    assert MetronomeSettings(webhook_secrets=secrets).webhook_secrets == (SecretStr("live"),)


@pytest.mark.parametrize("token", ["c4n4ry c4n4ry", "c4n4ry\n", "c4n4rý", "c4n4ry\x00"])
def test_token_that_no_header_can_carry_is_refused_unseen(token: str) -> None:
    with pytest.raises(ValidationError) as refused:
        MetronomeSettings(api_token=SecretStr(token))

    assert "c4n4r" not in str(refused.value)


def test_operator_is_known_by_a_digest_not_by_the_token_itself() -> None:
    assert Operator(token_sha256=SecretStr("AB" * 32)).token_sha256.get_secret_value() == "ab" * 32
    with pytest.raises(ValidationError):
        Operator(token_sha256=SecretStr("the-token-itself"))


@pytest.mark.parametrize(
    ("written", "meant"), [("", None), ("whole", Unit.WHOLE), ("cents", Unit.CENTS)]
)
def test_unit_may_be_left_open(written: str, meant: Unit | None) -> None:
    metronome = MetronomeSettings.model_validate({"unverified_unit": written})

    assert metronome.unverified_unit is meant


def test_unit_is_not_guessed() -> None:
    with pytest.raises(ValidationError):
        MetronomeSettings.model_validate({"unverified_unit": "dollars"})


def test_gateway_reads_its_timeout_from_the_keys_of_the_adapter() -> None:
    assert GatewaySettings().timeout_seconds == 20
    assert GatewaySettings(settings={"timeout_seconds": Decimal("2.5")}).timeout_seconds == 2.5
    with pytest.raises(ValidationError):
        GatewaySettings(settings={"timeout_seconds": "soon"})


def test_settings_cannot_be_changed_or_misspelt() -> None:
    retry = RetrySettings()
    with pytest.raises(ValidationError):
        retry.pending_deadline_hours = 1
    with pytest.raises(ValidationError):
        WorkerSettings.model_validate({"concurency": 3})


def test_the_model_itself_never_repeats_what_it_refuses() -> None:
    with pytest.raises(ValidationError) as refused:
        ServerSettings.model_validate({"port": "c4n4ry"})

    assert "c4n4ry" not in str(refused.value)
