"""Rigs of our own stores: a file that is copied as a kill leaves it, a server that is stopped."""

import asyncio
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from external_gate.domain.clock import MILLISECOND
from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.forbidden_rows import FORBIDDEN
from tests.stores.conftest import SHORT, Tapped
from tests.throwaway_postgres import Cluster

OUR_CONNECTIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'external-gate' AND pid <> pg_backend_pid()
"""


class SqliteRig:
    """A file in an empty folder."""

    forbidden: Sequence[str] = [*FORBIDDEN, "UPDATE attempts SET body = x'00'"]

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gate.db"
        self._locking: sqlite3.Connection | None = None
        self._tap = Tapped()
        self._crashes = 0

    def store(self) -> Store:
        return SqliteStore(self._path, connect=self._tap)

    async def start(self) -> None:
        """Make nothing: `open` makes the file."""

    async def stop(self) -> None:
        """Remove nothing: the folder goes with the test."""

    async def crash(self) -> None:
        """Go on with a copy of what is on the disk while everything is still open."""
        self._crashes += 1
        after = self._path.parent / f"after-crash-{self._crashes}"
        after.mkdir()
        for file in self._path.parent.glob("gate.db*"):
            if not file.name.endswith("-shm"):  # memory that happens to be a file
                shutil.copy(file, after / file.name)
        self._path = after / "gate.db"

    async def go_away(self) -> None:
        """Keep the file locked against every writer; none waits for it as long as in service."""
        for connection in self._tap.connections:
            connection.execute(f"PRAGMA busy_timeout = {SHORT // MILLISECOND}")
        self._locking = sqlite3.connect(self._path, isolation_level=None)
        self._locking.execute("BEGIN IMMEDIATE")

    async def come_back(self) -> None:
        if self._locking is not None:
            self._locking.close()

    async def execute(self, statement: str) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as prompt:
            prompt.execute("PRAGMA foreign_keys = ON")
            prompt.execute(statement)


class PostgresRig:
    """A schema of its own on a server that can be stopped."""

    forbidden: Sequence[str] = [*FORBIDDEN, "UPDATE attempts SET body = '\\x00'"]

    def __init__(self, cluster: Cluster, address: PostgresAddress) -> None:
        self._cluster = cluster
        self._address = address

    def store(self) -> Store:
        return PostgresStore(self._address)

    async def start(self) -> None:
        """Make nothing: `open` makes the schema."""

    async def stop(self) -> None:
        """Remove nothing: the schema goes with the test."""

    async def crash(self) -> None:
        """End every connection of ours, as the server does when a client dies."""
        with self._cluster.connect() as connection:
            connection.execute(OUR_CONNECTIONS)

    async def go_away(self) -> None:
        await asyncio.to_thread(self._cluster.stop)

    async def come_back(self) -> None:
        await asyncio.to_thread(self._cluster.start)

    async def execute(self, statement: str) -> None:
        with self._cluster.connect() as prompt:
            prompt.execute(f"SET search_path TO {self._address.namespace}".encode())
            prompt.execute(statement.encode())
