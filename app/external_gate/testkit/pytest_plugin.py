"""pytest plugin: a test that asks for `gateway_scenario` becomes one test per scenario.

    @pytest.fixture
    def rig():
        return MyRig()

    def test_conformance(gateway_scenario):
        gateway_scenario.must_hold()

`pytest --gateway-report=report.md` writes the certification, as JSON or text by another suffix.
Suites that do not ask for the fixture pay nothing: the kit itself is imported by the fixture alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from external_gate.testkit.suite import GatewayScenario, Suite

_SUITE: pytest.StashKey[Suite] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("external-gate", "certifying gateway adapters")
    group.addoption(
        "--gateway-report",
        type=Path,
        metavar="PATH",
        help="write the certification to PATH: .md, .json or .txt",
    )
    group.addoption(
        "--gateway-seeds",
        type=int,
        default=40,
        metavar="N",
        help="whole lives to drive the adapter through (default: 40)",
    )
    group.addoption(
        "--gateway-scenarios",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder of scenarios of your own, beside those of the kit; repeatable",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per scenario."""
    if "gateway_scenario" in metafunc.fixturenames:
        scenarios = _suite(metafunc.config).scenarios
        metafunc.parametrize("gateway_scenario", list(scenarios), indirect=True)


@pytest.fixture
def gateway_scenario(request: pytest.FixtureRequest) -> GatewayScenario:
    """Give one scenario, to be played on the fixture `rig`; call `must_hold()` on it.

    `rig` must give a fresh rig to every test, so leave its scope alone.
    """
    return _suite(request.config).scenario(request.param, request.getfixturevalue("rig"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the score of every adapter."""
    suite = terminalreporter.config.stash.get(_SUITE, None)
    if suite is not None and suite.headlines():
        terminalreporter.section("gateway certification")
        for line in suite.headlines():
            terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report."""
    suite = session.config.stash.get(_SUITE, None)
    path = session.config.getoption("--gateway-report")
    if suite is not None and path is not None:
        suite.write(path)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close what was opened."""
    suite = config.stash.get(_SUITE, None)
    if suite is not None:
        suite.close()


def _suite(config: pytest.Config) -> Suite:
    from external_gate.testkit.suite import Suite  # noqa: PLC0415 - nobody else shall pay for it

    if _SUITE not in config.stash:
        config.stash[_SUITE] = Suite(
            folders=config.getoption("--gateway-scenarios"),
            seeds=config.getoption("--gateway-seeds"),
        )
    return config.stash[_SUITE]
