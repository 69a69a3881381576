"""The settings as people may see them: every key, its value without secrets, where it came from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from pydantic import SecretStr

from external_gate.domain.money import Money
from external_gate.settings.faulty import MASK
from external_gate.settings.keys import Knob, Shape, values_of
from external_gate.settings.loading import Loaded

Shown = str | int | float | bool | list["Shown"] | dict[str, "Shown"]
"""What can be written as JSON and as TOML."""

# Up to the last @: a password may hold one, and a little too much hidden is no harm.
_USER = re.compile(r"(?<=://).*(?=@)")
_QUERY = re.compile(r"[?#].*")


@dataclass(frozen=True, slots=True)
class Row:
    """One key as it may be shown."""

    key: str
    value: Shown
    source: str


def rows(loaded: Loaded) -> list[Row]:
    """Give every key with its value and source; secrets are masked, wherever they stand."""
    return [
        Row(knob.key, shown(knob, value), loaded.sources[knob.key])
        for knob, value in values_of(loaded.settings)
    ]


def shown(knob: Knob, value: object) -> Shown:
    """Give a value as it may be shown; a secret that is empty is shown as empty."""
    if knob.is_secret:
        return _masked(knob, value)
    if isinstance(value, str) and (knob.carries_password or "://" in value):
        return without_credentials(value)
    return _plain(value)


def without_credentials(url: str) -> str:
    """Give an address without user, password and query."""
    return _QUERY.sub(f"?{MASK}", _USER.sub(MASK, url))


def _masked(knob: Knob, value: object) -> Shown:
    bare = value.get_secret_value() if isinstance(value, SecretStr) else value
    if knob.shape is Shape.LIST:
        return [MASK] if bare else []
    return MASK if bare not in ("", None) else ""


def _plain(value: object) -> Shown:
    match value:
        case bool() | int():
            return value
        case timedelta():
            return _plain(value.total_seconds())
        case float():
            return int(value) if value.is_integer() else value
        case Money():
            return _plain(value.decimal())
        case Decimal():
            return f"{value:f}"
        case tuple() | list():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case _:
            return "" if value is None else str(value)
