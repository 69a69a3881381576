"""Fixtures for every test, and the counts at the end of a run."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.tallies import COUNTED
from tests.throwaway_postgres import Cluster, fresh_namespace, running_cluster

settings.register_profile(
    "house",
    deadline=None,  # a busy machine is no fault of the code
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Give a PostgreSQL server that all tests share."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def namespace(postgres: Cluster) -> Iterator[str]:
    """Give a name for a schema of this test's own, which does not exist yet."""
    with fresh_namespace(postgres) as name:
        yield name


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the proofs counted, also in a run that is quiet."""
    if not COUNTED:
        return
    terminalreporter.section("counted")
    for what, number in COUNTED.items():
        terminalreporter.write_line(f"{what}: {number:,}")
