"""Copies of frozen records with some fields changed: what a step does twenty times over."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

Record = TypeVar("Record")


def changed(record: Record, **changes: Any) -> Record:  # Any: each field has its own type
    """Give what `dataclasses.replace` gives, for a third of its time.

    For frozen, slotted dataclasses of two fields or more that take every field and add no checks
    of their own. Raises `TypeError` for a field that there is not, as `replace` does.
    """
    kind: type = type(record)
    setters, values = _ways(kind)
    if not changes.keys() <= setters.keys():
        raise TypeError(f"{kind.__name__} has no field {set(changes) - set(setters)}")
    copy: Record = object.__new__(type(record))
    for set_field, value in zip(setters.values(), values(record), strict=True):
        set_field(copy, value)
    for name, value in changes.items():
        setters[name](copy, value)
    return copy


@cache
def _ways(kind: type) -> tuple[Mapping[str, Callable[..., None]], Callable[..., tuple[Any, ...]]]:
    if hasattr(kind, "__post_init__"):
        raise TypeError(f"{kind.__name__} checks itself: use dataclasses.replace")
    names = [field.name for field in fields(kind)]
    return {name: getattr(kind, name).__set__ for name in names}, attrgetter(*names)
