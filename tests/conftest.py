"""Fixtures for every test, and the counts at the end of a run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.databases import DATABASES, Database, Schemas, SqliteFile
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


@pytest.fixture(scope="session")
def schemas(postgres: Cluster) -> Iterator[Schemas]:
    """Give the schemas that tests borrow."""
    found = Schemas(postgres)
    yield found
    found.drop()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give an empty database of this test's own: whoever asks runs once on each."""
    if request.param == "sqlite":
        yield SqliteFile(tmp_path / "gate.db")
        return
    schemas: Schemas = request.getfixturevalue("schemas")
    with schemas.lent() as schema:
        yield schema


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the proofs counted, also in a run that is quiet."""
    if not COUNTED:
        return
    terminalreporter.section("counted")
    for what, number in COUNTED.items():
        terminalreporter.write_line(f"{what}: {number:,}")
