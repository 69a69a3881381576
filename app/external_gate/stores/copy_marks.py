"""Marks of a database that moves to another one: who may be served from it, and who may not.

At no instant can both be served. The source says `leaving` before its first row is copied, the
target `arriving` before it has one; the source says `left` before the target says `arrived`.

A mark is a row of `meta`: the stage and the other database in its name, the copy's number in its
value. Both sides of one copy have the same number.
"""

from dataclasses import dataclass
from enum import StrEnum

from external_gate.domain.errors import Broken
from external_gate.stores.sql_transaction import Transaction

TAKE_BACK = "external-gate db copy --take-back"


class Stage(StrEnum):
    """How far a database is in its move."""

    LEAVING = "leaving"  # a source; nobody can be served from the other one yet
    LEFT = "left"  # a source; somebody may be served from the other one
    ARRIVING = "arriving"  # a target with a part of the rows
    ARRIVED = "arrived"  # a target with all of them: a database like any other


@dataclass(frozen=True, slots=True)
class CopyMark:
    """What one database says about its move."""

    stage: Stage
    copy_id: int
    other: str
    """The database at the other end, as people know it; without what is secret."""


_OURS = "substr(name, 1, 5) = 'copy '"

_READ = f"SELECT name, value FROM meta WHERE {_OURS}"  # noqa: S608 - a constant of ours

_REMOVE = f"DELETE FROM meta WHERE {_OURS}"  # noqa: S608 - as above

_ADD = "INSERT INTO meta (name, value) VALUES (?, ?)"

MARKS_OF_TIME = f"SELECT name, value FROM meta WHERE NOT {_OURS} ORDER BY name"  # noqa: S608
"""Everything else in `meta`: what is carried over."""


def read_mark(transaction: Transaction) -> CopyMark | None:
    """Give a database's mark; None while it was never part of a copy."""
    row = transaction.execute(_READ).fetchone()
    if row is None:
        return None
    _, stage, other = row[0].split(" ", 2)
    return CopyMark(Stage(stage), row[1], other)


def write_mark(transaction: Transaction, mark: CopyMark) -> None:
    """Replace a database's mark."""
    remove_mark(transaction)
    transaction.execute(_ADD, (f"copy {mark.stage} {mark.other}", mark.copy_id))


def remove_mark(transaction: Transaction) -> None:
    """Forget that a database was part of a copy."""
    transaction.execute(_REMOVE)


def refuse_unservable(transaction: Transaction, shown: str) -> None:
    """Let nobody work on a database that moved away, or that has arrived in part only.

    Raises `Broken` with the way out.
    """
    mark = read_mark(transaction)
    match mark and mark.stage:
        case Stage.LEAVING:
            raise Broken(
                f"{shown} is being moved to {_other(mark)}: finish with the same external-gate "
                f"db copy, or give it up with {TAKE_BACK}"
            )
        case Stage.LEFT:
            raise Broken(
                f"{shown} was moved to {_other(mark)}: name that database in store.url "
                f"(to work on this one again, and lose what happened there: {TAKE_BACK})"
            )
        case Stage.ARRIVING:
            raise Broken(
                f"{shown} has only a part of {_other(mark)}: finish with the same external-gate "
                "db copy, or drop the schema"
            )


def _other(mark: CopyMark | None) -> str:
    return mark.other if mark else ""
