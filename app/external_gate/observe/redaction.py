"""Masks secrets in whatever is about to be logged. It runs last, for every record of everybody.

What leaves here is plain: text, numbers, lists and dictionaries, bounded in depth, size and length.
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import UUID

from structlog.typing import EventDict, WrappedLogger

from external_gate.domain.money import Money
from external_gate.observe.secret_names import ID_NAMES, is_secret_name
from external_gate.observe.secret_shapes import (
    MASK,
    is_card_number,
    without_numbers,
    without_tokens,
)

SHORTEST_SECRET = 6
"""Characters of a configured secret that is masked wherever it stands: shorter ones are words."""

DEEPEST = 12
"""Levels of nesting; a traceback of a group inside a group has ten."""

MOST_PARTS = 2_000
"""Values in one record: forty tracebacks of fifty lines do not fit, one does."""

LONGEST_TEXT = 4_000
"""Characters of one value."""

LONGEST_INTEGER_BITS = 128
"""Python refuses to write an integer of more than 4300 digits; none of ours comes near."""

LONGEST_REMEMBERED = 24
MOST_REMEMBERED = 4_096

CUT = "…"

_TEXTUAL = (str, Decimal, Money, UUID, PurePath, timedelta, date, time)
"""Types whose `str` can be read and judged; `datetime` is a `date`."""


class Redactor:
    """A structlog processor, and the same masking for single values. Safe in every thread."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Mask each of the `secrets` of at least six characters wherever it appears."""
        spellings = {
            spelling
            for secret in secrets
            if len(secret) >= SHORTEST_SECRET
            for spelling in _spellings(secret)
        }
        # The longest first, or a secret that contains another would leave its rest readable.
        self._secrets = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
        self._margin = max([200, *map(len, self._secrets)])
        self._harmless: set[str] = set()

    def __call__(self, _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        """Give the record as it may be written."""
        return _Walk(self).mapping(event, DEEPEST)

    def value(self, value: object) -> object:
        """Give a value as it may be written."""
        return _Walk(self).plain("", value, DEEPEST)

    def text(self, text: str, *, is_id: bool = False) -> str:
        """Give a text as it may be written; an id may look like a card number or a signature."""
        if text in self._harmless:
            return text
        if len(text) > LONGEST_TEXT:
            return self._cut(text)
        masked = self._masked(text, is_id=is_id)
        if len(text) <= LONGEST_REMEMBERED and masked == text and not is_id:
            self._remember(text)
        return masked

    def _cut(self, text: str) -> str:
        # A secret across the cut must be seen whole: some more is looked at than is kept.
        masked = self._masked(text[: LONGEST_TEXT + self._margin], is_id=False)
        # What is masked has made it shorter, and the end may hold half a secret.
        return masked[: max(0, min(LONGEST_TEXT, len(masked) - self._margin))] + CUT

    def _masked(self, text: str, *, is_id: bool) -> str:
        if len(text) < SHORTEST_SECRET:
            return text
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        text = without_tokens(text)
        return text if is_id else without_numbers(text)

    def _remember(self, text: str) -> None:
        """Keep what was found harmless: names, states and events come again in every record."""
        if len(self._harmless) >= MOST_REMEMBERED:
            self._harmless.clear()
        self._harmless.add(text)


class _Walk:
    """One pass over one record, counting what it has seen."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._left = MOST_PARTS

    def mapping(self, values: Mapping[Any, object], depth: int) -> dict[str, Any]:
        # Any: whatever people use as keys, and what structlog says of its records.
        plain: dict[str, Any] = {}
        for key, value in values.items():
            if self._left <= 0:
                plain[CUT] = CUT
                break
            # An integer is a key of JSON's too; of everything else only the kind is told.
            name = self._redactor.text(str(key)) if isinstance(key, str | int) else _kind(key)
            plain[name] = MASK if _is_hidden(key, value) else self.plain(name, value, depth - 1)
        return plain

    def plain(self, name: str, value: object, depth: int) -> object:
        self._left -= 1
        if type(value) is str:  # nearly everything is: it need not be compared with every kind
            return self._redactor.text(value, is_id=name in ID_NAMES)
        return self._by_kind(name, value, depth)

    def _by_kind(self, name: str, value: object, depth: int) -> object:
        match value:
            case Enum():
                return self.plain(name, value.value, depth)
            case (str() as key, hidden) if isinstance(value, tuple) and _is_hidden(key, hidden):
                return [key, MASK]  # one of a list of headers
            case Mapping():
                return self.mapping(value, depth) if depth > 0 else CUT
            case list() | tuple() | set() | frozenset():
                return self._items(name, value, depth) if depth > 0 else CUT
            case None | bool() | int() | float():
                return self._number(name, value)
            case BaseException():
                return self._redactor.text(f"{type(value).__name__}: {value}")
            case _ if isinstance(value, _TEXTUAL):
                return self._redactor.text(str(value), is_id=name in ID_NAMES)
            case _:
                # A body, or something of which nobody knows what its `repr` would tell.
                return _kind(value)

    def _number(self, name: str, value: object) -> object:
        match value:
            case float() if not math.isfinite(value):
                return str(value)  # JSON has no word for it
            case int() if value.bit_length() > LONGEST_INTEGER_BITS:
                return _kind(value)
            case int() if name not in ID_NAMES and is_card_number(str(value)):
                return MASK
            case _:
                return value

    def _items(self, name: str, values: Collection[object], depth: int) -> list[object]:
        plain: list[object] = []
        for value in values:
            if self._left <= 0:
                plain.append(CUT)
                break
            plain.append(self.plain(name, value, depth - 1))
        return plain


def _is_hidden(name: object, value: object) -> bool:
    if not (isinstance(name, str) and is_secret_name(name)):
        return False
    return not (value is None or value == "" or isinstance(value, bool))


def _kind(value: object) -> str:
    return f"<{type(value).__name__}>"


def _spellings(secret: str) -> set[str]:
    """Give a secret as text, addresses, JSON and Python write it."""
    return {
        secret,
        secret.removeprefix("whsec_") if len(secret) >= len("whsec_") + SHORTEST_SECRET else secret,
        # Bytes of the environment that are no UTF-8 come as halves of surrogate pairs.
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }
