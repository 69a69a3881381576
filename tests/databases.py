"""The two databases on which every test runs that touches a store and does not say why not.

A schema is migrated once and emptied between tests: that takes milliseconds, making one a tenth of
a second.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import psycopg
import pytest

from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import address_of
from external_gate.stores.postgres_schema import migrate
from external_gate.stores.schema import shipped
from external_gate.stores.sql_store import SqlStore
from external_gate.stores.sqlite import SqliteStore
from tests.reused_connections import Reused
from tests.throwaway_postgres import Cluster

DATABASES = ("sqlite", "postgres")
PATIENCE = timedelta(seconds=5)


def only_sqlite(why: str, *, fixture: str = "database") -> pytest.MarkDecorator:
    """Run a test that would run on both on a file alone. `why` is for whoever reads it."""
    assert why
    return pytest.mark.parametrize(fixture, ["sqlite"], indirect=True)


Row = tuple[Any, ...]
"""As a driver gives it, whatever was asked for."""


class Database(Protocol):
    """One empty database of a test's own."""

    @property
    def name(self) -> str:
        """Give `sqlite` or `postgres`."""

    @property
    def table(self) -> str:
        """Give what stands in `[store]` of a configuration."""

    def store(self, *, patience: timedelta = PATIENCE) -> SqlStore:
        """Give a store that is not open yet, as another process would have it.

        `patience` is for somebody else's lock.
        """

    def by_hand(self, statement: str) -> list[Row]:
        """Run a statement as somebody who knows nothing of the store; give its rows."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep the database locked against every writer."""


@dataclass(frozen=True)
class SqliteFile:
    """A file that does not exist yet."""

    path: Path
    name: str = "sqlite"

    @property
    def table(self) -> str:
        return f'url = "sqlite:///{self.path}"'

    def store(self, *, patience: timedelta = PATIENCE) -> SqlStore:
        return SqliteStore(self.path, busy_timeout=patience)

    def by_hand(self, statement: str) -> list[Row]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")


@dataclass
class PostgresSchema:
    """A schema that is up to date and empty."""

    url: str
    address: Reused
    name: str = "postgres"
    is_spoilt: bool = False
    """Whether somebody may have changed more than rows."""

    @property
    def table(self) -> str:
        return f'url = "{self.url}"\nnamespace = "{self.address.namespace}"'

    def store(self, *, patience: timedelta = PATIENCE) -> SqlStore:
        return PostgresStore(replace(self.address, lock_timeout=patience))

    def by_hand(self, statement: str) -> list[Row]:
        self.is_spoilt = True
        with closing(self.connect()) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(self.connect()) as connection, connection.transaction():
            tables = ", ".join(_names(connection, "r"))
            connection.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE".encode())
            yield

    def connect(self) -> psycopg.Connection[Row]:
        """Connect beside the store."""
        connection = self.address.connect()
        connection.execute(
            f"SET search_path TO {self.address.namespace}; SET lock_timeout = '5s'".encode()
        )
        return connection

    def empty(self) -> None:
        """Forget every row, which triggers forbid to everybody else; numbers begin anew."""
        with closing(self.connect()) as connection:
            numbers, tables = _names(connection, "S"), _names(connection, "r")
            orders = [
                # No trigger is asked, and no cache of any connection is thrown away.
                "SET session_replication_role = replica",
                *(f"DELETE FROM {table}" for table in tables),  # noqa: S608 - the catalogue's words
                *(f"SELECT setval('{number}', 1, false)" for number in numbers),
            ]
            connection.execute("; ".join(orders).encode())


@dataclass
class Schemas:
    """Schemas of one server that are lent to one test after another."""

    cluster: Cluster
    free: list[PostgresSchema] = field(default_factory=list)

    @contextmanager
    def lent(self) -> Iterator[PostgresSchema]:
        """Give an empty schema."""
        try:
            schema = self.free.pop()
        except IndexError:
            schema = self._made()
        yield schema
        if schema.is_spoilt:
            self._drop(schema)
        else:
            schema.empty()
            self.free.append(schema)

    def drop(self) -> None:
        """Drop them all."""
        while self.free:
            self._drop(self.free.pop())

    def _made(self) -> PostgresSchema:
        address = reused(self.cluster.url, f"gate_{uuid4().hex[:12]}")
        migrate(address, shipped("postgres"))
        return PostgresSchema(self.cluster.url, address)

    def _drop(self, schema: PostgresSchema) -> None:
        with closing(schema.connect()) as connection:
            connection.execute(f"DROP SCHEMA {schema.address.namespace} CASCADE".encode())
        schema.address.forget()


def reused(url: str, namespace: str) -> Reused:
    """Give the address of a schema whose connections are used again."""
    plain = address_of(url, namespace=namespace)
    return Reused(plain.parameters, plain.namespace, plain.lock_timeout)


def _names(connection: psycopg.Connection[Row], kind: str) -> list[str]:
    """Give the names of what a schema has of a kind; the record of migrations stays as it is."""
    asked = """
        SELECT relname FROM pg_catalog.pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = %s
        AND relname <> 'migrations' ORDER BY 1
    """
    return [name for (name,) in connection.execute(asked, (kind,))]
