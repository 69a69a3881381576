"""One SQLite file per test, and ways to be somebody else who uses it."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import PostgresAddress, address_of
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.sqlite_connection import connect_file
from tests.throwaway_postgres import Cluster

SHORT = timedelta(milliseconds=50)
"""A wait for a lock that the test never gives back."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the place of a database that does not exist yet."""
    return tmp_path / "gate.db"


@pytest.fixture
def address(postgres: Cluster, namespace: str) -> PostgresAddress:
    """Give the place of a namespace that does not exist yet."""
    return address_of(postgres.url, namespace=namespace)


@asynccontextmanager
async def opened_postgres(address: PostgresAddress) -> AsyncIterator[PostgresStore]:
    """Give an open store."""
    store = PostgresStore(address)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened(path: Path, **settings: Any) -> AsyncIterator[SqliteStore]:
    """Give an open store."""
    store = SqliteStore(path, **settings)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    """Give the connection of somebody who knows nothing of the store."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep the database locked against writers."""
    with by_hand(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


class Tapped:
    """Opens connections and keeps them: the first one is the writer's."""

    def __init__(
        self, opening: Callable[[Path, timedelta], sqlite3.Connection] = connect_file
    ) -> None:
        self._opening = opening
        self.connections: list[sqlite3.Connection] = []
        self.statements: list[str] = []
        self.asked = threading.Event()

    def __call__(self, path: Path, busy_timeout: timedelta) -> sqlite3.Connection:
        """Open a file."""
        connection = self._opening(path, busy_timeout)
        if not self.connections:
            connection.set_trace_callback(self._trace)
        self.connections.append(connection)
        return connection

    def _trace(self, statement: str) -> None:
        self.statements.append(statement)
        self.asked.set()

    @property
    def writer(self) -> sqlite3.Connection:
        """Give the one connection that writes."""
        return self.connections[0]


@contextmanager
def another_process(code: str, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """Run Python in another process, which talks by lines; it is gone afterwards."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: "subprocess.Popen[str]") -> str:
    """Wait for the next line of another process."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]", line: str) -> None:
    """Send a line to another process."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def write_bytes(path: Path, content: bytes, *, offset: int = 0) -> None:
    """Write into a file from `offset` on, whatever stood there."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.seek(offset)
        file.write(content)
