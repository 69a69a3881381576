"""Several processes on one PostgreSQL database: any may die or freeze, each charge is one."""

import signal

import pytest

from external_gate.gateways.sandbox import charges_by_workflow
from tests.stories.players import Account, Json, Players, answers, until
from tests.throwaway_postgres import Cluster


@pytest.fixture
def store(postgres: Cluster, namespace: str) -> str:
    """Give the table `[store]` of the configuration."""
    return f'url = "{postgres.url}"\nnamespace = "{namespace}"'


def _start(cast: Players) -> None:
    """Start one process that receives and two that work, all from nothing at the same moment."""
    cast.start("service", "-m", "external_gate", "serve", "--no-worker", *cast.with_config)
    for name in ("one", "two"):
        cast.start(name, "-m", "external_gate", "worker", *cast.with_config)
    until(lambda: answers(f"{cast.service_url}/readyz"), "no service")
    for name in ("one", "two"):
        until(lambda name=name: '"started"' in cast.log(name), f"{name} did not start")  # type: ignore[misc]


def _charges(cast: Players, opened: list[Json]) -> list[int]:
    """Count the charges of each workflow in the gateway's own books."""
    taken = charges_by_workflow(cast.books)
    return [sum(taken[workflow["workflow_id"]].values()) for workflow in opened]


@pytest.mark.slow
@pytest.mark.parametrize("harm", [signal.SIGKILL, signal.SIGSTOP])
def test_worker_that_is_gone_is_replaced_within_a_lease(
    cast: Players, metronome: Account, harm: signal.Signals
) -> None:
    _start(cast)
    methods = ["pm_ok", "pm_timeout_charged"] * 3
    opened = [metronome.reach(method) for method in methods]
    until(lambda: charges_by_workflow(cast.books), "nothing is charged")

    cast.signal("one", harm)
    for workflow in opened:
        metronome.ended(workflow, "COMMITTED")
    if harm is signal.SIGSTOP:
        cast.signal("one", signal.SIGCONT)  # late: whatever it still wants is fenced off
        last = metronome.reach("pm_ok")
        metronome.ended(last, "COMMITTED")
        opened.append(last)

    assert _charges(cast, opened) == [1] * len(opened)


@pytest.mark.slow
def test_database_that_is_killed_is_waited_for(
    cast: Players, metronome: Account, postgres: Cluster
) -> None:
    _start(cast)
    opened = [metronome.reach() for _ in range(3)]
    until(lambda: charges_by_workflow(cast.books), "nothing is charged")

    postgres.restart()
    opened.append(metronome.reach())
    metronome.control("clock", advance_seconds=3600)  # what was refused meanwhile is sent again

    for workflow in opened:
        metronome.ended(workflow, "COMMITTED")
    assert _charges(cast, opened) == [1] * 4
