"""Two thousand worlds full of faults: P1 to P6 hold in every one, and each can be lived again."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from tests.simulation.campaign import Tally, class_of, run_seeds
from tests.simulation.customer_limits import PROMISE
from tests.simulation.gateway_kinds import CLASSES
from tests.simulation.homes import ON_FILE
from tests.simulation.refusing_guard import installed
from tests.simulation.universe import run_seed
from tests.tallies import count

SEEDS = 2000
LIMITED_SEEDS = 100
"""Worlds of few customers with caps; a campaign lives more of them."""
PARTS = 2
"""Of the seeds of one class, run beside each other."""


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    """Count everything, and say it at the end."""
    whole = Tally()
    yield whole
    count("simulation: seeds lived", whole.seeds)
    count("simulation: of them on real files", whole.homes[ON_FILE.name])
    count("simulation: seeds that broke a promise", len(whole.broken))
    count("simulation: faults injected", whole.struck.total())
    count("simulation: comparisons with the truth", whole.checks.total())


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Give the processors something to do."""
    with ProcessPoolExecutor(PARTS) as pool:
        yield pool


@pytest.mark.parametrize("name", CLASSES)
def test_promises_hold_whatever_happens(name: str, tally: Tally, pool: ProcessPoolExecutor) -> None:
    seeds = [seed for seed in range(SEEDS) if class_of(seed) == name]
    mine = Tally()
    for part in pool.map(run_seeds, [seeds[at::PARTS] for at in range(PARTS)]):
        mine.merge(part)
    tally.merge(mine)

    replays = [f"--seed {seed}: {text}" for seed, _, text in sorted(mine.broken)]
    assert not replays, "replay with: python -m tests.simulation.campaign " + "; ".join(replays)
    assert mine.ends


def test_no_customer_is_charged_above_a_cap_whatever_happens(
    tally: Tally, pool: ProcessPoolExecutor
) -> None:
    mine = Tally()
    limited = partial(run_seeds, limited=True)
    for part in pool.map(limited, [range(at, LIMITED_SEEDS, PARTS) for at in range(PARTS)]):
        mine.merge(part)
    tally.merge(mine)

    replays = [f"--limits --seed {seed}: {text}" for seed, _, text in sorted(mine.broken)]
    assert not replays, "replay with: python -m tests.simulation.campaign " + "; ".join(replays)
    assert mine.checks[PROMISE] > LIMITED_SEEDS


@pytest.mark.parametrize("seed", [3, 15, 18])
def test_a_seed_is_always_lived_alike(seed: int) -> None:
    with installed():
        first, second = (run_seed(seed, class_of(seed), tell=True) for _ in range(2))

    assert first.timeline == second.timeline
    assert first == second
