"""One open transaction, asked in the SQL that SQLite and PostgreSQL both understand.

Named parameters are written `:name`, counted ones `?`. What stands in a comment `/*pg: … */` is for
PostgreSQL alone: the row locks that SQLite does not need, because it has one writer at a time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from external_gate.stores.rows import Row, Value

Parameters = Sequence[Value] | Mapping[str, Value]


class Rows(Protocol):
    """What a statement gave. Any: a database driver does not know our types."""

    @property
    def rowcount(self) -> int:
        """How many rows it wrote."""
        ...

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """The columns, each with its name first."""
        ...

    def fetchone(self) -> Any:
        """Give the next row; None when there is none."""
        ...

    def fetchall(self) -> list[Any]:
        """Give all rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Give the rows one by one."""
        ...


class Transaction(Protocol):
    """A connection inside a transaction that somebody else begins and ends."""

    def execute(self, sql: str, parameters: Parameters = ..., /) -> Rows:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> Rows:
        """Run one statement for every set of parameters."""
        ...


@runtime_checkable
class Pipelined(Protocol):
    """A transaction that asks for many rows in one round trip to its server."""

    def first_of_each(self, sql: str, parameters: Sequence[Parameters], /) -> list[Any]:
        """Run one statement for every set; give the first row of each, None where there is none."""
        ...


@runtime_checkable
class Copying(Protocol):
    """A transaction that takes many rows as one stream."""

    def copy_in(self, table: str, columns: Sequence[str], lines: Iterable[Sequence[Value]]) -> None:
        """Add rows, all or none."""
        ...


def first_of_each(
    transaction: Transaction, sql: str, parameters: Sequence[Parameters]
) -> list[Any]:
    """Run one statement for every set; give the first row of each, None where there is none."""
    if isinstance(transaction, Pipelined):
        return transaction.first_of_each(sql, parameters)
    # All rows are fetched, or the statement would stay open.
    found = [transaction.execute(sql, one).fetchall() for one in parameters]
    return [rows[0] if rows else None for rows in found]


def append(
    transaction: Transaction, table: str, columns: Sequence[str], lines: Sequence[Sequence[Value]]
) -> None:
    """Add rows to a table, of which nothing is asked back."""
    if isinstance(transaction, Copying):
        transaction.copy_in(table, columns, lines)
        return
    places = ", ".join("?" * len(columns))
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - ours
    transaction.executemany(sql, lines)


def select(transaction: Transaction, sql: str, parameters: Parameters = ()) -> list[Row]:
    """Ask for rows by column name."""
    cursor = transaction.execute(sql, parameters)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def select_one(transaction: Transaction, sql: str, parameters: Parameters = ()) -> Row | None:
    """Ask for the first row; None when there is none."""
    rows = select(transaction, sql, parameters)
    return rows[0] if rows else None
