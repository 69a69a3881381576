"""Payer sources by name, ours and those of strangers."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from external_gate.domain.charge import Payer
from external_gate.domain.errors import Broken, GateError
from external_gate.domain.identifiers import CustomerId
from external_gate.outbound.calls import Call, CallEnd
from external_gate.payers.custom_fields import CustomFieldsPayers
from external_gate.payers.http_payers import HttpPayers
from external_gate.payers.payer_source import PayerSurroundings
from external_gate.payers.source_registry import GROUP, build_payer_source, load_source_class
from external_gate.payers.table import TablePayers
from external_gate.settings.model import PayersSettings
from tests.metronome.conftest import StandingClock


class Unasked:
    """Surroundings that building a source must leave alone."""

    async def call(self, call: Call) -> CallEnd:
        raise AssertionError("no call while building")

    async def lookup(self, customer_id: CustomerId) -> Payer | None:
        raise AssertionError("no look into the table while building")


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a file that is importable as `a_plugin`."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_plugin", raising=False)
    return tmp_path / "a_plugin.py"


def test_our_own_sources_come_through_the_same_door() -> None:
    assert load_source_class("custom_fields") is CustomFieldsPayers
    assert load_source_class("http") is HttpPayers
    assert load_source_class("table") is TablePayers


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(Broken, match=r'"crm" is not installed; there are: http, table'):
        load_source_class("crm", installed=[point("table", "a:B"), point("http", "a:C")])


def test_two_of_one_name_are_refused_and_both_named() -> None:
    installed = [point("crm", "one:Payers"), point("crm", "other:Payers")]

    with pytest.raises(Broken, match=r"more than once: one:Payers of .*, other:Payers of "):
        load_source_class("crm", installed=installed)


def test_one_source_found_twice_is_one() -> None:
    twice = point("crm", "external_gate.payers.table:TablePayers")

    assert load_source_class("crm", installed=[twice, twice]) is TablePayers


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import a_package_that_is_not_there", "ModuleNotFoundError"),
        ("raise RuntimeError('boom at import')", "RuntimeError: boom at import"),
        ("this is no Python", "SyntaxError"),
        ("", "AttributeError"),
    ],
)
def test_plugin_that_cannot_be_imported_is_named_with_the_cause(
    plugin: Path, source: str, said: str
) -> None:
    plugin.write_text(source)

    with pytest.raises(Broken, match=said) as caught:
        load_source_class("crm", installed=[point("crm", "a_plugin:Payers")])

    assert "a_plugin:Payers" in str(caught.value)
    assert caught.value.__cause__ is not None


def test_plugin_without_from_settings_is_refused(plugin: Path) -> None:
    plugin.write_text("class Payers: ...")

    with pytest.raises(Broken, match="has no from_settings"):
        load_source_class("crm", installed=[point("crm", "a_plugin:Payers")])


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("KeyError('s3cret')", "cannot be built from .payers.: KeyError; mend"),
        ("Refused('no, because')", "no, because"),
    ],
)
def test_plugin_that_cannot_be_built_says_so_without_secrets(
    plugin: Path, raised: str, said: str
) -> None:
    plugin.write_text(
        "from external_gate.domain.errors import Refused\n"
        "class Payers:\n"
        "    @classmethod\n"
        f"    def from_settings(cls, settings, surroundings): raise {raised}\n"
    )

    with pytest.raises(GateError, match=said) as caught:
        build_payer_source(
            PayersSettings(source="crm"),
            PayerSurroundings(Unasked(), StandingClock(), Unasked().lookup),
            installed=[point("crm", "a_plugin:Payers")],
        )

    assert "s3cret" not in str(caught.value)


def test_plugin_of_a_stranger_loads(plugin: Path) -> None:
    plugin.write_text(
        "class Payers:\n"
        "    @classmethod\n"
        "    def from_settings(cls, settings, surroundings): return cls()\n"
    )

    loaded = load_source_class("crm", installed=[point("crm", "a_plugin:Payers")])

    assert loaded.from_settings.__module__ == "a_plugin"
