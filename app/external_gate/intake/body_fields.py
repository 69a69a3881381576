"""The fields of a body that somebody else wrote: kept when they can be, else a flaw in words."""

from collections.abc import Mapping

LONGEST_TEXT = 200
"""Characters. Ids are UUIDs of 36; more than this is no id, and would not fit an index."""


def properties_of(sent: Mapping[str, object]) -> Mapping[str, object]:
    """Give the properties of a notification; none when they are missing or no object."""
    properties = sent.get("properties")
    return properties if isinstance(properties, dict) else {}


def required_text(fields: Mapping[str, object], name: str, flaws: list[str]) -> str:
    """Give a required string; empty, and a flaw, when there is none to keep."""
    text = kept_text(fields.get(name))
    if text is None:
        flaws.append(f"{name} is missing or no printable text of 1 to {LONGEST_TEXT} characters")
    return text or ""


def optional_text(fields: Mapping[str, object], name: str, flaws: list[str]) -> str:
    """Give a string that may be missing; a flaw only when it is there and cannot be kept."""
    return "" if fields.get(name) in (None, "") else required_text(fields, name, flaws)


def kept_text(value: object) -> str | None:
    """Give a string that a database can store, an index find again and a terminal show, or None.

    Not printable are NUL, other control characters, and halves of surrogate pairs.
    """
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        return None
    return value if value.isprintable() and value.strip() else None


def clipped_text(value: object) -> str:
    """Give as much of a text for people as is kept; empty when there is none."""
    if not isinstance(value, str):
        return ""
    return "".join(letter for letter in value if letter.isprintable())[:LONGEST_TEXT].strip()
