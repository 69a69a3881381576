"""What a store keeps as JSON: answers, frozen charges. Money stays whole numbers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, get_args

from external_gate.domain.errors import Broken
from external_gate.domain.money import Money
from external_gate.domain.outcome import Answer, DeclineKind

_MILLISECOND = timedelta(milliseconds=1)

_ANSWERS: Mapping[str, type] = {kind.__name__: kind for kind in get_args(Answer)}
"""By class name, which is what is stored: a class of an answer is never renamed."""


write_json: Callable[[object], str] = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False
).encode
"""Writes JSON in the one spelling that we store: sorted and without blanks."""


def answer_to_json(answer: Answer) -> str:
    """Write an answer: its class under `answer`, then its fields; durations are milliseconds."""
    told = {field.name: _plain(getattr(answer, field.name)) for field in fields(answer)}
    return write_json({"answer": type(answer).__name__, **told})


def answer_from_json(text: str) -> Answer:
    """Read an answer back.

    Fields of a newer version are passed over; an answer of a class that is not known is `Broken`,
    because nobody may guess what it proves.
    """
    told = json.loads(text)
    kind = _ANSWERS.get(told.get("answer"))
    if kind is None:
        raise Broken(f"evidence of the unknown kind {told.get('answer')!r}: run the newer version")
    known = {field.name for field in fields(kind)}
    given = {name: _rich(name, value) for name, value in told.items() if name in known}
    answer: Answer = kind(**given)
    return answer


def _plain(value: object) -> object:
    match value:
        case Money():
            return {"minor": value.minor, "currency": value.currency}
        case timedelta():
            return value // _MILLISECOND
        case _:
            return value


def _money(told: Mapping[str, Any]) -> Money:  # Any: parsed JSON
    return Money(told["minor"], told["currency"])


_RICH: Mapping[str, Callable[[Any], object]] = {  # Any: parsed JSON
    "amount": _money,
    "kind": DeclineKind,
    "next_poll": lambda milliseconds: milliseconds * _MILLISECOND,
}
"""How the fields of answers that are no JSON values are read, by name."""


def _rich(name: str, value: Any) -> object:  # Any: parsed JSON
    read = _RICH.get(name)
    return value if read is None or value is None else read(value)
