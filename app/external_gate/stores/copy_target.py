"""The side that a copy is made to: a PostgreSQL schema that is filled in the order of keys."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from external_gate.domain.errors import Refused
from external_gate.stores.copied_tables import (
    TABLES,
    Key,
    Line,
    Table,
    columns_of,
    count_of,
    last_key_of,
    page_of,
)
from external_gate.stores.copy_marks import MARKS_OF_TIME, CopyMark, Stage, read_mark, write_mark
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.postgres_schema import migrate
from external_gate.stores.postgres_session import PostgresSession, PostgresTransaction
from external_gate.stores.schema import shipped

_GO_ON = "SELECT setval(pg_get_serial_sequence(?, 'number'), ?)"

_CARRY = "INSERT INTO meta (name, value) VALUES (?, ?)"


class CopyTarget:
    """A schema; every method is a transaction of its own, so that a pooler may stand between."""

    def __init__(self, address: PostgresAddress, session: PostgresSession) -> None:
        self.shown = address.shown
        self._session = session

    def mark(self) -> CopyMark | None:
        """Give what the schema says about its move."""
        with self._asked() as transaction:
            return read_mark(transaction)

    def begin_to_arrive(self, mark: CopyMark) -> None:
        """Say durably that nobody works here yet. Raises `Refused` as `refuse_if_used`."""
        with self._asked() as transaction:
            _refuse_if_used(transaction, self.shown)
            write_mark(transaction, mark)

    def refuse_if_used(self) -> None:
        """Refuse a schema with anything in it that no copy brought."""
        with self._asked() as transaction:
            _refuse_if_used(transaction, self.shown)

    def refuse_if_served(self) -> None:
        """Refuse to go on when somebody, who began before the copy did, has worked here."""
        with self._asked() as transaction:
            _refuse_if_served(transaction, self.shown)

    def columns(self, table: Table) -> tuple[str, ...]:
        """Name a table's columns."""
        with self._asked() as transaction:
            return columns_of(transaction, table)

    def last_key(self, table: Table) -> Key | None:
        """Give the key of the last row that arrived: everything before it is there."""
        with self._asked() as transaction:
            return last_key_of(transaction, table)

    def count(self, table: Table) -> int:
        """Count a table's rows."""
        with self._asked() as transaction:
            return count_of(transaction, table)

    def append(self, table: Table, columns: Sequence[str], lines: Sequence[Line]) -> None:
        """Add rows, all or none."""
        with self._asked() as transaction:
            transaction.copy_in(table.name, columns, lines)

    def page(
        self, table: Table, columns: Sequence[str], *, after: Key | None, limit: int
    ) -> list[Line]:
        """Give the rows that follow a key."""
        with self._asked() as transaction:
            return list(page_of(transaction, table, columns, after=after, limit=limit))

    def marks_of_time(self) -> list[Line]:
        """Give the high-water mark, and that of a restore."""
        with self._asked() as transaction:
            return [tuple(row) for row in transaction.execute(MARKS_OF_TIME)]

    def arrive(
        self, mark: CopyMark, *, marks_of_time: Sequence[Line], numbers: Mapping[str, int]
    ) -> None:
        """Say durably that everything is here: from now on anybody may be served from it.

        Raises `Refused` as `refuse_if_served`.
        """
        with self._asked() as transaction:
            _refuse_if_served(transaction, self.shown)
            for line in marks_of_time:
                transaction.execute(_CARRY, line)
            for table, number in numbers.items():
                transaction.execute(_GO_ON, (table, number))
            write_mark(transaction, CopyMark(Stage.ARRIVED, mark.copy_id, mark.other))

    @contextmanager
    def _asked(self) -> Iterator[PostgresTransaction]:
        session = self._session
        try:
            session.begin()
            try:
                yield session.transaction
                session.commit()
            except BaseException:
                session.rollback()
                raise
        except session.faults as error:
            raise session.translate(error) from error


def _refuse_if_served(transaction: PostgresTransaction, shown: str) -> None:
    if transaction.execute(MARKS_OF_TIME).fetchone() is not None:
        raise Refused(
            f"somebody works on {shown} while it is being filled: stop whatever that is, drop the "
            "schema and copy again"
        )


def _refuse_if_used(transaction: PostgresTransaction, shown: str) -> None:
    used = [table.name for table in TABLES if last_key_of(transaction, table) is not None]
    if transaction.execute("SELECT 1 FROM meta LIMIT 1").fetchone() is not None:
        used.append("meta")
    if used:
        raise Refused(
            f"{shown} is in use already ({', '.join(used)} have rows): name an empty schema in "
            "store.namespace; nothing is ever added to what is there"
        )


@contextmanager
def opened_target(address: PostgresAddress) -> Iterator[CopyTarget]:
    """Give the schema, made and migrated. Raises `Broken` and `Unavailable` as `Store.open`."""
    migrate(address, shipped("postgres"))
    with closing(PostgresSession(address, begin=address.begin_to_write)) as session:
        yield CopyTarget(address, session)
