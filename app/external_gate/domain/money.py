"""Money in integer minor units, and the rule by which Metronome writes amounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from enum import StrEnum
from typing import Self

from external_gate.domain.currencies import EXPONENTS
from external_gate.domain.errors import BadInput

USD_CENTS_ID = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"
"""Metronome's fixed id for the pricing unit `USD (cents)`."""

LARGEST_MINOR = 2**53
"""No amount above this is believed: it is past what JSON carries exactly, and past any invoice."""

_EXACT = Context(prec=100)
"""Digits enough for every total that intake lets in, so that nothing is rounded twice."""


class Unit(StrEnum):
    """How an amount from Metronome is written."""

    CENTS = "cents"  # already minor units, perhaps with a fraction
    WHOLE = "whole"  # units of the currency, with decimals


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of an ISO 4217 currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is no amount: a fraction, or a currency without an exponent."""
        if type(self.minor) is not int:
            raise BadInput(f"{self.minor!r} is not an integer number of minor units")
        if self.currency not in EXPONENTS:
            raise BadInput(f"{self.currency!r} is not a currency that can be charged")

    @property
    def exponent(self) -> int:
        """Give how many decimals the currency has."""
        return EXPONENTS[self.currency]

    def decimal(self) -> Decimal:
        """Give the amount in whole units, exactly: 1500 USD minor is `Decimal("15.00")`."""
        # Built from its digits: arithmetic would round to the precision of whoever calls.
        sign, digits, _ = Decimal(self.minor).as_tuple()
        return Decimal((sign, digits, -self.exponent))

    def __str__(self) -> str:
        """Write it for people: `15.00 USD`."""
        return f"{self.decimal():f} {self.currency}"


@dataclass(frozen=True, slots=True)
class Converted:
    """What an amount of Metronome's comes to, with what rounding changed."""

    money: Money
    raw: Decimal
    """The amount as Metronome wrote it."""
    rounding: Decimal
    """Charged minus exact, in minor units; 0 when nothing was rounded."""

    @classmethod
    def from_metronome(cls, raw: Decimal, *, currency: str, unit: Unit) -> Self:
        """Convert an amount of Metronome's to minor units, half-up.

        Raises `BadInput` for a currency without exponent, and for what is no finite amount.
        """
        if currency not in EXPONENTS:
            raise BadInput(f"{currency!r} is not a currency that can be charged")
        # `copy_abs` and comparing are exact; `abs` would overflow on what no context can hold.
        if not raw.is_finite() or raw.copy_abs() > LARGEST_MINOR:
            raise BadInput(f"{raw} is not an amount that can be charged")
        with localcontext(_EXACT):
            exact = raw if unit is Unit.CENTS else raw.scaleb(EXPONENTS[currency])
            minor = exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)
            if abs(minor) > LARGEST_MINOR:
                raise BadInput(f"{raw} {currency} is not an amount that can be charged")
            return cls(money=Money(int(minor), currency), raw=raw, rounding=minor - exact)


def bare_currency(name: str) -> str:
    """Give the ISO code behind Metronome's spelling: `USD (cents)` and `USD` are both `USD`."""
    return name.removesuffix(" (cents)").strip().upper()


def unit_of(
    *, credit_type_id: str | None, name: str, overrides: Mapping[str, Unit] | None = None
) -> Unit:
    """Tell in which unit Metronome writes amounts of a pricing unit.

    USD is in cents, every other currency in whole units; `overrides` by `credit_type.id` come
    first. Source: docs.metronome.com, use-currency-custompricingunits, 2026-08-28.
    """
    if overrides and credit_type_id is not None and credit_type_id in overrides:
        return overrides[credit_type_id]
    if credit_type_id == USD_CENTS_ID or bare_currency(name) == "USD":
        return Unit.CENTS
    return Unit.WHOLE
