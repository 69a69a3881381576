"""Migrations of PostgreSQL: each once, under an advisory lock, in one transaction with its record.

Replicas of two versions run side by side during a rolling deploy, so every migration must leave the
version before it able to work: columns and tables are added first, and removed a version later.
"""

import contextlib
import random
import time
from collections.abc import Sequence

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from external_gate.domain.errors import Broken
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.postgres_faults import translate
from external_gate.stores.rows import Row
from external_gate.stores.schema import Migration, missing

Connection = psycopg.Connection[TupleRow]

AHEAD = 1
"""How many migrations newer than the code a database may be: one step of a rolling deploy."""

_RECORDS = """
CREATE TABLE migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at bigint NOT NULL
)
"""

_RECORD = """
INSERT INTO migrations (number, name, sha256, applied_at)
VALUES (%s, %s, %s, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
"""

_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('external-gate migrations ' || %s, 0))"

_TABLES = """
SELECT relname FROM pg_catalog.pg_class
WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1
"""

# Whoever wants a table that we wait for waits behind us. We let go before the server looks for a
# deadlock, after a second unless it is set otherwise: so it never turns away one who works.
_PATIENCE = "SET LOCAL lock_timeout = '250ms'"

MOST_TRIES = 60
"""Of one migration while its tables are in use: about a minute, and a deploy waits for it."""

LONGEST_PAUSE_SECONDS = 1.0
"""Between two tries: those who waited behind us go first."""


def migrate(address: PostgresAddress, known: Sequence[Migration]) -> int:
    """Bring a namespace up to date, making it if need be; gives how many migrations it took.

    Safe when several processes start at once. A namespace that is up to date is not written to, so
    that no more rights are needed than to work. Raises `Broken` as `missing` does, and our errors
    for what goes wrong below.
    """
    try:
        with address.connect() as connection:
            count = 0
            while behind(connection, address, known):
                count += _apply_when_free(connection, address, known)
            return count
    except psycopg.Error as error:
        raise translate(error, address.shown) from error


def behind(
    connection: Connection, address: PostgresAddress, known: Sequence[Migration]
) -> Sequence[Migration]:
    """Give the migrations that a namespace lacks. Raises `Broken` as `missing` does."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise Broken(f"database {address.shown} is encoded in {encoding}: create one in UTF8")
    return missing(applied(connection, address), known, ahead=AHEAD)


def applied(connection: Connection, address: PostgresAddress) -> list[Row]:
    """Read which migrations a namespace has. Raises `Broken` when it belongs to something else."""
    tables = [row[0] for row in connection.execute(_TABLES, (address.namespace,))]
    if "migrations" in tables:
        table = sql.Identifier(address.namespace, "migrations")
        asked = sql.SQL("SELECT number, name, sha256 FROM {} ORDER BY number").format(table)
        names = ("number", "name", "sha256")
        return [dict(zip(names, row, strict=True)) for row in connection.execute(asked)]
    if tables:
        raise Broken(
            f"database {address.shown} belongs to something else (it has {tables[0]}): "
            "name another schema in store.namespace"
        )
    return []


def _apply_when_free(
    connection: Connection, address: PostgresAddress, known: Sequence[Migration]
) -> int:
    """Apply the next migration beside others who work, as soon as its tables can be had."""
    for _ in range(MOST_TRIES - 1):
        with (
            contextlib.suppress(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected),
            connection.transaction(),
        ):
            return _apply_next(connection, address, known)
        pause = random.uniform(0.2, 1.0) * LONGEST_PAUSE_SECONDS  # noqa: S311 - nobody gains by guessing it
        # Not by a longer wait for the lock: everybody who works would queue up behind ours.
        time.sleep(pause)
    with connection.transaction():
        return _apply_next(connection, address, known)


def _apply_next(
    connection: Connection, address: PostgresAddress, known: Sequence[Migration]
) -> int:
    connection.execute(_ALONE, (address.namespace,))
    lacking = behind(connection, address, known)  # nobody else has done it meanwhile
    if not lacking:
        return 0
    migration = lacking[0]
    schema = sql.Identifier(address.namespace)
    if migration.number == 1:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
    connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(schema))
    connection.execute(_PATIENCE)
    if migration.number == 1:
        connection.execute(_RECORDS)
    connection.execute(migration.sql.encode())
    connection.execute(_RECORD, (migration.number, migration.name, migration.sha256))
    return 1
