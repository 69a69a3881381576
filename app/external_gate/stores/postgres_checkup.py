"""What can be told about a PostgreSQL database without changing it: for `doctor`."""

from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.postgres_faults import translate
from external_gate.stores.postgres_findings import PostgresFindings
from external_gate.stores.postgres_schema import applied, behind
from external_gate.stores.schema import shipped


def examine(
    address: PostgresAddress, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> PostgresFindings:
    """Look at a namespace; migrates nothing and makes nothing.

    Raises `Broken` and `Unavailable` as `Store.open` would, when it cannot be used.
    """
    try:
        with address.connect() as connection:
            return _look(connection, address, now)
    except psycopg.Error as error:
        raise translate(error, address.shown) from error


_STATE = """
SELECT current_setting('transaction_read_only') = 'off' AND NOT pg_is_in_recovery(),
    EXISTS (SELECT FROM pg_catalog.pg_stat_replication),
    current_setting('synchronous_standby_names'),
    clock_timestamp(),
    current_setting('max_connections')::bigint
        - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')
"""


def _look(
    connection: psycopg.Connection[TupleRow],
    address: PostgresAddress,
    now: Callable[[], datetime],
) -> PostgresFindings:
    asked_at = now()
    (row,) = connection.execute(_STATE).fetchall()
    answered_at = now()
    writable, has_standbys, synchronous, its_time, left = row
    lacking = behind(connection, address, shipped("postgres"))
    exists = bool(applied(connection, address))
    if exists and not lacking and writable:
        _prove_writable(connection, address)
    return PostgresFindings(
        shown=address.shown,
        version=connection.info.server_version // 10_000,
        exists=exists,
        behind=tuple(migration.name for migration in lacking),
        writable=writable,
        has_standbys=has_standbys,
        synchronous_standbys=synchronous,
        ahead=its_time - (asked_at + (answered_at - asked_at) / 2),
        connections_left=left,
    )


def _prove_writable(connection: psycopg.Connection[TupleRow], address: PostgresAddress) -> None:
    """Write nothing, with the rights that writing needs. Raises psycopg's errors."""
    table = sql.Identifier(address.namespace, "meta")
    connection.execute(sql.SQL("UPDATE {} SET value = value WHERE FALSE").format(table))
