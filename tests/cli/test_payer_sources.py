"""`external-gate payers sources`: where payers can come from, and what is wrong with it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from external_gate.cli.main import cli
from external_gate.payers.source_registry import GROUP
from tests.cli.conftest import Home
from tests.databases import Database, SqliteFile


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Give a file: no database is opened."""
    return SqliteFile(tmp_path / "gate.db")


SOUND = """
class Payers:
    @classmethod
    def from_settings(cls, settings, surroundings): return cls()
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file of an installed plugin `crm`, which says whatever is written there."""
    folder = tmp_path / "site"
    described = folder / "crm_payers-0.3.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: crm-payers\nVersion: 0.3\n")
    (described / "entry_points.txt").write_text(f"[{GROUP}]\ncrm = crm_payers:Payers\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "crm_payers", raising=False)
    return folder / "crm_payers.py"


def listed(result: Result) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(result.stdout)["sources"]}


def test_ours_are_listed_and_the_configured_one_is_marked(home: Home) -> None:
    result, shown = home.run("payers", "sources", "--json"), home.run("payers", "sources")

    assert (result.exit_code, shown.exit_code) == (0, 0)
    assert {name: one["used"] for name, one in listed(result).items()} == {
        "custom_fields": True,
        "http": False,
        "table": False,
    }
    assert json.loads(result.stdout)["configured"] == {"source": "custom_fields", "fault": None}
    assert "  ok  used\n" in shown.stdout


def test_nothing_needs_to_be_configured(home: Home) -> None:
    result = CliRunner().invoke(cli, ["payers", "sources", "--json"])

    assert result.exit_code == 0
    assert json.loads(result.stdout)["configured"] is None
    assert set(listed(result)) == {"custom_fields", "http", "table"}


def test_plugin_is_listed_with_distribution_and_version(home: Home, plugin: Path) -> None:
    plugin.write_text(SOUND)
    home.configure(more='[payers]\nsource = "crm"')

    result = home.run("payers", "sources", "--json")

    assert result.exit_code == 0, result.output
    assert listed(result)["crm"] == {
        "name": "crm",
        "distribution": "crm-payers",
        "version": "0.3",
        "target": "crm_payers:Payers",
        "fault": None,
        "cure": None,
        "loads": True,
        "used": True,
    }


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import absent_module", "cannot be imported: ModuleNotFoundError"),
        ("exit()", "cannot be imported: SystemExit"),
        ("class Payers: ...", "has no from_settings"),
    ],
)
def test_broken_plugin_names_its_fault_and_stops_nothing(
    home: Home, plugin: Path, source: str, fault: str
) -> None:
    plugin.write_text(source)

    unused = home.run("payers", "sources", "--json")
    home.configure(more='[payers]\nsource = "crm"')
    used = home.run("payers", "sources")

    assert unused.exit_code == 0
    assert fault in listed(unused)["crm"]["fault"]
    assert listed(unused)["crm"]["cure"]
    assert listed(unused)["table"]["loads"] is True
    assert used.exit_code == 1
    assert "crm  crm-payers 0.3  broken  used\n  fault: the payer source" in used.stdout
    assert "the configured source cannot be used" in used.stderr


def test_source_that_is_not_there_ends_with_1_and_unreadable_settings_with_2(home: Home) -> None:
    home.configure(more='[payers]\nsource = "oracle"')
    unknown = home.run("payers", "sources")
    home.config.write_text("this is no TOML")
    unreadable = home.run("payers", "sources")

    assert unknown.exit_code == 1
    assert '"oracle" is not installed' in unknown.stderr
    assert unreadable.exit_code == 2
    assert "table  external-gate" in unreadable.stdout
