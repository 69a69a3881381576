"""JSON in which amounts keep every digit, both ways; nothing here knows what Metronome means."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from external_gate.domain.errors import BadInput, Unavailable

LONGEST_NUMBER = 100
"""Characters of one number: longer ones are not even converted, which takes time."""


def read_object(body: bytes, *, subject: str) -> dict[str, object]:
    """Give the object that a body is, all numbers as `Decimal`.

    Raises `Unavailable` for everything else, a name that stands twice included: of two values
    neither is the true one.
    """
    try:
        parsed: object = json.loads(
            body.decode("utf-8"),
            parse_float=_number,
            parse_int=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_repeats,
        )
    except (ValueError, RecursionError) as error:
        # The parser's own sentence is left out of ours: it may quote the answer.
        raise Unavailable(f"Metronome's answer about {subject} is not readable JSON") from error
    if not isinstance(parsed, dict):
        raise Unavailable(f"Metronome's answer about {subject} is not a JSON object")
    return parsed


def write_object(fields: Mapping[str, object]) -> bytes:
    """Write an object, `Decimal` as a plain number.

    Raises `BadInput` for what JSON has no exact form for: floats, NaN, names that are no text; and
    for numbers of more than `LONGEST_NUMBER` characters.
    """
    try:
        return _written(fields).encode("ascii")
    except RecursionError as error:
        raise BadInput("the object is nested too deeply to be written as JSON") from error


def _written(value: object) -> str:
    match value:
        case Mapping():
            pairs = (f"{_name(name)}:{_written(each)}" for name, each in value.items())
            return "{" + ",".join(pairs) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_written, value)) + "]"
        case Decimal() if value.is_finite():
            return _plain(value)
        case None | bool() | int() | str():
            return json.dumps(value)
        case _:
            raise BadInput(f"{type(value).__name__} has no exact form in JSON; give a Decimal")


def _plain(number: Decimal) -> str:
    _, digits, exponent = number.as_tuple()
    # Counted before it is written: `1e999999999` in full would fill the memory.
    is_short = len(digits) + abs(int(exponent)) <= LONGEST_NUMBER
    text = f"{number:f}" if is_short else ""
    if not is_short or len(text) > LONGEST_NUMBER:
        raise BadInput(f"a number in JSON has at most {LONGEST_NUMBER} characters")
    return text


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise BadInput(f"a name in JSON is text, not {type(name).__name__}")
    return json.dumps(name)


def _number(literal: str) -> Decimal:
    if len(literal) > LONGEST_NUMBER:
        raise ValueError("a number is too long")
    try:
        return Decimal(literal)
    except InvalidOperation as error:  # an exponent that no Decimal can have
        raise ValueError("a number is out of range") from error


def _refuse_constant(_name: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return fields
