"""pytest plugin: a test that asks for `gateway_scenario` becomes one test per scenario.

    @pytest.fixture
    def rig():
        return MyRig()

    def test_conformance(gateway_scenario):
        gateway_scenario.must_hold()

Likewise for a store: the fixture `store_rig` gives a rig, `store_check` becomes one test per check.
`pytest --gateway-report=report.md` writes the certification, `--store-report` that of a store; as
JSON or text by another suffix. Suites that do not ask for these fixtures pay nothing: the kit
itself is imported by the fixtures alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from external_gate.testkit.store_suite import StoreCheck, StoreSuite
    from external_gate.testkit.suite import GatewayScenario, Suite

_SUITE: pytest.StashKey[Suite] = pytest.StashKey()
_STORES: pytest.StashKey[StoreSuite] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("external-gate", "certifying gateway adapters and stores")
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
    group.addoption(
        "--store-report",
        type=Path,
        metavar="PATH",
        help="write the certification of a store to PATH: .md, .json or .txt",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per scenario, and one per check of a store."""
    if "gateway_scenario" in metafunc.fixturenames:
        scenarios = _suite(metafunc.config).scenarios
        metafunc.parametrize("gateway_scenario", list(scenarios), indirect=True)
    if "store_check" in metafunc.fixturenames:
        metafunc.parametrize("store_check", list(_stores(metafunc.config).cases), indirect=True)


@pytest.fixture
def gateway_scenario(request: pytest.FixtureRequest) -> GatewayScenario:
    """Give one scenario, to be played on the fixture `rig`; call `must_hold()` on it.

    `rig` must give a fresh rig to every test, so leave its scope alone.
    """
    return _suite(request.config).scenario(request.param, request.getfixturevalue("rig"))


@pytest.fixture
def store_check(request: pytest.FixtureRequest) -> StoreCheck:
    """Give one check, to be played on the fixture `store_rig`; call `must_hold()` on it.

    The test is no coroutine: every check runs in an event loop of its own. `store_rig` must give a
    fresh rig to every test, so leave its scope alone.
    """
    return _stores(request.config).check(request.param, request.getfixturevalue("store_rig"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the score of every adapter and of every store."""
    stash = terminalreporter.config.stash
    gateways, stores = stash.get(_SUITE, None), stash.get(_STORES, None)
    _tell(terminalreporter, "gateway certification", gateways.headlines() if gateways else ())
    _tell(terminalreporter, "store certification", stores.headlines() if stores else ())


def _tell(reporter: pytest.TerminalReporter, title: str, lines: Sequence[str]) -> None:
    if lines:
        reporter.section(title)
        for line in lines:
            reporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the reports."""
    suite = session.config.stash.get(_SUITE, None)
    path = session.config.getoption("--gateway-report")
    if suite is not None and path is not None:
        suite.write(path)
    stores = session.config.stash.get(_STORES, None)
    path = session.config.getoption("--store-report")
    if stores is not None and path is not None:
        stores.write(path)


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


def _stores(config: pytest.Config) -> StoreSuite:
    from external_gate.testkit.store_suite import StoreSuite  # noqa: PLC0415 - as above

    if _STORES not in config.stash:
        config.stash[_STORES] = StoreSuite()
    return config.stash[_STORES]
