"""A listing of numbered rows, newest first, read page by page and shown as a table or as JSON."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

import click

from external_gate.cli.showing import as_json, painted, table
from external_gate.engine.workflow_view import View


class Numbered(Protocol):
    """A row with the number under which it is kept."""

    @property
    def number(self) -> int:
        """Give the number; a later row has a higher one."""
        ...


_Row = TypeVar("_Row", bound=Numbered)


async def read_pages(
    read: Callable[[int, int | None], Awaitable[Sequence[_Row]]],
    *,
    page: int,
    limit: int,
    before: int | None,
) -> list[_Row]:
    """Give up to `limit` rows below the number `before`; `read` takes a size and a number."""
    rows: list[_Row] = []
    while len(rows) < limit:
        size = min(limit - len(rows), page)
        found = await read(size, rows[-1].number if rows else before)
        rows += found
        if len(found) < size:
            break
    return rows


@dataclass(frozen=True, slots=True)
class Columns(Generic[_Row]):
    """How rows of one kind are shown."""

    kind: str
    """What a row is: `notification`."""
    header: Sequence[str]
    cells: Callable[[_Row, datetime], Sequence[str]]
    """Gives a row's cells at an instant."""
    stands_out: Callable[[_Row], bool]
    """Whether somebody should look at the row: it is painted."""
    view: Callable[[_Row], View]
    """Gives a row for programs."""


def show(rows: Sequence[_Row], columns: Columns[_Row], *, limit: int, json_wanted: bool) -> None:
    """Print rows, and on standard error how to get at older ones."""
    if json_wanted:
        click.echo(as_json([columns.view(row) for row in rows]))
        return
    if not rows:
        click.echo(f"there is no such {columns.kind}", err=True)
        return
    now = datetime.now(UTC)
    header, *lines = table(columns.header, [columns.cells(row, now) for row in rows])
    click.echo(header)
    for row, line in zip(rows, lines, strict=True):
        click.echo(painted(line, "yellow") if columns.stands_out(row) else line)
    if len(rows) == limit:
        click.echo(f"older ones: add --before {rows[-1].number}", err=True)
