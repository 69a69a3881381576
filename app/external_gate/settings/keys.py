"""The model as one flat list of keys, with what reading, showing and explaining need of each."""

import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from external_gate.domain.limits import Cap
from external_gate.domain.money import Money
from external_gate.settings.faulty import dotted
from external_gate.settings.model import (
    DEFAULT_GATEWAY_TIMEOUT_SECONDS,
    ForwardEndpoint,
    GatewaySettings,
    NoticeEndpoint,
    Operator,
    Settings,
)
from external_gate.settings.values import CarriesPassword

ENVIRONMENT_PREFIX = "EXTERNAL_GATE_"

Path = tuple[str, ...]
"""A key in parts: `("gateways", "main", "url")`."""

NAMED_TABLES = frozenset({"gateways", "operators", "notices", "forward"})
"""Sections that hold tables under names of the person's choice."""

_HOLDERS = frozenset({("operators", "people"), ("notices", "endpoints"), ("forward", "endpoints")})
"""Where the model keeps such tables: nobody writes these keys."""


class Shape(Enum):
    """How a value is written."""

    ONE = "one value"
    LIST = "list"
    TABLE = "table"
    FREE = "whatever the adapter wants"


@dataclass(frozen=True, slots=True)
class Knob:
    """One key of the configuration."""

    path: Path
    shape: Shape
    is_secret: bool
    """It is never shown, and may come from a file."""
    carries_password: bool
    """It may come from a file, and is shown without its password."""
    default: object
    description: str
    has_currencies: bool = False
    """It is a table whose keys are currencies, in capitals."""

    @property
    def key(self) -> str:
        """Give the dotted key."""
        return dotted(self.path)

    @property
    def environment_name(self) -> str:
        """Give the name under which the environment sets it."""
        return ENVIRONMENT_PREFIX + "__".join(self.path).upper()

    @property
    def may_come_from_file(self) -> bool:
        """Tell whether `…_FILE` and `…_file` exist for it."""
        return self.is_secret or self.carries_password


@cache
def fixed_knobs() -> tuple[Knob, ...]:
    """Give every key whose path is known beforehand, in the order of the model."""
    return tuple(
        _knob((section, name), field)
        for section, model in _sections()
        for name, field in model.model_fields.items()
        if (section, name) not in _HOLDERS
    )


def sections() -> list[str]:
    """Give the names of the top-level tables, in the order of the model."""
    return list(Settings.model_fields)


def knob_at(path: Path) -> Knob | None:
    """Give the knob that stands at a path; None when there is none."""
    for knob in fixed_knobs():
        if knob.path == path:
            return knob
        if knob.shape is Shape.TABLE and knob.path == path[:-1]:
            return _item_knob(knob, path[-1])
    match path:
        case ("gateways", name, key):
            return _gateway_knob(name, key)
        case ("operators", name, key) if key in Operator.model_fields:
            return _operator_knob(name, key)
        case ("notices", name, key) if key in NoticeEndpoint.model_fields:
            return _endpoint_knob(name, key)
        case ("forward", name, key) if key in ForwardEndpoint.model_fields:
            return _forward_knob(name, key)
        case _:
            return None


def is_table(path: Path) -> bool:
    """Tell whether a path is one of a table of ours: a section, a gateway, an operator …"""
    match path:
        case (section,):
            return section in Settings.model_fields
        case (section, name):
            return section in NAMED_TABLES and knob_at((section, name)) is None
        case _:
            return False


def known_keys(path: Path) -> list[str]:
    """Give the dotted keys that might have been meant by a path that is unknown."""
    keys = [knob.key for knob in fixed_knobs()]
    if len(path) == 1:
        return [*sections(), *keys]
    if path[0] == "operators":
        keys += [dotted((*path[:2], name)) for name in Operator.model_fields]
    if path[0] == "notices" and len(path) > 2:
        keys += [dotted((*path[:2], name)) for name in NoticeEndpoint.model_fields]
    if path[0] == "forward" and len(path) > 2:
        keys += [dotted((*path[:2], name)) for name in ForwardEndpoint.model_fields]
    return keys


