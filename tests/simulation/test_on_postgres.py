"""Worlds full of faults on PostgreSQL: every promise holds, and each is lived as on SQLite.

To the last line of its timeline, that is: whatever the two would do differently shows.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from external_gate.stores.postgres_address import PostgresAddress, address_of
from tests.simulation.campaign import class_of
from tests.simulation.gateway_kinds import CLASSES
from tests.simulation.homes import homes
from tests.simulation.postgres_database import PostgresDatabase
from tests.simulation.refusing_guard import installed
from tests.simulation.store_edge_contract import MakeDatabase, OfStoreEdge
from tests.simulation.universe import Outcome, run_seed
from tests.tallies import count
from tests.throwaway_postgres import Cluster, fresh_namespace

SEEDS = 3 * len(CLASSES)
PARTS = 2
"""Of the seeds, run beside each other."""


@pytest.fixture(scope="module")
def address(postgres: Cluster) -> Iterator[PostgresAddress]:
    """Give a schema that every world here finds empty."""
    with fresh_namespace(postgres) as namespace:
        yield address_of(postgres.url, namespace=namespace)


class TestStoreEdgeOnPostgres(OfStoreEdge):
    """The contract of every store."""

    @pytest.fixture
    def make_database(self, address: PostgresAddress) -> MakeDatabase:
        return partial(PostgresDatabase, address)


def test_promises_hold_on_postgres_and_every_seed_is_lived_as_on_sqlite(postgres: Cluster) -> None:
    seeds = range(SEEDS)
    with ProcessPoolExecutor(PARTS) as pool:
        parts = [seeds[at::PARTS] for at in range(PARTS)]
        lived = [pair for part in pool.map(partial(_lived, postgres), parts) for pair in part]

    broken = [f"seed {one.seed}: {one.broken[0]}" for one, _ in lived if one.broken]
    apart = [one.seed for one, usual in lived if one != usual]
    assert not broken
    assert not apart, "replay with and without: python -m tests.simulation.campaign --postgres"
    count("simulation on PostgreSQL: seeds lived, each as on SQLite", len(lived))
    restores = sum(one.struck["restore"] for one, _ in lived)
    assert restores
    count("simulation on PostgreSQL: backups put back", restores)


def _lived(postgres: Cluster, seeds: Sequence[int]) -> list[tuple[Outcome, Outcome]]:
    """Live seeds on PostgreSQL, and in memory."""
    with installed(), homes(postgres) as home_of:
        return [
            (
                run_seed(seed, class_of(seed), database=home_of(seed).database, tell=True),
                run_seed(seed, class_of(seed), tell=True),
            )
            for seed in seeds
        ]


def test_a_seed_is_always_lived_alike_on_postgres(address: PostgresAddress) -> None:
    with installed():
        first, second = (
            run_seed(18, class_of(18), database=partial(PostgresDatabase, address), tell=True)
            for _ in range(2)
        )

    assert first == second


def test_a_crash_loses_nothing_that_was_committed_and_a_restore_does(
    address: PostgresAddress,
) -> None:
    database = PostgresDatabase(address)
    write = "INSERT INTO meta (name, value) VALUES (?, 1)"
    backup = database.copy()
    database.connection.execute("BEGIN")
    database.connection.execute(write, ("lost",))
    database.crash()
    database.commit(lambda connection: connection.execute(write, ("kept",)), None)

    database.crash()
    after_a_crash = database.reader.execute("SELECT name FROM meta").fetchall()
    database.replace(backup)
    after_a_restore = database.reader.execute("SELECT name FROM meta").fetchall()
    database.close()

    assert (after_a_crash, after_a_restore) == ([("kept",)], [])
