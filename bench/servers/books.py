"""A service's database from outside, on either store: a connection for statements, and its size."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

TABLES = ("workflows", "notifications", "attempts", "evidence", "releases", "history")
"""Of a finished workflow; whatever is referred to comes before what refers to it."""

SQLITE = "sqlite:///"
SCHEMA = "external_gate"


class Books(Protocol):
    """What both drivers have in common, for constant statements; each commits by itself."""

    def execute(self, statement: str, /) -> Any:  # either driver's cursor
        """Run a statement."""
        ...


@contextmanager
def opened_books(store_url: str, *, trusting: bool = False) -> Iterator[Books]:
    """Give a connection. `trusting` switches off triggers, references and flushing, to fill it."""
    if on_file(store_url):
        path = Path(store_url.removeprefix(SQLITE))
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
            if trusting:
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute("PRAGMA cache_size = -262144")
            yield connection
            if trusting:
                connection.execute("PRAGMA journal_mode = WAL")
        return
    with psycopg.connect(store_url, autocommit=True) as session:
        session.execute(f"SET search_path TO {SCHEMA}".encode())
        if trusting:
            session.execute(b"SET session_replication_role = replica")
            session.execute(b"SET synchronous_commit = off")
        yield _Session(session)


def on_file(store_url: str) -> bool:
    """Tell whether the address is one of SQLite."""
    return store_url.startswith(SQLITE)


def size_bytes(store_url: str) -> int:
    """Give the size of the database without its log, which is as large whatever the history."""
    with opened_books(store_url) as books:
        if on_file(store_url):
            (pages,) = books.execute("PRAGMA page_count").fetchone()
            (each,) = books.execute("PRAGMA page_size").fetchone()
            return int(pages) * int(each)
        books.execute("CHECKPOINT")
        (size,) = books.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(size)


_TABLES_OF_FILE = """
SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name) GROUP BY tbl_name
"""
_TABLES_OF_SERVER = f"""
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = '{SCHEMA}'::regnamespace
"""  # noqa: S608 - a constant of ours


def size_by_table(store_url: str) -> dict[str, int]:
    """Give each table's bytes with its indexes, the largest first; nothing where SQLite cannot."""
    with opened_books(store_url) as books:
        try:
            rows = books.execute(
                _TABLES_OF_FILE if on_file(store_url) else _TABLES_OF_SERVER
            ).fetchall()
        except sqlite3.OperationalError:  # dbstat is not in every build
            return {}
    return {name: int(size) for name, size in sorted(rows, key=lambda row: -row[1])}


class _Session:
    """PostgreSQL's connection with statements as text."""

    def __init__(self, session: psycopg.Connection[Any]) -> None:  # rows of any shape
        self._session = session

    def execute(self, statement: str, /) -> Any:  # as in `Books`
        return self._session.execute(statement.encode())


_KEPT_AS_IT_IS = """
SELECT (SELECT sum(length(body)) FROM notifications), (SELECT sum(length(body)) FROM attempts),
    (SELECT count(*) FROM history), (SELECT count(*) FROM workflows)
"""


@dataclass(frozen=True, slots=True)
class KeptAsItIs:
    """What no layout of tables makes smaller, per workflow."""

    notification_bytes: float
    request_bytes: float
    lines_of_history: float
    text_bytes: float
    """Of all values that are text or bytes, once each: no numbers, keys, rows, pages or indexes."""


def kept_as_it_is(store_url: str) -> KeptAsItIs:
    """Measure the bytes that came and went and must be kept so, and count what is told."""
    with opened_books(store_url) as books:
        *found, workflows = books.execute(_KEPT_AS_IT_IS).fetchone()
        texts = sum(_text_bytes(books, table) for table in TABLES)
    return KeptAsItIs(*(float(each) / workflows for each in (*found, texts)))


def _text_bytes(books: Books, table: str) -> int:
    rows = books.execute(f"SELECT * FROM {table}")  # noqa: S608 - ours
    values = (value for row in rows for value in row)
    return sum(
        len(value.encode() if isinstance(value, str) else value)
        for value in values
        if isinstance(value, str | bytes | memoryview)
    )
