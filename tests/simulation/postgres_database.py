"""The database of a world on PostgreSQL: a schema that the product's migrations made."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.postgres_faults import translate
from external_gate.stores.postgres_schema import migrate
from external_gate.stores.postgres_session import PostgresTransaction
from external_gate.stores.schema import shipped
from external_gate.stores.sql_leases import CLAIMABLE
from external_gate.stores.sql_transaction import Parameters, Rows
from tests.simulation.database import Database

TABLES = (
    "workflows",
    "notifications",
    "attempts",
    "evidence",
    "releases",
    "history",
    "incidents",
    "payers",
    "gateway_notices",
    "gate_reports",
    "host_notices",
    "notice_deliveries",
    "aftermaths",
    "payer_changes",
    "meta",
)
"""Whatever is referred to comes before what refers to it."""

NUMBERED = (
    "workflows", "notifications", "evidence", "history", "incidents", "gateway_notices",
    "host_notices",
)  # fmt: skip

IN_ORDER = CLAIMABLE.replace("ORDER BY claimable_at", "ORDER BY claimable_at, received_at")
"""What is due at one millisecond PostgreSQL gives as its pages lie, which no seed decides; so the
order of arrival does, as on SQLite. It is one of the orders that a claim may have."""

assert IN_ORDER != CLAIMABLE


class Ordered(PostgresTransaction):
    """Claims in one order."""

    def execute(self, sql: str, parameters: Parameters = ()) -> Rows:
        return super().execute(IN_ORDER if sql is CLAIMABLE else sql, parameters)


@dataclass(frozen=True)
class Backup:
    """Every row as COPY writes it, and where every number stood."""

    rows: dict[str, bytes]
    numbers: dict[str, tuple[int, bool]]


class PostgresDatabase(Database):
    """A schema that is emptied for every world; one connection writes, another one reads.

    Nothing stands beside a schema that its restore leaves alone: of an older copy a person tells,
    as `external-gate db restored` does, before anybody starts.
    """

    def __init__(self, address: PostgresAddress, *, is_filled: bool = False) -> None:
        self._address = address
        self._heartbeat: datetime | None = None
        self._is_known = False
        migrate(address, shipped("postgres"))
        self._connect()
        if not is_filled:
            self._empty()

    @property
    def connection(self) -> PostgresTransaction:
        return self._writing

    @property
    def reader(self) -> PostgresTransaction:
        return self._reading

    def beat(self, mark: datetime) -> None:
        self._heartbeat = mark

    def copy(self) -> Backup:
        """Give a backup, made while the database is in use."""
        with self._reading.connection.transaction():
            rows = {table: self._copy_out(table) for table in TABLES}
            numbers = {table: self._number(table) for table in NUMBERED}
        return Backup(rows, numbers)

    def replace(self, backup: Backup) -> bool:
        """Fill the schema anew, rows first and then the numbers."""
        self._is_known = False
        self.crash()
        self._empty()
        with self._writing.connection.transaction():
            for table, rows in backup.rows.items():
                self._copy_in(table, rows)
            for table, (number, is_used) in backup.numbers.items():
                wanted = (_sequence(table), number, is_used)
                self._writing.execute("SELECT setval(?, ?, ?)", wanted)
        return self._mark_restored(self._heartbeat)

    def next_claimable(self) -> datetime | None:
        """Give when something can be claimed next; asked anew only after a commit."""
        if not self._is_known:
            self._next, self._is_known = super().next_claimable(), True
        return self._next

    def crash(self) -> None:
        """Lose the connections; the server undoes what they had not committed."""
        self._let_go()
        self._connect()

    def close(self) -> None:
        self._let_go()

    def _begin(self) -> None:
        self._is_known = False
        self._writing.connection.execute(self._address.begin_to_write.encode())

    def _translate(self, error: Exception) -> Exception:
        return translate(error, self._address.shown)

    def _empty(self) -> None:
        """Forget everything, which the triggers forbid to everybody; in one round trip."""
        orders = [
            "SET CONSTRAINTS ALL IMMEDIATE",  # or what is deferred forbids the last step
            *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in TABLES),
            *(f"DELETE FROM {table}" for table in reversed(TABLES)),  # noqa: S608 - our own words
            *(f"SELECT setval('{_sequence(table)}', 1, false)" for table in NUMBERED),
            *(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in TABLES),
        ]
        with self._writing.connection.transaction():
            self._writing.connection.execute("; ".join(orders).encode())

    def _connect(self) -> None:
        self._writing, self._reading = self._connected(), self._connected()
        self._reading.connection.execute("SET default_transaction_read_only = on")

    def _connected(self) -> PostgresTransaction:
        connection = self._address.connect()
        connection.execute(f"SET search_path TO {self._address.namespace}, pg_temp".encode())
        return Ordered(connection)

    def _let_go(self) -> None:
        self._writing.connection.close()
        self._reading.connection.close()

    def _copy_out(self, table: str) -> bytes:
        statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
        with self._reading.connection.cursor().copy(statement) as rows:
            return b"".join(rows)

    def _copy_in(self, table: str, rows: bytes) -> None:
        statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
        with self._writing.connection.cursor().copy(statement) as copy:
            copy.write(rows)

    def _number(self, table: str) -> tuple[int, bool]:
        statement = sql.SQL("SELECT last_value, is_called FROM {}")
        asked = statement.format(sql.Identifier(_sequence(table)))
        (found,) = self._reading.connection.execute(asked).fetchall()
        number, is_used = found
        return number, is_used


def _sequence(table: str) -> str:
    return f"{table}_number_seq"
