"""Worlds that move to PostgreSQL in the middle of everything, and are lived on as if nothing was.

The truth of money judges them to their end: nobody is charged twice for the move.
"""

import random
from collections import Counter

import pytest

from external_gate.stores.postgres_address import PostgresAddress, address_of
from tests.simulation.campaign import class_of
from tests.simulation.gateway_kinds import CLASSES
from tests.simulation.moving_database import MovingDatabase
from tests.simulation.refusing_guard import installed
from tests.simulation.universe import run_seed
from tests.tallies import count
from tests.throwaway_postgres import Cluster

SEEDS = range(len(CLASSES))

COMMITS = (2, 60)
"""Before the move: most worlds have some hundred."""


@pytest.fixture
def address(postgres: Cluster, namespace: str) -> PostgresAddress:
    """Give a schema that one world after another moves to."""
    return address_of(postgres.url, namespace=namespace)


def test_nobody_notices_a_move_to_postgres(address: PostgresAddress) -> None:
    moved: Counter[str] = Counter()
    for seed in SEEDS:
        worlds: list[MovingDatabase] = []
        commits = random.Random(seed).randint(*COMMITS)  # noqa: S311 - a moment, no secret

        def begin(commits: int = commits, worlds: list[MovingDatabase] = worlds) -> MovingDatabase:
            worlds.append(MovingDatabase(address, after_commits=commits))
            return worlds[0]

        with installed():
            stayed = run_seed(seed, class_of(seed), tell=True)
            outcome = run_seed(seed, class_of(seed), database=begin, tell=True)

        assert outcome.timeline == stayed.timeline, f"seed {seed}, after {commits} commits"
        assert outcome == stayed
        assert not outcome.broken
        moved.update(worlds[0].states_moved)

    unfinished = moved.total() - sum(moved[end] for end in ("released", "cancelled", "refunded"))
    assert unfinished > len(SEEDS) / 2, moved
    count("simulation: workflows moved to PostgreSQL while they were lived", moved.total())
    count("simulation: of them unfinished", unfinished)
