"""JSON in which every number keeps its exact decimal digits, in both directions."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

# Written without exponent, a number may not fill the memory; no money comes near this.
LARGEST_EXPONENT = 30


def parse_json(raw: bytes) -> object:
    """Read JSON with every fraction as a `Decimal`.

    Raises `ValueError` for anything that is not JSON, for NaN, infinities and absurd exponents.
    """
    try:
        return json.loads(raw, parse_float=_read_fraction, parse_constant=_refuse_constant)
    except RecursionError as too_deep:
        raise ValueError("the JSON is nested too deeply") from too_deep


def render_json(value: object) -> bytes:
    """Write JSON; a `Decimal` becomes a plain number without exponent or trailing zeros."""
    return _render(value).encode()


def _render(value: object) -> str:
    match value:
        case Decimal():
            return _digits(value)
        case Mapping():
            pairs = (f"{json.dumps(str(key))}:{_render(part)}" for key, part in value.items())
            return "{" + ",".join(pairs) + "}"
        case str() | int() | None:
            return json.dumps(value)
        case Sequence():
            return "[" + ",".join(_render(part) for part in value) + "]"
        case _:
            raise TypeError(f"{type(value).__name__} has no exact form in JSON")


def _digits(number: Decimal) -> str:
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _read_fraction(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > LARGEST_EXPONENT:
        raise ValueError(f"{text} is out of range")
    return number


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")
