"""Our frozen exponents against the standard, as the `iso4217` package has it."""

import iso4217

from external_gate.domain.currencies import EXPONENTS

SUPPORTED = "USD AUD BRL CAD CHF CZK EUR GBP INR MXN NGN NOK PLN SEK TRY ZAR NZD SGD DKK CNY"
"""Source: docs.metronome.com, use-currency-custompricingunits, 2026-08-28."""

STANDARD = {currency.code: currency.exponent for currency in iso4217.Currency}


def test_exponents_are_those_of_the_standard() -> None:
    chargeable = {code: digits for code, digits in STANDARD.items() if digits is not None}

    assert chargeable == EXPONENTS


def test_gold_and_testing_codes_cannot_be_charged() -> None:
    without = {code for code, digits in STANDARD.items() if digits is None}

    assert {"XAU", "XTS", "XXX"} <= without
    assert not without & EXPONENTS.keys()


def test_currencies_of_metronome_have_two_decimals() -> None:
    assert {EXPONENTS[code] for code in SUPPORTED.split()} == {2}
