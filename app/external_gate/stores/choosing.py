"""Which store `store.url` names. PostgreSQL's driver is imported only where it is used."""

from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

from external_gate.domain.errors import Broken
from external_gate.settings.model import StoreSettings
from external_gate.stores import sqlite_checkup
from external_gate.stores.postgres_findings import PostgresFindings
from external_gate.stores.schema import shipped
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.sqlite_connection import path_of
from external_gate.stores.store import Store
from external_gate.stores.writer import OnCommit

if TYPE_CHECKING:
    from external_gate.stores.postgres_address import PostgresAddress


def uses_postgres(settings: StoreSettings) -> bool:
    """Whether the address is one of PostgreSQL."""
    return settings.url.startswith("postgresql:")


def make(
    settings: StoreSettings, *, exclusive: bool = False, on_commit: OnCommit | None = None
) -> Store:
    """Make the store; `exclusive`, which is SQLite's alone, for a serving or working process.

    Raises `Broken` for an address that cannot be used, or when the driver is not installed.
    """
    if not uses_postgres(settings):
        return SqliteStore(
            path_of(settings.url),
            busy_timeout=timedelta(seconds=settings.busy_timeout_seconds),
            exclusive=exclusive,
            on_commit=on_commit,
        )
    address = postgres_address(settings)
    from external_gate.stores.postgres import PostgresStore  # noqa: PLC0415 - an extra

    return PostgresStore(address, listen=settings.listen, on_commit=on_commit)


def examine_file(settings: StoreSettings) -> sqlite_checkup.Findings:
    """Look at a SQLite file. Raises as `sqlite_checkup.examine`."""
    patience = timedelta(seconds=settings.busy_timeout_seconds)
    return sqlite_checkup.examine(settings.url, busy_timeout=patience)


def examine_postgres(settings: StoreSettings) -> PostgresFindings:
    """Look at a PostgreSQL database. Raises as `postgres_checkup.examine`."""
    address = postgres_address(settings)
    from external_gate.stores import postgres_checkup  # noqa: PLC0415 - an extra

    return postgres_checkup.examine(address)


def lacking(settings: StoreSettings) -> Sequence[str]:
    """Name the migrations that the next start applies. Raises as the two above."""
    if uses_postgres(settings):
        return examine_postgres(settings).behind
    found = examine_file(settings)
    return found.behind if found.exists else [step.name for step in shipped("sqlite")]


def postgres_address(settings: StoreSettings) -> "PostgresAddress":
    """Read the address of a PostgreSQL database. Raises `Broken`, also without the driver."""
    if find_spec("psycopg") is None:
        raise Broken(
            "store.url names PostgreSQL, whose driver is not installed: "
            "pip install 'external-gate[postgres]'"
        )
    from external_gate.stores.postgres_address import address_of  # noqa: PLC0415 - an extra

    return address_of(
        settings.url,
        namespace=settings.namespace,
        lock_timeout=timedelta(seconds=settings.busy_timeout_seconds),
    )
