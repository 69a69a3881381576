"""Fixtures for every test, and the counts at the end of a run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import throwaway_postgres
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


LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without PostgreSQL leave out what would run a second time there; the end says so, once."""
    twice = {item for item in items if "postgres" in _parameters(item)}
    if not twice or throwaway_postgres.is_wanted():
        return
    config.stash[LEFT_OUT] = len(twice)
    config.hook.pytest_deselected(items=list(twice))
    items[:] = [item for item in items if item not in twice]


def _parameters(item: pytest.Item) -> list[object]:
    called = getattr(item, "callspec", None)
    return [] if called is None else [v for v in called.params.values() if isinstance(v, str)]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what was left out, and what the proofs counted, also in a run that is quiet."""
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.section("left out")
        terminalreporter.write_line(
            f"{left_out} tests ran on SQLite alone: install PostgreSQL, or set "
            f"{throwaway_postgres.URL_VARIABLE}"
        )
    if not COUNTED:
        return
    terminalreporter.section("counted")
    for what, number in COUNTED.items():
        terminalreporter.write_line(f"{what}: {number:,}")
