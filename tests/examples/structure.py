"""The part of JSON Schema that our OpenAPI document uses; any other keyword is an error here."""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]  # a JSON object, whatever it holds

SAYS_NOTHING = {"description", "default", "discriminator", "format", "summary", "example"}
ABOUT_ONE_TYPE = {"minimum", "maximum", "minLength", "maxLength", "pattern"}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
}


def resolve(document: Json, node: Json) -> Json:
    """Follow a `$ref` inside the document."""
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def faults(document: Json, schema: Json, value: object, at: str = "it") -> Iterator[str]:
    """Name everything in `value` that the schema does not allow."""
    found = resolve(document, schema)
    for keyword, wanted in found.items():
        if keyword in {"required", "properties", "additionalProperties"}:
            if isinstance(value, dict):
                yield from _in_object(document, found, keyword, value, at)
        elif keyword == "items":
            for place, item in enumerate(value if isinstance(value, list) else []):
                yield from faults(document, wanted, item, f"{at}[{place}]")
        elif keyword in {"allOf", "oneOf"}:
            broken = [list(faults(document, part, value, at)) for part in wanted]
            if any(broken) if keyword == "allOf" else broken.count([]) != 1:
                yield f"{at} breaks {keyword}: {broken}"
        elif not _keeps(keyword, wanted, value):
            yield f"{at} breaks {keyword} {wanted}"


def _in_object(document: Json, schema: Json, keyword: str, value: Json, at: str) -> Iterator[str]:
    known = schema.get("properties", {})
    match keyword:
        case "required":
            missing = (name for name in schema["required"] if name not in value)
            yield from (f"{at}.{name} is missing" for name in missing)
        case "properties":
            for name in known.keys() & value.keys():
                yield from faults(document, known[name], value[name], f"{at}.{name}")
        case _:
            for name in value.keys() - known.keys():
                yield from faults(document, schema[keyword], value[name], f"{at}.{name}")


def _keeps(keyword: str, wanted: Any, value: object) -> bool:
    """Tell whether one value keeps one rule; a rule for another type says nothing."""
    match keyword, value:
        case "type", _:
            return isinstance(value, TYPES[wanted]) and not isinstance(value, bool)
        case "const", _:
            return bool(value == wanted)
        case "enum", _:
            return value in wanted
        case (("minimum" | "maximum"), int() | float()):
            return bool(value >= wanted if keyword == "minimum" else value <= wanted)
        case (("minLength" | "maxLength"), str()):
            return bool(len(value) >= wanted if keyword == "minLength" else len(value) <= wanted)
        case "pattern", str():
            return re.search(wanted, value) is not None
        case _:
            assert keyword in SAYS_NOTHING | ABOUT_ONE_TYPE, f"{keyword} is checked by nobody"
            return True
