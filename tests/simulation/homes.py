"""Where the worlds of a campaign are lived: in memory and on a few files, or on PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from external_gate.stores.postgres_address import address_of
from tests.simulation.database import Database, MemoryDatabase
from tests.simulation.file_database import FileDatabase
from tests.simulation.gateway_kinds import CLASSES
from tests.simulation.postgres_database import PostgresDatabase
from tests.throwaway_postgres import Cluster, fresh_namespace

ON_FILE_EVERY = 50
"""Rounds of all classes: one of them is lived on real files, some ten times slower."""


@dataclass(frozen=True)
class Home:
    """The database of one world."""

    name: str
    database: Callable[[], Database]


IN_MEMORY = Home("in memory", MemoryDatabase)
ON_FILE = Home("on real files", FileDatabase)
ON_POSTGRES = "on PostgreSQL"


@contextmanager
def homes(postgres: Cluster | None) -> Iterator[Callable[[int], Home]]:
    """Tell the home of every seed; on PostgreSQL they use one schema, one after another."""
    if postgres is None:
        yield _without_postgres
        return
    with fresh_namespace(postgres) as namespace:
        address = address_of(postgres.url, namespace=namespace)
        home = Home(ON_POSTGRES, partial(PostgresDatabase, address))
        yield lambda _seed: home


def _without_postgres(seed: int) -> Home:
    """Give whole rounds the same home, so that no class is left out."""
    return ON_FILE if seed // len(CLASSES) % ON_FILE_EVERY == 0 else IN_MEMORY