def values_of(settings: Settings) -> Iterator[tuple[Knob, object]]:
    """Give every knob with its value: the items of a table one by one, or the table while empty."""
    for knob in fixed_knobs():
        yield from _items(knob, getattr(getattr(settings, knob.path[0]), knob.path[1]))
    for name, gateway in settings.gateways.items():
        given = {"timeout_seconds": DEFAULT_GATEWAY_TIMEOUT_SECONDS, **gateway.settings}
        for key, value in {"adapter": gateway.adapter, **given}.items():
            yield _gateway_knob(name, key), value
    for name, operator in settings.operators.people.items():
        for key in Operator.model_fields:
            yield _operator_knob(name, key), getattr(operator, key)
    for name, endpoint in settings.notices.endpoints.items():
        for key in NoticeEndpoint.model_fields:
            yield _endpoint_knob(name, key), getattr(endpoint, key)
    for name, receiver in settings.forward.endpoints.items():
        for key in ForwardEndpoint.model_fields:
            yield _forward_knob(name, key), getattr(receiver, key)


def _items(knob: Knob, value: object) -> Iterator[tuple[Knob, object]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield _item_knob(knob, key), item
    else:
        yield knob, value


def _item_knob(table: Knob, key: str) -> Knob:
    return replace(table, path=(*table.path, key), shape=Shape.ONE, has_currencies=False)


def _operator_knob(name: str, key: str) -> Knob:
    return _knob(("operators", name, key), Operator.model_fields[key])


def _endpoint_knob(name: str, key: str) -> Knob:
    return _knob(("notices", name, key), NoticeEndpoint.model_fields[key])


def _forward_knob(name: str, key: str) -> Knob:
    return _knob(("forward", name, key), ForwardEndpoint.model_fields[key])


def _sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def _knob(path: Path, field: FieldInfo) -> Knob:
    shapes: dict[object, Shape] = {tuple: Shape.LIST, Mapping: Shape.TABLE}
    return Knob(
        path=path,
        shape=shapes.get(typing.get_origin(field.annotation), Shape.ONE),
        is_secret=_mentions_secret(field.annotation),
        carries_password=any(isinstance(mark, CarriesPassword) for mark in field.metadata),
        default=field.get_default(call_default_factory=True, validated_data={}),
        description=" ".join((field.description or "").split()),
        has_currencies=typing.get_args(field.annotation) in {(str, Money), (str, Cap)},
    )


def _mentions_secret(annotation: object) -> bool:
    if typing.get_origin(annotation) is typing.Annotated:
        return _mentions_secret(typing.get_args(annotation)[0])
    return annotation is SecretStr or any(
        _mentions_secret(argument) for argument in typing.get_args(annotation)
    )


def _gateway_knob(name: str, key: str) -> Knob:
    """Make the knob of a gateway's key; most are known only to the adapter, and may be secret."""
    path = ("gateways", name, key)
    if key == "adapter":
        return _knob(path, GatewaySettings.model_fields["adapter"])
    return Knob(
        path=path,
        shape=Shape.LIST if key.endswith(_PLURALS) else Shape.FREE,
        is_secret=not (key in _SHOWN or key.endswith(_SHOWN_ENDINGS)),
        carries_password=key.endswith("url"),
        default=DEFAULT_GATEWAY_TIMEOUT_SECONDS if key == "timeout_seconds" else None,
        description=_TIMEOUT if key == "timeout_seconds" else "A key of the adapter.",
    )


_TIMEOUT = "How long one call to the gateway may take; below lease_seconds and drain_seconds."

# We cannot know which keys of a plugin are secret. One masked too many is a nuisance, one too few
# a leak: so only these are shown.
_SHOWN = frozenset({"url", "books", "mode", "environment", "region", "country", "currency"})
_SHOWN_ENDINGS = ("_url", "_seconds", "_minutes", "_hours", "_days", "_host", "_port", "_version")

# A file behind such a key holds a list, one entry a line.
_PLURALS = ("secrets", "tokens", "keys")
