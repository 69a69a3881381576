"""Targets of amounts and currencies: exact, or refused at no cost."""

from decimal import Decimal, InvalidOperation
from fractions import Fraction

from external_gate.domain.errors import BadInput
from external_gate.domain.money import LARGEST_MINOR, Converted, Money, Unit, bare_currency, unit_of
from tests.hostile_input.canary import only
from tests.hostile_input.target import Target, fields, joined, without_stage


def judge_money(data: bytes) -> None:
    """An amount is converted exactly, half-up, or refused."""
    amount, name, credit_type = (part.decode("utf-8", "replace") for part in fields(data, 3))
    unit = unit_of(credit_type_id=credit_type, name=name)
    try:
        raw = Decimal(amount)
    except InvalidOperation:
        return
    # The sentence shows amount and currency; intake lets through 40 digits and 200 characters.
    with only(BadInput, longest=200 + 12 * len(data)):
        _is_exact(Converted.from_metronome(raw, currency=bare_currency(name), unit=unit), unit)


def _is_exact(converted: Converted, unit: Unit) -> None:
    money = converted.money
    assert abs(money.minor) <= LARGEST_MINOR
    assert Money(money.minor, money.currency) == money
    assert str(money).endswith(money.currency)
    _, digits, exponent = converted.raw.as_tuple()
    # What intake lets in is exact; what it does not is only harmless.
    if len(digits) <= 40 and isinstance(exponent, int) and abs(exponent) <= 20:
        scale = 1 if unit is Unit.CENTS else 10**money.exponent
        assert Fraction(money.minor) - Fraction(converted.raw) * scale == Fraction(
            converted.rounding
        )
        assert abs(converted.rounding) <= Decimal("0.5")


MONEY_TARGETS = (
    Target(
        "money",
        without_stage(judge_money),
        [
            joined(b"1500", b"USD (cents)", b"2714e483-4ff1-48e4-9e25-ac732e8f24f2"),
            joined(b"15.005", b"eur", b"x"),
            joined(b"-0.5", b"JPY", b""),
            joined(b"1e-30", b"BHD", b""),
            joined(b"9007199254740993", b"USD", b""),
        ],
        growing={
            "digits": lambda size: b"1" * size + b"\x1eUSD",
            "decimals": lambda size: b"1." + b"1" * size + b"\x1eEUR",
            "exponent": lambda size: b"1e" + b"9" * min(size, 18) + b"\x1eEUR",
            "small exponent": lambda size: b"1e-" + b"9" * min(size, 18) + b"\x1eEUR",
            "name": lambda size: b"1\x1e" + b" (cents)" * (size // 8),
        },
        longest=256,
    ),
)
