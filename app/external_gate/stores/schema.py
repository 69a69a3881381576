"""Migrations: numbered SQL files, each applied once, in one transaction with its record."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from sqlite_utils import Database

from external_gate.domain.errors import Broken
from external_gate.stores.rows import Row
from external_gate.stores.sql_transaction import select
from external_gate.stores.sqlite_connection import immediate


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema; published, it is never edited again."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Give the checksum by which an edit is found out."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped(dialect: str) -> tuple[Migration, ...]:
    """Give the migrations of `sqlite` or `postgres` that come with this version, in order."""
    folder = files("external_gate.stores") / "migrations" / dialect
    found = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return tuple(
        Migration(int(file.name[:4]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in sorted(found, key=lambda file: file.name)
    )


def missing(
    applied: Sequence[Row], known: Sequence[Migration], *, ahead: int = 0
) -> Sequence[Migration]:
    """Give the migrations that a database lacks; it may have `ahead` more than the code knows.

    Raises `Broken` when the database is newer than that, or when a migration was edited.
    """
    for row, migration in zip(applied, known, strict=False):
        if (row["number"], row["sha256"]) != (migration.number, migration.sha256):
            raise Broken(
                f"migration {row['name']} was edited after it was applied: "
                "run the version of external-gate that this database was made with"
            )
    if len(applied) > len(known) + ahead:
        raise Broken(
            f"the database is newer than this version of external-gate (it has migration "
            f"{applied[-1]['name']}): run the newer version, or restore the backup from before it"
        )
    return known[len(applied) :]


_RECORDS = """
CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT
"""

_RECORD = """
INSERT INTO migrations (number, name, sha256, applied_at) VALUES (?, ?, ?, unixepoch() * 1000)
"""


def migrate(database: Database, known: Sequence[Migration]) -> int:
    """Bring a SQLite database up to date; gives how many migrations it took.

    Safe when several processes start at once: each step looks again under the write lock. An
    up-to-date database is not written to. Raises `Broken` as `missing` does, and when the file
    belongs to something else.
    """
    count = 0
    while missing(applied(database), known):
        with immediate(database.conn):
            behind = missing(applied(database), known)
            if behind:
                _apply(database, behind[0])
                count += 1
    return count


def applied(database: Database) -> list[Row]:
    """Read which migrations a database has. Raises `Broken` when it belongs to something else."""
    tables = database.table_names()
    if "migrations" in tables:
        return select(database.conn, "SELECT * FROM migrations ORDER BY number")
    if tables:
        raise Broken(f"this database belongs to something else (it has {tables[0]}): name another")
    return []


def _apply(database: Database, migration: Migration) -> None:
    if "migrations" not in database.table_names():
        database.execute(_RECORDS)
    # Inside a transaction sqlite-utils runs a script statement by statement, without a commit.
    database.executescript(migration.sql)
    database.execute(_RECORD, (migration.number, migration.name, migration.sha256))
