"""The pytest plugin in a suite of its own: one test per scenario, a report, no cost elsewhere."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITE = """
import sys

import pytest

sys.path.insert(0, {root!r})
from tests.testkit.{module} import {adapter}
from tests.testkit.piggy_rig import PiggyRig


@pytest.fixture
def rig():
    return PiggyRig({adapter})


def test_conformance(gateway_scenario):
    gateway_scenario.must_hold()
"""


def run_suite(
    folder: Path, *options: str, module: str = "piggy_adapter", adapter: str = "PiggyGateway"
) -> subprocess.CompletedProcess[str]:
    """Run pytest as an author does, in a strict suite with warnings as errors."""
    suite = SUITE.format(root=str(ROOT), module=module, adapter=adapter)
    (folder / "test_piggy.py").write_text(suite)
    (folder / "pytest.ini").write_text("[pytest]\nstrict = true\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_good_adapter_gets_one_passing_test_per_scenario_and_a_report(tmp_path: Path) -> None:
    chosen = "success or found-again or decimals or whole-life"

    ran = run_suite(tmp_path, "-v", "-k", chosen, "--gateway-seeds=3", "--gateway-report=report.md")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "test_piggy.py::test_conformance[found-again] PASSED" in ran.stdout
    assert "test_piggy.py::test_conformance[whole-life] PASSED" in ran.stdout
    assert "not exercised: KRW is not declared" in ran.stdout
    assert "PiggyGateway: certified: " in ran.stdout
    report = (tmp_path / "report.md").read_text("utf-8")
    assert report.startswith("# Certification of `tests.testkit.piggy_adapter.PiggyGateway`")


def test_naive_adapter_fails_with_the_cure_and_the_trace(tmp_path: Path) -> None:
    ran = run_suite(
        tmp_path,
        "-k",
        "silence and after",
        "--gateway-report=report.json",
        module="naive_readers",
        adapter="TimeoutIsDecline",
    )

    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "[silence-is-unknown]" in ran.stdout
    assert "cure: Map the caller's `SentUnanswered` to `Unknown`" in ran.stdout
    assert "[drop_after_effect] fake: 201; adapter got nothing" in ran.stdout
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["passed"] is False


def test_authors_own_scenarios_come_along(tmp_path: Path) -> None:
    own = tmp_path / "scenarios"
    own.mkdir()
    (own / "own.toml").write_text(
        '[[scenario]]\nid = "mine"\ntitle = "t"\npromise = "P2"\nsteps = [{ do = "charge" }]\n'
    )

    ran = run_suite(tmp_path, "-v", "-k", "mine", f"--gateway-scenarios={own}")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "test_conformance[mine] PASSED" in ran.stdout


def test_plugin_costs_nothing_where_it_is_not_asked_for() -> None:
    heavy = ["httpx", "pydantic", "structlog", "external_gate.engine", "sqlite_utils"]
    program = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import external_gate.testkit.pytest_plugin\n"
        f"print([name for name in {heavy} if name in set(sys.modules) - before])\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == "[]"


STORE_SUITE = """
import sys

import pytest

sys.path.insert(0, {root!r})
from tests.stores.store_rigs import SqliteRig
from tests.testkit.naive_stores import {store}


class Rig(SqliteRig):
    def store(self):
        return {store}(self._path, connect=self._tap)


@pytest.fixture
def store_rig(tmp_path):
    return Rig(tmp_path)


def test_contract(store_check):
    store_check.must_hold()
"""


def run_store_suite(folder: Path, *options: str, store: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as the author of a store does."""
    (folder / "test_store.py").write_text(STORE_SUITE.format(root=str(ROOT), store=store))
    (folder / "pytest.ini").write_text("[pytest]\nstrict = true\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_good_store_gets_one_passing_test_per_check_and_a_report(tmp_path: Path) -> None:
    ran = run_store_suite(
        tmp_path, "-v", "-k", "marks or late-worker", "--store-report=report.json", store="Careful"
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "test_store.py::test_contract[late-worker-cannot-save] PASSED" in ran.stdout
    assert "naive_stores.Careful: certified: " in ran.stdout
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["passed"] is True
    assert report["subject"] == "tests.testkit.naive_stores.Careful"


def test_naive_store_fails_with_the_cure_and_the_trace(tmp_path: Path) -> None:
    ran = run_store_suite(tmp_path, "-k", "late-worker-cannot-save", store="IgnoresFence")

    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "nothing was raised; wanted was LeaseLost  [late-worker-cannot-save]" in ran.stdout
    assert "cure: In one transaction: " in ran.stdout
    assert "process 1: save(workflow-1 to ready under fence 1" in ran.stdout
    assert "naive_stores.IgnoresFence: not certified: " in ran.stdout
