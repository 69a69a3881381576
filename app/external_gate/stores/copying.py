"""Moving a history from SQLite to PostgreSQL: resumable at every instant, compared row by row.

Whoever is killed here is started again with the same arguments, and goes on after the last row that
arrived. Leases and fences are carried as they are: a charge that was on the wire is found as such.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from external_gate.domain.errors import BadInput, Broken, Refused
from external_gate.stores.copied_tables import (
    TABLES,
    Compared,
    Key,
    Line,
    Table,
    compare,
    key_of,
)
from external_gate.stores.copy_marks import TAKE_BACK, CopyMark, Stage
from external_gate.stores.copy_source import CopySource, opened_source
from external_gate.stores.copy_target import CopyTarget, opened_target
from external_gate.stores.postgres_address import PostgresAddress

ROWS = 5000
"""In one transaction: a second of work, and what a kill undoes."""

BYTES = 16 * 1024 * 1024
"""In one transaction, when its rows are large."""

PAGE = 500
"""Rows read from the target at once, of at most a request's body each."""

PATIENCE = timedelta(seconds=5)
"""For another process's lock on the file, which lasts milliseconds."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step is."""

    doing: str
    table: str
    done: int
    total: int


Tell = Callable[[Progress], None]


def _tell_nobody(progress: Progress) -> None: ...


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy came to."""

    source: str
    target: str
    copy_id: int
    tables: tuple[Compared, ...]
    """What was compared; empty when an earlier run had finished already."""
    brought: int = 0
    """Rows that this run brought; the others were there."""
    is_handed_over: bool = True
    """Whether the target may be served."""


def move(
    path: Path,
    address: PostgresAddress,
    *,
    rows: int = ROWS,
    tell: Tell = _tell_nobody,
    patience: timedelta = PATIENCE,
) -> Copied:
    """Copy everything, compare it, and hand over: the file is not served any more.

    Repeatable: goes on where an earlier run of the same copy ended. Raises `Refused` when the
    target is in use, when the file was moved elsewhere, or when the two differ; `BadInput`,
    `Broken` and `Unavailable` as `opened_source` and `opened_target`.
    """
    with opened_source(path, patience=patience) as source, opened_target(address) as target:
        mark, is_there = _agree(source, target)
        if is_there:
            return Copied(source.shown, target.shown, mark.copy_id, ())
        run = _Run(source, target, tell)
        brought = sum(run.bring(table, rows) for table in TABLES)
        compared = tuple(run.compare(table) for table in TABLES)
        target.refuse_if_served()
        source.leave(mark)
        tell(Progress("handing over", "the marks", 1, 1))
        arriving = CopyMark(Stage.ARRIVING, mark.copy_id, source.shown)
        target.arrive(arriving, marks_of_time=source.marks_of_time(), numbers=source.numbers())
        return Copied(source.shown, target.shown, mark.copy_id, compared, brought)


def verify(
    path: Path,
    address: PostgresAddress,
    *,
    tell: Tell = _tell_nobody,
    patience: timedelta = PATIENCE,
) -> Copied:
    """Compare a file and the schema that it was moved to; no row is changed.

    Raises `Refused` at the first difference, also when the target has been served since.
    """
    with opened_source(path, patience=patience) as source:
        mine = source.mark
        if mine is None:
            raise Refused(f"{source.shown} was not copied yet: copy first")
        with opened_target(address) as target:
            theirs = target.mark()
            if theirs is None or theirs.copy_id != mine.copy_id:
                raise Refused(f"{target.shown} is no copy of {source.shown}: it is {mine.other}")
            run = _Run(source, target, tell)
            compared = tuple(run.compare(table) for table in TABLES)
            if theirs.stage is Stage.ARRIVED and source.marks_of_time() != target.marks_of_time():
                raise Refused(f"the marks of time differ: {target.shown} has been in service")
        handed_over = theirs.stage is Stage.ARRIVED
        return Copied(
            source.shown, target.shown, mine.copy_id, compared, is_handed_over=handed_over
        )


def _agree(source: CopySource, target: CopyTarget) -> tuple[CopyMark, bool]:
    """Begin a copy or find the one that is under way; tells whether it is finished already."""
    mine, theirs = source.mark, target.mark()
    if mine is not None and theirs is not None and mine.copy_id == theirs.copy_id:
        if theirs.stage is Stage.ARRIVED and mine.stage is not Stage.LEFT:
            source.leave(mine)  # the file is an older copy of itself, from amid the move
        return mine, theirs.stage is Stage.ARRIVED
    if mine is not None and mine.stage is Stage.LEFT:
        raise Refused(
            f"{source.shown} was moved to {mine.other} already, which is not {target.shown}: "
            f"work there, or first run {TAKE_BACK}"
        )
    if theirs is not None and theirs.stage is Stage.ARRIVING:
        raise Refused(
            f"{target.shown} has a part of another copy (of {theirs.other}): finish that one, or "
            "drop the schema"
        )
    target.refuse_if_used()
    # A fresh number for every target, so that no two of them can ever be finished.
    copy_id = secrets.randbits(62)
    mark = CopyMark(Stage.LEAVING, copy_id, target.shown)
    source.begin_to_leave(mark)
    target.begin_to_arrive(CopyMark(Stage.ARRIVING, copy_id, source.shown))
    return mark, False


class _Run:
    """The work on tables."""

    def __init__(self, source: CopySource, target: CopyTarget, tell: Tell) -> None:
        self._source = source
        self._target = target
        self._tell = tell
        self._columns = {table.name: self._agreed_columns(table) for table in TABLES}
        self._totals = {table.name: source.count(table) for table in TABLES}

    def bring(self, table: Table, rows: int) -> int:
        """Copy what is lacking; gives how many rows that was."""
        columns, total = self._columns[table.name], self._totals[table.name]
        done, brought = self._target.count(table), 0
        after = self._target.last_key(table)
        while lines := self._batch(table, columns, after, rows):
            with _naming(table, key_of(table, columns, lines[0])):
                self._target.append(table, columns, lines)
            after, brought = key_of(table, columns, lines[-1]), brought + len(lines)
            self._tell(Progress("copied", table.name, done + brought, total))
        return brought

    def compare(self, table: Table) -> Compared:
        """Compare all rows. Raises `Refused` at the first that differs."""
        columns, total = self._columns[table.name], self._totals[table.name]
        ours = self._source.page(table, columns, after=None, limit=total + 1)
        try:
            found = compare(table, columns, ours, self._all_of_target(table, columns, total))
        except Refused as difference:
            raise Refused(
                f"{difference}: somebody wrote to {self._target.shown}, or it has been in service; "
                "before it was, drop its schema and copy again"
            ) from difference
        return found

    def _batch(
        self, table: Table, columns: Sequence[str], after: Key | None, rows: int
    ) -> list[Line]:
        lines, size = [], 0
        for line in self._source.page(table, columns, after=after, limit=rows):
            lines.append(line)
            size += sum(len(value) for value in line if isinstance(value, str | bytes))
            if size > BYTES:
                break
        return lines

    def _all_of_target(self, table: Table, columns: Sequence[str], total: int) -> Iterator[Line]:
        done, after = 0, None
        while lines := self._target.page(table, columns, after=after, limit=PAGE):
            yield from lines
            done, after = done + len(lines), key_of(table, columns, lines[-1])
            self._tell(Progress("compared", table.name, done, total))

    def _agreed_columns(self, table: Table) -> tuple[str, ...]:
        ours, theirs = self._source.columns(table), self._target.columns(table)
        if set(ours) != set(theirs):
            raise Broken(
                f"table {table.name} has other columns in {self._target.shown}: it was made by "
                "another version; copy with that one"
            )
        return ours


@contextmanager
def _naming(table: Table, key: Key) -> Iterator[None]:
    try:
        yield
    except BadInput as error:
        raise BadInput(f"table {table.name}, in the rows from {key!r} on: {error}") from error
