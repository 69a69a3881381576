"""Amounts as people write them, and as Metronome does: the rate card decides the unit. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from external_gate.domain.currencies import EXPONENTS
from external_gate.domain.errors import BadInput
from external_gate.domain.money import LARGEST_MINOR, USD_CENTS_ID, Unit, bare_currency, unit_of
from external_gate.metronome.contracting import CustomUnit, RateCard

MOST_DECIMALS = 10
"""Of an amount in a custom pricing unit, which has no smallest part that we know of."""

ENOUGH_DIGITS = 100
"""So that no amount is rounded on its way between two units."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One pricing unit: its name for people, and how Metronome writes amounts in it."""

    name: str
    """An ISO 4217 code, or the name of a custom pricing unit."""
    scale: int
    """Metronome's number for one whole unit, as a power of ten: 2 for cents, else 0."""
    decimals: int
    """The most that an amount of people may have."""
    custom_unit_id: str | None = None
    """None for the rate card's currency."""

    def to_metronome(self, amount: Decimal) -> Decimal:
        """Convert an amount of people's, exactly.

        Raises `BadInput` for what is not positive, too large, or finer than the unit allows.
        """
        if not amount.is_finite() or not 0 < amount <= LARGEST_MINOR:
            raise BadInput(f"{amount} {self.name} is no amount; write it like 50.00, above 0")
        return self._raised(amount, by=self.scale)

    def tax_to_metronome(self, amount: Decimal) -> Decimal:
        """Convert a tax, which may be 0. Raises `BadInput` as `to_metronome`."""
        return Decimal(0) if amount == 0 else self.to_metronome(amount)

    def to_people(self, told: Decimal) -> Decimal:
        """Convert an amount of Metronome's, exactly; a fiat amount shows all its decimals."""
        with localcontext(prec=ENOUGH_DIGITS):
            whole = told.scaleb(-self.scale)
            if self.custom_unit_id is not None:
                return whole
            shortest = Decimal(1).scaleb(-self.decimals)
            return whole.quantize(shortest) if whole == whole.quantize(shortest) else whole

    def shown(self, told: Decimal) -> str:
        """Write an amount of Metronome's for people: `50.00 USD`."""
        return f"{self.to_people(told):f} {self.name}"

    def _raised(self, amount: Decimal, *, by: int) -> Decimal:
        with localcontext(prec=ENOUGH_DIGITS):
            finest = Decimal(1).scaleb(-self.decimals)
            if amount != amount.quantize(finest):
                raise BadInput(f"{amount} is too fine: {self.name} has {self.decimals} decimals")
            return amount.scaleb(by).normalize() + 0


@dataclass(frozen=True, slots=True)
class Tariff:
    """The units in which a rate card's thresholds may be written."""

    fiat: Measure
    fiat_is_assumed: bool = False
    """Whether Metronome did not name the currency, so that its own default stands here."""
    custom: Mapping[str, CustomUnit] = field(default_factory=dict)
    """By name."""

    def measure(self, unit: str) -> Measure:
        """Find a unit by the code or name that people use. Raises `BadInput`, and lists them."""
        if unit.strip().upper() == self.fiat.name:
            return self.fiat
        if unit in self.custom:
            return _custom(self.custom[unit])
        names = ", ".join([self.fiat.name, *self.custom])
        raise BadInput(f"the contract's rate card is not in {unit}; its units are: {names}")

    def measure_of(self, custom_unit_id: str | None) -> Measure | None:
        """Find the unit of a configuration; None when the rate card does not have it any more."""
        if custom_unit_id is None:
            return self.fiat
        units = (unit for unit in self.custom.values() if unit.unit_id == custom_unit_id)
        found = next(units, None)
        return None if found is None else _custom(found)

    def in_fiat(self, told: Decimal, measure: Measure) -> Decimal | None:
        """Give what an amount of Metronome's comes to in whole units of the currency."""
        with localcontext(prec=ENOUGH_DIGITS):
            if measure.custom_unit_id is None:
                return self.fiat.to_people(told)
            unit = self.custom.get(measure.name)
            return None if unit is None else (told * unit.fiat_each).scaleb(-self.fiat.scale)


def tariff_of(card: RateCard, overrides: Mapping[str, Unit]) -> Tariff:
    """Read a rate card by the unit rule: USD in cents, every other currency in whole units.

    Without a currency it is Metronome's own default, USD (cents). Raises `BadInput` for a currency
    that we do not know. Source: `metronome-sdk` 4.12.0, `rate_card_create_params`.
    """
    fiat_id, name = (card.fiat_id, card.fiat_name) if card.fiat_name else (USD_CENTS_ID, "USD")
    code = bare_currency(name)
    if code not in EXPONENTS:
        raise BadInput(f"rate card {card.rate_card_id} is in {name}, which is no known currency")
    unit = unit_of(credit_type_id=fiat_id, name=name, overrides=overrides)
    fiat = Measure(
        name=code,
        scale=EXPONENTS[code] if unit is Unit.CENTS else 0,
        decimals=EXPONENTS[code],
    )
    return Tariff(fiat, card.fiat_name is None, {unit.name: unit for unit in card.custom_units})


def _custom(unit: CustomUnit) -> Measure:
    return Measure(unit.name, scale=0, decimals=MOST_DECIMALS, custom_unit_id=unit.unit_id)
