"""One JSON object out of bytes from outside, read so strictly that it has a single meaning."""

import json
from collections.abc import Mapping, Sequence
from typing import NoReturn

from external_gate.domain.errors import BadInput

MASK = "********"


def read_object(body: bytes, *, hidden: Sequence[str] = ()) -> Mapping[str, object]:
    """Give the object that `body` is; texts in `hidden` are masked wherever they stand in it.

    A name that comes twice, NaN and Infinity make the whole unreadable: of two values neither is
    the true one. Raises `BadInput` whatever the bytes are, and repeats nothing of them.
    """

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        fields = {name: _masked(value, hidden) for name, value in found}
        if len(fields) < len(found):
            raise BadInput("a name stands twice in the body")
        return fields

    try:
        parsed: object = json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=pairs, parse_constant=_refuse
        )
    except RecursionError as error:
        raise BadInput("the body is nested too deeply") from error
    except ValueError as error:
        # Not UTF-8, not JSON, or a number of thousands of digits.
        raise BadInput("the body is not JSON") from error
    if not isinstance(parsed, dict):
        raise BadInput("the body is not a JSON object")
    return parsed


def _refuse(_constant: str) -> NoReturn:
    raise BadInput("NaN and Infinity are not JSON")


def _masked(value: object, hidden: Sequence[str]) -> object:
    if not isinstance(value, str):
        return value
    for text in hidden:
        value = value.replace(text, MASK)
    return value
