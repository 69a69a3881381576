"""What secrets look like inside text: tokens, signatures, credentials, card numbers.

Masking a harmless word is cheap, writing down a secret is not: shapes err on the side of masking.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

MASK = "********"

_Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A pattern, tried only where one of its triggers stands in the text in lower case."""

    triggers: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: _Replacement = MASK


# Longest suffix and gap are bounded so that no text costs more than its length.
_NAME = (
    r"(?:(?:token|secret|passw(?:or)?d|passphrase|api[_-]?key|signature|credential"
    r"|(?:private|access|signing|encryption)[_-]?key|card[_-]?number)"
    r"|(?<![A-Za-z])(?:pan|pwd|cv[vcn]2?)(?![A-Za-z]))[\w-]{0,40}"
)
_LINE_NAME = r"(?:authorization|cookie)"
"""What these headers hold has spaces in it: everything up to the end of the line is masked."""

_EQUALS = r"(?:\\?[\"']?\s{0,5}(?:[=:]|%3d)\s{0,5}|[\"']\s{0,5},\s{0,5}(?=b?[\"']))"
"""`name=value`, `"name": "value"`, and `("name", "value")` of a list of headers."""

_QUOTED = r"b?(?:\\?\"(?:\\[^\"]|[^\"\\])*\\?\"?|'(?:\\.|[^'\\])*'?)"

_SHAPES = (
    _Shape(
        ("-----begin",),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL),
    ),
    # pydantic writes what it was given even where that is a secret.
    _Shape(
        ("input_value=",),
        re.compile(r"(?<=input_value=).*?(?=, input_type=|\Z)", re.DOTALL),
    ),
    _Shape(
        ("authorization", "cookie"),
        re.compile(rf"({_LINE_NAME}{_EQUALS})(?:{_QUOTED}|[^\r\n]+)", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    _Shape(
        # Every name of _NAME has one of these in it.
        (
            *("token", "secret", "passw", "passphrase", "pwd", "key", "signature", "credential"),
            *("card", "pan", "cvv", "cvc", "cvn"),
        ),
        re.compile(rf"({_NAME}{_EQUALS})(?:{_QUOTED}|[^\s\"'&]+)", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    _Shape(
        ("bearer", "basic"),
        re.compile(r"\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    _Shape(("://",), re.compile(r"(?<=://)[^/\s\"'<>]+(?=@)")),  # user and password of an address
    _Shape(("ey",), re.compile(r"(?<![\w-])ey[JIK][\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?")),  # JWT
    _Shape(
        # Stripe and those who write keys like it; Mollie and GoCardless (live_, test_).
        ("sk_", "rk_", "pk_", "sk-", "live_", "test_", "sandbox_", "sbox_"),
        re.compile(
            r"\b(?:\w*[rsp]k_(?:live|test|sbox)_\w+|sk_\w{16,}|sk-[\w-]{16,}"
            r"|(?:live|test|sandbox)_(?=\w*[0-9])[A-Za-z0-9-]{20,})"
        ),
    ),
    _Shape(("whsec",), re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+")),  # Standard Webhooks, Stripe
    _Shape(("_secret_",), re.compile(r"\b\w+_secret_\w+")),  # a payment's client secret
    _Shape(("access_token$",), re.compile(r"access_token\$\S+")),  # Braintree
    _Shape(("aqe",), re.compile(r"\bAQE[A-Za-z0-9+/=.:^-]{20,}[^\s\"',]*")),  # Adyen
    _Shape(("sq0", "eaaa"), re.compile(r"\b(?:sq0[a-z]{3}-[\w-]{20,}|EAAA[\w-]{40,})")),  # Square
    _Shape(("v1,", "v1a,"), re.compile(r"\bv1a?,[A-Za-z0-9+/_-]{20,}={0,2}")),  # Standard Webhooks
)

_ANY_TRIGGER = re.compile("|".join(re.escape(t) for shape in _SHAPES for t in shape.triggers))

_UUID = re.compile(
    r"((?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f]))"
)

_LONG_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{40,}(?![0-9A-Za-z])")
"""SHA-1, SHA-256 and SHA-512 in hex: a signature or the digest of a token; ids are shorter."""

_DIGITS = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){12,}(?![0-9A-Za-z])")
_GROUP = re.compile(r"[0-9]+")

_ANY_NUMBER = re.compile(r"[0-9](?:[ -]?[0-9]){12}|[0-9A-Fa-f]{40}")
"""Whether it is worth while to look closely."""

CARD_LENGTHS = range(13, 20)
"""Digits of a card number, ISO/IEC 7812."""

_CARD_BEGINS = "23456"
"""First digits of every card scheme; milliseconds since 1970 begin with 1."""


def without_tokens(text: str) -> str:
    """Mask tokens, signatures with a prefix, credentials and `secret=…` in a text."""
    lowered = text.lower()
    if not _ANY_TRIGGER.search(lowered):
        return text
    for shape in _SHAPES:
        if any(trigger in lowered for trigger in shape.triggers):
            text = shape.pattern.sub(shape.replacement, text)
    return text


def without_numbers(text: str) -> str:
    """Mask card numbers, with spaces and dashes too, and long hex; UUIDs stay."""
    if not _ANY_NUMBER.search(text):
        return text
    parts = _UUID.split(text)
    # Every second part is a UUID: only what stands between them can be anything else.
    parts[::2] = [_DIGITS.sub(_without_cards, _LONG_HEX.sub(MASK, part)) for part in parts[::2]]
    return "".join(parts)


def is_card_number(digits: str) -> bool:
    """Tell whether digits can be a card number: length, first digit and Luhn's sum."""
    if len(digits) not in CARD_LENGTHS or digits[0] not in _CARD_BEGINS:
        return False
    numbers = [int(digit) for digit in reversed(digits)]
    doubled = sum(sum(divmod(2 * number, 10)) for number in numbers[1::2])
    return (sum(numbers[::2]) + doubled) % 10 == 0


def _without_cards(run: re.Match[str]) -> str:
    """Mask every card number in a run of digit groups: an expiry may stand right behind one.

    Where several readings overlap, all of them are masked.
    """
    text = run[0]
    groups = [match.span() for match in _GROUP.finditer(text)]
    kept, position = "", 0
    for first, last in _merged(_cards_in(text, groups)):
        kept += text[position : groups[first][0]] + MASK
        position = groups[last][1]
    return kept + text[position:]


def _cards_in(text: str, groups: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Give the first and last group of everything that can be a card number."""
    for first in range(len(groups)):
        digits = ""
        for last in range(first, len(groups)):
            digits += text[slice(*groups[last])]
            if len(digits) >= CARD_LENGTHS.stop:
                break
            if is_card_number(digits):
                yield first, last


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that overlap; they come in the order of their beginnings."""
    merged: list[tuple[int, int]] = []
    for first, last in ranges:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
