"""Where the database of one run is: a file in its folder, or a schema of PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg

from tests.databases import PostgresSchema, Row, Schemas
from tests.stories.players import Json


class Place(Protocol):
    """A database that is looked into while others write to it."""

    @property
    def table(self) -> str:
        """Give what stands in `[store]` of the service's configuration."""

    def ask(self, sql: str) -> list[Json]:
        """Give rows by their columns' names; none while the database is not there."""


@dataclass(frozen=True)
class FilePlace:
    """The usual one."""

    folder: Path

    @property
    def table(self) -> str:
        return f'url = "sqlite:///{self.folder}/gate.db"'

    def ask(self, sql: str) -> list[Json]:
        # Read-only, so that this look never tidies up the log that the next start shall recover.
        address = f"file:{self.folder}/gate.db?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True)) as connection:
                cursor = connection.execute(sql)
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor]
        except sqlite3.OperationalError:
            return []  # not there yet, or just being recovered


@dataclass(frozen=True)
class SchemaPlace:
    """One that the service finds up to date and empty."""

    schema: PostgresSchema
    looking: psycopg.Connection[Row]

    @property
    def table(self) -> str:
        return self.schema.table

    def ask(self, sql: str) -> list[Json]:
        cursor = self.looking.execute(sql.encode())
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


@contextmanager
def place_in(folder: Path, schemas: Schemas | None) -> Iterator[Place]:
    """Give the place of a run."""
    if schemas is None:
        yield FilePlace(folder)
        return
    with schemas.lent() as schema, closing(schema.connect()) as looking:
        yield SchemaPlace(schema, looking)
