"""Metronome's pricing units: USD is counted in cents, every other currency in whole units.

Source: docs.metronome.com, "Use currencies and custom pricing units", read 2026-08-28.
"""

import re
import uuid
from dataclasses import dataclass, field
from decimal import Decimal

USD_CENTS_ID = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
# The fiat currencies that Metronome lists, as of 2026-08-28.
FIAT_CODES = frozenset(
    {
        *("USD", "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP"),
        *("INR", "MXN", "NGN", "NOK", "NZD", "PLN", "SEK", "SGD", "TRY", "ZAR"),
    }
)

# Metronome's ids for the other currencies differ per account; these are ours, stable over restarts.
_ID_SPACE = uuid.UUID("6f1f1c1e-2a39-4b2f-9d0e-7d1c5e3a9b55")
_CURRENCY_PREFIX = re.compile(r"([A-Za-z]{3})(?:[-_].*)?")


@dataclass(frozen=True, slots=True)
class CreditType:
    """Name a pricing unit as the API does: `USD (cents)`, but plain `EUR`."""

    id: str
    name: str
    code: str


def credit_type(code: str) -> CreditType:
    """Give the pricing unit of an ISO 4217 code."""
    if code == "USD":
        return CreditType(USD_CENTS_ID, "USD (cents)", "USD")
    return CreditType(str(uuid.uuid5(_ID_SPACE, code)), code, code)


def custom_unit(name: str) -> CreditType:
    """Give the pricing unit of an account's own, such as `AI Tokens`."""
    return CreditType(str(uuid.uuid5(_ID_SPACE, f"custom/{name}")), name, name)


@dataclass(slots=True)
class RateCards:
    """Decide a contract's currency from its rate card, because any rate card is accepted.

    First what was set by hand, then the first three letters of an id or alias such as `eur` or
    `eur-standard`, else USD. A UUID has no dash after three letters and is never mistaken.
    """

    assigned: dict[str, str] = field(default_factory=dict)
    custom_units: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    """By rate card and name: what one costs, in the unit of the card's currency."""

    def conversions(self, rate_card_id: str | None) -> list[tuple[CreditType, Decimal]]:
        """Give the custom pricing units of a rate card, each with its price."""
        named = self.custom_units.get(rate_card_id or "", {})
        return [(custom_unit(name), price) for name, price in named.items()]

    def price_of(self, rate_card_id: str | None, unit_id: str) -> Decimal | None:
        """Give what one of a custom pricing unit costs; None when the card does not have it."""
        prices = (price for unit, price in self.conversions(rate_card_id) if unit.id == unit_id)
        return next(prices, None)

    def currency_of(self, *names: str | None) -> CreditType:
        """Give the pricing unit for a rate card that is known by these names."""
        known = [name for name in names if name]
        for name in known:
            if name in self.assigned:
                return credit_type(self.assigned[name])
        for name in known:
            match = _CURRENCY_PREFIX.fullmatch(name)
            if match and match[1].upper() in FIAT_CODES:
                return credit_type(match[1].upper())
        return credit_type("USD")
