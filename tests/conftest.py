"""Fixtures for every test, and the counts at the end of a run."""

import pytest
from hypothesis import HealthCheck, settings

from tests.tallies import COUNTED

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the proofs counted, also in a run that is quiet."""
    if not COUNTED:
        return
    terminalreporter.section("counted")
    for what, number in COUNTED.items():
        terminalreporter.write_line(f"{what}: {number:,}")
