"""A long history in minutes: one workflow that was really finished, copied with other ids.

Ids ascend through the whole range of their kind, so that every tree grows at its end; the service's
own ids then fall anywhere into it, as they would in a history that had grown by itself.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from bench.load.notifications import CUSTOMERS
from bench.servers.books import TABLES, Books, on_file, opened_books

CHUNK = 20_000
SECOND_MS = 1_000
"""Between two finished workflows."""

A_TIME_MS = 1_500_000_000_000
"""Greater integers are instants."""

INCIDENTS = 10
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def copy_finished(store_url: str, count: int, *, tell: Callable[[str], None]) -> None:
    """Make `count` more finished workflows of the one in this database, and some old incidents."""
    with opened_books(store_url, trusting=True) as books:
        statements = _Copying(books, count, on_file=on_file(store_url)).statements()
        for first in range(1, count + 1, CHUNK):
            last = min(count, first + CHUNK - 1)
            books.execute("BEGIN")
            for statement in statements:
                books.execute(statement.format(first=first, last=last))
            books.execute("COMMIT")
            if last % (25 * CHUNK) == 0:
                tell(f"{last:,} of {count:,} finished workflows")
        books.execute(
            "INSERT INTO incidents (workflow_id, kind, at, detail) "  # noqa: S608 - ours
            f"SELECT workflow_id, 'conflicting_notification', received_at, 'bench' FROM workflows "
            f"WHERE state = 'released' ORDER BY received_at LIMIT {INCIDENTS}"
        )
        if not on_file(store_url):
            books.execute("VACUUM (ANALYZE)")  # as autovacuum would have done long ago


TREES = (("notifications", "notification_id"), ("workflows", "workflow_id"))
"""In which an acknowledgement looks its ids up."""


def read_trees(store_url: str) -> None:
    """Read every page of these trees, so that the system has them in memory, as far as it can."""
    with opened_books(store_url) as books:
        if not on_file(store_url):
            books.execute("SET enable_seqscan = off")  # or it would read the table instead
        for table, column in TREES:
            books.execute(f"SELECT count({column}) FROM {table} WHERE {column} > ''").fetchone()  # noqa: S608 - ours


class _Copying:
    """Writes one statement per row of the template."""

    def __init__(self, books: Books, count: int, *, on_file: bool) -> None:
        self._books = books
        self._count = count
        self._on_file = on_file
        (self._workflow,) = books.execute(
            "SELECT workflow_id FROM workflows WHERE state = 'released' LIMIT 1"
        ).fetchone()
        rows = {table: self._rows(table) for table in TABLES}
        values = [value for table in rows.values() for row in table for value in row[1]]
        texts = [_text(value) for value in values if _is_text(value)]
        uuids = dict.fromkeys(found for text in texts for found in _UUID.findall(text))
        keys = [dict(zip(*row, strict=True))["attempt_key"] for row in rows["attempts"]]
        shared = dict(zip(*rows["workflows"][0], strict=True))
        self._shared = {shared["customer_id"], shared["contract_id"]}
        self._ids = [*uuids, *keys]
        self._template = rows

    def statements(self) -> list[str]:
        """Give statements with `{first}` and `{last}` for the numbers of a chunk."""
        return [
            self._statement(table, columns, values)
            for table, rows in self._template.items()
            for columns, values in rows
        ]

    def _rows(self, table: str) -> list[tuple[Sequence[str], Sequence[Any]]]:
        named = f"workflow_id = '{self._workflow}'"
        if table == "history":
            named = f"workflow = (SELECT number FROM workflows WHERE {named})"  # noqa: S608 - ours
        found = self._books.execute(f"SELECT * FROM {table} WHERE {named}")  # noqa: S608 - ours
        names = [column[0] for column in found.description]
        # Tables with an order of their own give their rows their numbers.
        skipped = {"number"} if table != "attempts" else set()
        kept = [name for name in names if name not in skipped]
        return [
            (kept, [value for name, value in zip(names, row, strict=True) if name not in skipped])
            for row in found.fetchall()
        ]

    def _statement(self, table: str, columns: Sequence[str], values: Sequence[Any]) -> str:
        made = ", ".join(
            f"(SELECT number FROM workflows WHERE workflow_id = {self._made(self._workflow)})"  # noqa: S608 - ours
            if name == "workflow"
            else self._made(value)
            for name, value in zip(columns, values, strict=True)
        )
        ids = ", ".join(f"{self._id(which)} AS id{which}" for which in range(len(self._ids)))
        series = (
            "(WITH RECURSIVE series(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM series "
            "WHERE i < {last}) SELECT i FROM series) AS series"
            if self._on_file
            else "generate_series({first}::bigint, {last}::bigint) AS series(i)"
        )
        # LIMIT keeps SQLite from writing every id out again wherever it is used.
        limit = "LIMIT -1" if self._on_file else ""
        return (
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {made} "  # noqa: S608 - ours
            f"FROM (SELECT i, {ids} FROM {series} {limit}) AS numbered"
        )

    def _made(self, value: object) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, int):
            back = f" - ({self._count} - i) * {SECOND_MS}" if value > A_TIME_MS else ""
            return f"{value}{back}"
        if not _is_text(value):  # a digest
            told = bytes(value).hex()  # type: ignore[call-overload]  # bytes, or a view of them
            return f"x'{told}'" if self._on_file else f"decode('{told}', 'hex')"
        text = "'" + _text(value).replace("'", "''") + "'"
        text = text.replace("{", "{{").replace("}", "}}")
        for which, known in enumerate(self._ids):
            if known in _text(value):
                text = f"replace({text}, '{known}', id{which})"
        if isinstance(value, str):
            return text
        return f"CAST({text} AS BLOB)" if self._on_file else f"convert_to({text}, 'UTF8')"

    def _id(self, which: int) -> str:
        """Write an id: the first digits by the number, the others by number and kind."""
        known = self._ids[which]
        number = f"(i % {CUSTOMERS})" if known in self._shared else "i"
        of = CUSTOMERS if known in self._shared else self._count
        first = f"({number} * 4294967291 / {of})"
        if "-" not in known:
            return f"{self._hex(first, 8)} || {self._hex(number, 12)}"
        kind = f"{which:04x}-4{which:03x}-a{which:03x}"
        return f"{self._hex(first, 8)} || '-{kind}-' || {self._hex(number, 12)}"

    def _hex(self, number: str, digits: int) -> str:
        if self._on_file:
            return f"printf('%0{digits}x', {number})"
        return f"lpad(to_hex(({number})::bigint), {digits}, '0')"


def _is_text(value: object) -> bool:
    try:
        _text(value)
    except UnicodeDecodeError:
        return False
    return True


def _text(value: object) -> str:
    return bytes(value).decode() if isinstance(value, bytes | memoryview) else str(value)
