"""What a copy is made of: every table, page by page in the order of its key, the same on each side.

Keys are compared byte by byte on both databases, so their rows come in one order.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from external_gate.domain.errors import Refused
from external_gate.stores.rows import Value
from external_gate.stores.sql_transaction import Transaction

Key = tuple[Value, ...]
Line = tuple[Value, ...]
"""One row, its values in the order of the columns."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table."""

    name: str
    key: tuple[str, ...]
    is_numbered: bool = False
    """Whether the database gives its rows their numbers."""


TABLES = (
    Table("workflows", ("workflow_id",), is_numbered=True),
    Table("notifications", ("number",), is_numbered=True),
    Table("inbox", ("number",), is_numbered=True),
    Table("attempts", ("workflow_id", "number")),
    Table("evidence", ("number",), is_numbered=True),
    Table("releases", ("workflow_id", "verdict", "generation")),
    Table("history", ("number",), is_numbered=True),
    Table("incidents", ("number",), is_numbered=True),
    Table("payers", ("customer_id",)),
    Table("gateway_notices", ("number",), is_numbered=True),
    Table("gate_reports", ("notification",)),
    Table("host_notices", ("number",), is_numbered=True),
    Table("notice_deliveries", ("notice", "endpoint")),
    Table("aftermaths", ("workflow_id",)),
    Table("payer_changes", ("customer_id",)),
)
"""Whatever is referred to comes before what refers to it. `meta` comes last and by itself."""


def columns_of(transaction: Transaction, table: Table) -> tuple[str, ...]:
    """Name a table's columns."""
    found = transaction.execute(f"SELECT * FROM {table.name} LIMIT 0")  # noqa: S608 - ours
    return tuple(column[0] for column in found.description or ())


def count_of(transaction: Transaction, table: Table) -> int:
    """Count a table's rows."""
    (count,) = transaction.execute(f"SELECT count(*) FROM {table.name}").fetchone()  # noqa: S608
    return int(count)


def last_key_of(transaction: Transaction, table: Table) -> Key | None:
    """Give the highest key; None when the table is empty."""
    backwards = ", ".join(f"{name} DESC" for name in table.key)
    key = ", ".join(table.key)
    sql = f"SELECT {key} FROM {table.name} ORDER BY {backwards} LIMIT 1"  # noqa: S608 - ours
    row = transaction.execute(sql).fetchone()
    return None if row is None else tuple(row)


def page_of(
    transaction: Transaction,
    table: Table,
    columns: Sequence[str],
    *,
    after: Key | None,
    limit: int,
) -> Iterator[Line]:
    """Give the rows that follow a key, one by one as far as the driver allows."""
    key = ", ".join(table.key)
    beyond = f"WHERE ({key}) > ({', '.join('?' * len(table.key))})" if after else ""
    names = ", ".join(f'"{name}"' for name in columns)
    sql = f"SELECT {names} FROM {table.name} {beyond} ORDER BY {key} LIMIT ?"  # noqa: S608 - ours
    for row in transaction.execute(sql, (*(after or ()), limit)):
        yield tuple(row)


def key_of(table: Table, columns: Sequence[str], line: Line) -> Key:
    """Give the key of a row."""
    return tuple(line[columns.index(name)] for name in table.key)


@dataclass(frozen=True, slots=True)
class Compared:
    """A table that is the same on both sides."""

    name: str
    rows: int
    sha256: str
    """Of every value of every row, in the order of the key."""


def compare(
    table: Table, columns: Sequence[str], source: Iterable[Line], target: Iterable[Line]
) -> Compared:
    """Read both sides to their ends; raises `Refused` at the first row that differs."""
    digest, rows = hashlib.sha256(), 0
    for ours, theirs in zip_longest(source, target):
        # Written out, so that a number is never equal to something else.
        written = repr(ours)
        if written != repr(theirs):
            raise Refused(f"table {table.name}: {_difference(table, columns, ours, theirs)}")
        digest.update(written.encode())
        rows += 1
    return Compared(table.name, rows, digest.hexdigest())


def _difference(
    table: Table, columns: Sequence[str], ours: Line | None, theirs: Line | None
) -> str:
    row = f"row {key_of(table, columns, ours or theirs or ())!r}"
    if ours is None or theirs is None:
        return f"{row} is missing in the {'source' if ours is None else 'target'}"
    unlike = [name for name, a, b in zip(columns, ours, theirs, strict=True) if a != b]
    return f"{row} differs in {', '.join(unlike)}"
