"""Turns a good input into a hostile one that still looks like it: types, depth, size, repeats.

JSON is taken apart into tokens, because no Python value can hold a name twice, `1e999999` or `NaN`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from tests.hostile_input.canary import CANARY
from tests.hostile_input.target import SEPARATOR


@dataclass
class Token:
    """A number or another word, as it is written."""

    text: str


@dataclass
class Pairs:
    """An object, with its names in order and perhaps twice."""

    found: list[tuple[str, "Tree"]]


Tree = Token | Pairs | list["Tree"] | str | bool | None

DEEP = 1200
"""Levels of nesting: past what Python's recursion allows."""

NUMBERS = (
    *("0", "-0", "-1", "0.005", "1e2", "1E-2", "15.0", "9007199254740993", "1e308", "1e309"),
    *("1e999999", "1e-999999", "1e999999999999999999", "-1e99999999", "1e9999999999999999999"),
    *("NaN", "Infinity", "-Infinity", "0x10", "1_000", "+1", ".5", "\u0663", "9" * 40, "9" * 5000),
    "0." + "0" * 120 + "1",
)

TEXTS = (
    *('""', '" "', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u202egnp"', '"\\u001b[2J"'),
    *(
        '"1500"',
        '"\u0661\u0665\u0660\u0660"',
        '"true"',
        '"NaN"',
        '"\\r\\nX-Injected: 1"',
        '"../../etc/passwd"',
    ),
    *('"https://user:word@host/"', '"javascript:alert(1)"', '"http://[::1"', '"${jndi:ldap://x}"'),
    '"' + "x" * 201 + '"',
    '"' + "\U0001f4b6" * 300 + '"',
    f'"{CANARY}"',
    f'"whsec_{CANARY}"',
)

OTHERS = (
    *("null", "true", "false", "[]", "{}", "[null]", '{"":""}', '{"a":1,"a":2}', '{"a":{"a":{}}}'),
    "[" * DEEP + "]" * DEEP,
    '{"a":' * DEEP + "1" + "}" * DEEP,
    "[" * DEEP,
)

BYTES = (
    *(
        b"\x00",
        b"\r\n",
        b"\n\n",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xef\xbb\xbf",
        b"\x1b[2J",
    ),
    *(b" ", b",", b";", b":", b"=", b'"', b"'", b"\\", b"{", b"[", b"]", b"}", b"%0d%0a", b"%00"),
    *("\u0661\u0662".encode(), "\u2028".encode(), "\u00a0".encode(), "\u01c5".encode(), b"\x1e"),
    *(b"1e999999999999", b"-1", b"99999999999", b"0", b"nan", b"inf", b"0x" + b"f" * 5000),
    *(b"gzip", b"v1,", b"whsec_", CANARY.encode(), b"Mon, 02 Jan 2006 22:04:05 GMT"),
)


def warped(data: bytes, random: Random) -> bytes:
    """Change one field of an input, by its structure where it is JSON."""
    parts = data.split(SEPARATOR)
    # The last field is the body, and the longest.
    place = len(parts) - 1 if random.random() < 0.6 else random.randrange(len(parts))
    parts[place] = _warped_field(parts[place], random)
    return SEPARATOR.join(parts)


def _warped_field(part: bytes, random: Random) -> bytes:
    tree = _tree(part)
    if isinstance(tree, Pairs | list) and random.random() < 0.9:
        holders = list(_holders(tree))
        random.choice(_CHANGES)(random.choice(holders), random)
        return _written(tree).encode("utf-8", "surrogatepass")
    return random.choice(_EDITS)(part, random)


def _tree(part: bytes) -> Tree:
    """Read tokens; what is no JSON, or too deep to be changed, is nothing to us."""
    try:
        read: Tree = json.loads(
            part.decode(),
            parse_int=Token,
            parse_float=Token,
            parse_constant=Token,
            object_pairs_hook=Pairs,
        )
        _written(read)  # what cannot be written again cannot be changed
    except (ValueError, RecursionError):
        return None
    return read


def _written(tree: Tree) -> str:
    match tree:
        case Token(text):
            return text
        case Pairs(found):
            return "{" + ",".join(f"{json.dumps(n)}:{_written(v)}" for n, v in found) + "}"
        case list():
            return "[" + ",".join(map(_written, tree)) + "]"
        case _:
            return json.dumps(tree)


def _holders(tree: Tree) -> Iterator[Pairs | list[Tree]]:
    """Give every object and list, the outermost first."""
    if isinstance(tree, Pairs):
        yield tree
        for _, value in tree.found:
            yield from _holders(value)
    elif isinstance(tree, list):
        yield tree
        for value in tree:
            yield from _holders(value)


def _token(random: Random) -> Token:
    return Token(random.choice(random.choice((NUMBERS, TEXTS, OTHERS))))


def _replace(holder: Pairs | list[Tree], random: Random) -> None:
    if isinstance(holder, list):
        place = random.randint(0, len(holder))
        holder[place : place + 1] = [_token(random)]
    elif holder.found:
        place = random.randrange(len(holder.found))
        holder.found[place] = (holder.found[place][0], _token(random))


def _remove(holder: Pairs | list[Tree], random: Random) -> None:
    found: list[object] = holder if isinstance(holder, list) else holder.found  # type: ignore[assignment]  # only removed from
    if found:
        del found[random.randrange(len(found))]


def _repeat(holder: Pairs | list[Tree], random: Random) -> None:
    """Let a name stand twice, or a list become long."""
    if isinstance(holder, list):
        holder *= random.choice((2, 50))
    elif holder.found:
        name, value = random.choice(holder.found)
        holder.found.append((name, random.choice((value, _token(random)))))


def _rename(holder: Pairs | list[Tree], random: Random) -> None:
    if isinstance(holder, Pairs) and holder.found:
        place = random.randrange(len(holder.found))
        name, value = holder.found[place]
        names = (name.upper(), f" {name}", "", "\ud800", "\x00", f"{name}\u200b", "x" * 300, CANARY)
        holder.found[place] = (random.choice(names), value)


def _wrap(holder: Pairs | list[Tree], random: Random) -> None:
    """Put a value some levels deeper."""
    if isinstance(holder, Pairs) and holder.found:
        place = random.randrange(len(holder.found))
        name, value = holder.found[place]
        for _ in range(random.choice((1, 2, 30))):
            value = [value]
        holder.found[place] = (name, value)


_CHANGES: tuple[Callable[[Pairs | list[Tree], Random], None], ...] = (
    *(_replace, _replace, _replace, _remove, _repeat, _rename, _wrap),
)


def _insert(part: bytes, random: Random) -> bytes:
    place = random.randint(0, len(part))
    return part[:place] + random.choice(BYTES) + part[place:]


def _overwrite(part: bytes, random: Random) -> bytes:
    first, last = _span(part, random)
    return part[:first] + random.choice(BYTES) + part[last:]


def _cut(part: bytes, random: Random) -> bytes:
    first, last = _span(part, random)
    return part[:first] + part[last:]


def _double(part: bytes, random: Random) -> bytes:
    first, last = _span(part, random)
    return part[:last] + part[first:last] * random.choice((1, 3, 100)) + part[last:]


def _span(part: bytes, random: Random) -> tuple[int, int]:
    first = random.randint(0, len(part))
    return first, min(len(part), first + random.choice((1, 4, 20, 100)))


_EDITS: tuple[Callable[[bytes, Random], bytes], ...] = (_insert, _overwrite, _cut, _double)
