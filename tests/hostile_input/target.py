"""What a target is: a function from bytes that runs the product's own reading and judges its end.

hypothesis calls it in every run of the tests, atheris in `make fuzz`: the same function, so that an
input found by one is replayed by the other.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

Judge = Callable[[bytes], None]
"""Runs one input; whatever it raises is a broken contract."""

Stage = Callable[[], AbstractContextManager[Judge]]
"""Sets up what a judge needs (a store, a server) and gives the judge."""

SEPARATOR = b"\x1e"
"""Stands between the fields of an input: status, headers, body. ASCII's own record separator."""


@dataclass(frozen=True)
class Target:
    """One way in for bytes from outside."""

    name: str
    stage: Stage
    seeds: Sequence[bytes]
    """Inputs to begin with; all of them keep the contract."""
    bodies: Callable[[bytes], bytes] | None = None
    """Puts a body of JSON into an input, to try bodies that grow; None where there is no body."""
    growing: Mapping[str, Callable[[int], bytes]] = field(default_factory=dict)
    """Other inputs that grow, by name: about as many bytes as asked for."""
    memory_factor: int = 150
    """Most bytes of memory per byte of input; the 3 bytes of an object `{},` cost 200 in Python."""
    largest: int = 262_144
    """Bytes of the largest input that must end: the default limit of a body."""
    examples: int = 60
    """How many inputs every run of the tests tries."""
    longest: int = 4096
    """Bytes of the longest input in `make fuzz`."""


def without_stage(judge: Judge) -> Stage:
    """Give the stage of a judge that needs none."""
    return lambda: nullcontext(judge)


def fields(data: bytes, number: int) -> list[bytes]:
    """Take an input apart; the last field takes the rest, those that are missing are empty."""
    found = data.split(SEPARATOR, number - 1)
    return found + [b""] * (number - len(found))


def joined(*parts: bytes) -> bytes:
    """Put an input together."""
    return SEPARATOR.join(parts)


def header_lines(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Read `name: value` lines as any server would hand them on: names in lower case."""
    lines = [line.partition(b":") for line in raw.split(b"\n") if line]
    return [(name.strip().lower(), value.strip(b" \t\r")) for name, _, value in lines]


def header_mapping(raw: bytes) -> dict[str, str]:
    """Give headers as the product gets them from a caller: Latin-1, repeated ones joined."""
    found: dict[str, str] = {}
    for name, value in header_lines(raw):
        decoded = name.decode("latin-1")
        earlier = f"{found[decoded]}, " if decoded in found else ""
        found[decoded] = earlier + value.decode("latin-1")
    return found


def status_of(raw: bytes) -> int:
    """Read a status; 200 for what is no number of at most three digits."""
    return int(raw) if raw.isdigit() and len(raw) <= 3 else 200
