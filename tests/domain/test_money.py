"""Minor units, and the unit in which Metronome writes an amount: a mistake here is 100-fold."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.currencies import EXPONENTS
from external_gate.domain.errors import BadInput
from external_gate.domain.money import (
    LARGEST_MINOR,
    USD_CENTS_ID,
    Converted,
    Money,
    Unit,
    bare_currency,
    unit_of,
)

currencies = st.sampled_from(sorted(EXPONENTS))
totals = st.decimals(
    min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False, places=12
)


def converted(raw: str, currency: str, unit: Unit) -> Converted:
    return Converted.from_metronome(Decimal(raw), currency=currency, unit=unit)


@pytest.mark.parametrize(
    ("raw", "currency", "unit", "minor"),
    [
        ("1500", "USD", Unit.CENTS, 1500),
        ("1500.00", "USD", Unit.CENTS, 1500),
        ("15", "EUR", Unit.WHOLE, 1500),
        ("10.5", "EUR", Unit.WHOLE, 1050),
        ("1500", "JPY", Unit.WHOLE, 1500),
        ("1.234", "KWD", Unit.WHOLE, 1234),
        ("1E+3", "EUR", Unit.WHOLE, 100_000),
        ("0", "USD", Unit.CENTS, 0),
        ("-0.4", "USD", Unit.CENTS, 0),
        ("-15", "EUR", Unit.WHOLE, -1500),
    ],
)
def test_amount_comes_to_the_minor_units_of_its_currency(
    raw: str, currency: str, unit: Unit, minor: int
) -> None:
    assert converted(raw, currency, unit).money == Money(minor, currency)


@pytest.mark.parametrize(
    ("raw", "minor", "rounding"),
    [
        ("1599.2", 1599, "-0.2"),
        ("1599.5", 1600, "0.5"),
        ("1598.5", 1599, "0.5"),  # half up, not to even
        ("1599.4999999999999999999999999999999999", 1599, "-0.4999999999999999999999999999999999"),
    ],
)
def test_fraction_of_a_cent_is_rounded_half_up_and_the_difference_kept(
    raw: str, minor: int, rounding: str
) -> None:
    found = converted(raw, "USD", Unit.CENTS)

    assert found == Converted(Money(minor, "USD"), Decimal(raw), Decimal(rounding))


@given(totals, currencies, st.sampled_from(Unit))
def test_rounding_loses_nothing_and_stays_below_one_minor_unit(
    raw: Decimal, currency: str, unit: Unit
) -> None:
    found = Converted.from_metronome(raw, currency=currency, unit=unit)

    with localcontext(prec=60):
        exact = raw if unit is Unit.CENTS else raw * 10 ** EXPONENTS[currency]
        assert found.money.minor - found.rounding == exact
        assert abs(found.rounding) <= Decimal("0.5")
    assert found.raw == raw


@given(totals, currencies)
def test_precision_of_whoever_calls_changes_no_amount(raw: Decimal, currency: str) -> None:
    expected = Converted.from_metronome(raw, currency=currency, unit=Unit.WHOLE)
    with localcontext(prec=2, rounding=ROUND_HALF_UP):
        found = Converted.from_metronome(raw, currency=currency, unit=Unit.WHOLE)
        written = found.money.decimal()

    assert found == expected
    assert written == expected.money.decimal()


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize(
    "raw", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+9999999", "-1E+9999999", "9007199254740993"]
)
def test_what_is_no_amount_is_refused_and_not_guessed(raw: str, unit: Unit) -> None:
    with pytest.raises(BadInput):
        converted(raw, "EUR", unit)


def test_amount_that_no_database_can_hold_is_refused() -> None:
    with pytest.raises(BadInput):
        converted(str(LARGEST_MINOR), "CLF", Unit.WHOLE)
    assert converted(str(LARGEST_MINOR), "USD", Unit.CENTS).money.minor == LARGEST_MINOR


def test_tiny_amount_is_nothing_and_not_an_error() -> None:
    assert converted("1E-9999999", "EUR", Unit.WHOLE).money == Money(0, "EUR")


@pytest.mark.parametrize("currency", ["", "usd", "XXX", "XAU", "BTC", "USD (cents)"])
def test_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(BadInput):
        converted("1", currency, Unit.WHOLE)
    with pytest.raises(BadInput):
        Money(1, currency)


@pytest.mark.parametrize("minor", [15.0, True, Decimal(15), "15", None])
def test_only_integers_are_money(minor: object) -> None:
    with pytest.raises(BadInput):
        Money(minor, "USD")  # type: ignore[arg-type]  # what a careless adapter hands over


@given(st.integers(), currencies)
def test_whole_units_are_exact(minor: int, currency: str) -> None:
    money = Money(minor, currency)

    with localcontext(prec=1000):
        assert money.decimal() * 10**money.exponent == minor
    assert -money.decimal().as_tuple().exponent == money.exponent  # type: ignore[operator] # finite


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(1500, "USD"), "15.00 USD"),
        (Money(5, "EUR"), "0.05 EUR"),
        (Money(-5, "KWD"), "-0.005 KWD"),
        (Money(1500, "JPY"), "1500 JPY"),
        (Money(10**30, "JPY"), "1" + "0" * 30 + " JPY"),
    ],
)
def test_money_is_written_for_people(money: Money, written: str) -> None:
    assert str(money) == written


@pytest.mark.parametrize(
    ("name", "bare"),
    [("USD", "USD"), ("USD (cents)", "USD"), (" eur ", "EUR"), ("Eur", "EUR"), ("", "")],
)
def test_both_spellings_of_a_currency_are_one(name: str, bare: str) -> None:
    assert bare_currency(name) == bare


@pytest.mark.parametrize(
    ("credit_type_id", "name", "unit"),
    [
        (USD_CENTS_ID, "USD (cents)", Unit.CENTS),
        (USD_CENTS_ID, "renamed", Unit.CENTS),
        (None, "USD (cents)", Unit.CENTS),
        ("another", "USD", Unit.CENTS),
        ("another", "EUR", Unit.WHOLE),
        (None, "JPY", Unit.WHOLE),
    ],
)
def test_dollars_are_cents_and_all_others_whole(
    credit_type_id: str | None, name: str, unit: Unit
) -> None:
    assert unit_of(credit_type_id=credit_type_id, name=name) is unit


def test_override_of_the_configuration_comes_first() -> None:
    overrides = {USD_CENTS_ID: Unit.WHOLE, "eur": Unit.CENTS}

    assert unit_of(credit_type_id=USD_CENTS_ID, name="USD", overrides=overrides) is Unit.WHOLE
    assert unit_of(credit_type_id="eur", name="EUR", overrides=overrides) is Unit.CENTS
    assert unit_of(credit_type_id=None, name="EUR", overrides=overrides) is Unit.WHOLE
