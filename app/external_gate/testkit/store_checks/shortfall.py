"""How a check says what it saw and what was wanted; unlike `assert` it outlives `python -O`."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

Value = TypeVar("Value")
Error = TypeVar("Error", bound=BaseException)

LONGEST = 300
"""Characters of a value in a sentence; a whole dossier would hide the rest."""


class Shortfall(Exception):
    """What a store did falls short of a demand."""


def same(seen: object, wanted: object) -> None:
    """See that a value is the one wanted; of two records the field that differs is told."""
    if seen != wanted:
        where, seen, wanted = _difference(seen, wanted)
        raise Shortfall(f"it gave {where}{shown(seen)}; wanted was {shown(wanted)}")


def must(holds: object, otherwise: str) -> None:
    """See that something holds; `otherwise` tells what is wrong if not."""
    if not holds:
        raise Shortfall(otherwise)


def nothing(seen: object) -> None:
    """See that a value is empty, None or false."""
    if seen:
        raise Shortfall(f"it gave {shown(seen)}; wanted was nothing")


def some(seen: object) -> None:
    """See that a value is there at all."""
    if not seen:
        raise Shortfall(f"it gave {shown(seen)}; wanted was something")


def given(seen: Value | None) -> Value:
    """Give what is known; it must not be None."""
    if seen is None:
        raise Shortfall("it gave None for what was written before")
    return seen


def only(seen: Sequence[Value]) -> Value:
    """Give the one there is; there must be exactly one."""
    return exactly(1, seen)[0]


def exactly(number: int, seen: Sequence[Value]) -> Sequence[Value]:
    """Give a sequence that must be so long."""
    if len(seen) != number:
        raise Shortfall(f"it gave {len(seen)} of them: {shown(seen)}; wanted were {number}")
    return seen


class refused(Generic[Error]):  # noqa: N801 - reads as a word: with refused(LeaseLost)
    """Sees that the block raises an error of this class, whose sentence names what is wrong."""

    def __init__(self, error: type[Error], naming: str = "") -> None:
        self._wanted = error
        self._naming = naming
        self._raised: Error | None = None

    @property
    def error(self) -> Error:
        """Give what was raised, after the block."""
        return given(self._raised)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        name = self._wanted.__name__
        if error is None:
            raise Shortfall(f"nothing was raised; wanted was {name}")
        if not isinstance(error, self._wanted):
            if not isinstance(error, Exception):
                return False
            told = f"{type(error).__name__}: {shown(str(error))}"
            raise Shortfall(f"{told} was raised; wanted was {name}") from error
        if self._naming not in str(error):
            told = shown(str(error))
            raise Shortfall(f"{name} was raised, but {told} does not name {self._naming!r}")
        self._raised = error
        return True


def _difference(seen: object, wanted: object, where: str = "") -> tuple[str, object, object]:
    """Go down to the first field or place in which two values differ."""
    for name, one, other in _parts(seen, wanted):
        if one != other:
            return _difference(one, other, f"{where}{name} ")
    return where, seen, wanted


def _parts(seen: object, wanted: object) -> Iterator[tuple[str, object, object]]:
    if is_dataclass(wanted) and type(seen) is type(wanted):
        for field in fields(wanted):
            yield field.name, getattr(seen, field.name), getattr(wanted, field.name)
    elif isinstance(wanted, list | tuple) and type(seen) is type(wanted):
        if len(seen) != len(wanted):
            return
        for number, (one, other) in enumerate(zip(seen, wanted, strict=True)):
            yield f"[{number}]", one, other


def shown(value: object) -> str:
    """Write a value, cut off when it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
