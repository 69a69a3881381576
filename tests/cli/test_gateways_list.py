"""`external-gate gateways list`: what is installed, who uses it, what is broken, and no secret."""

import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from external_gate.cli.main import cli
from tests.cli.conftest import Home
from tests.databases import Database, SqliteFile


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Give a file: no database is opened."""
    return SqliteFile(tmp_path / "gate.db")


Install = Callable[..., None]

SOUND = """
from pydantic import BaseModel, ConfigDict, SecretStr
from external_gate.gateways import Capabilities

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    api_key: SecretStr
    shop: int = 1

class Gateway:
    settings_model = Settings
    capabilities = Capabilities(currencies=frozenset({"EUR", "USD"}), refund=True)
    def __init__(self, settings, surroundings): ...
    def build(self, charge): ...
    async def charge(self, request): ...
    async def lookup(self, sent): ...
    async def cancel(self, sent): ...
    async def refund(self, sent): ...
    def parse_notification(self, headers, body, url): ...
"""

BY_SETTINGS = SOUND.replace(
    "    capabilities = Capabilities(",
    "    @property\n    def capabilities(self): return Capabilities(",
)

RIG = """
class Rig:
    adapter = Gateway
    payers, secrets, key_header = {}, (), None
    def settings(self, base_url): return {"api_key": "of-the-fake"}
    async def start(self): ...
    async def stop(self): ...
    async def takings(self): ...
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution as pip leaves it: a module, and a folder that describes it."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    modules: list[str] = []

    def put(distribution: str, source: str, *, name: str = "acme", version: str = "1.2") -> None:
        module = distribution.replace("-", "_")
        modules.append(module)
        (folder / f"{module}.py").write_text(textwrap.dedent(source))
        described = folder / f"{module}-{version}.dist-info"
        described.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (described / "METADATA").write_text(metadata)
        rig = f"[external_gate.rigs]\n{name} = {module}:Rig\n" if "class Rig" in source else ""
        entries = f"[external_gate.gateways]\n{name} = {module}:Gateway\n{rig}"
        (described / "entry_points.txt").write_text(entries)

    yield put
    for module in modules:
        sys.modules.pop(module, None)


def listed(result: Result) -> dict[str, Any]:
    """Give every adapter by its name."""
    return {one["name"]: one for one in json.loads(result.stdout)["adapters"]}


def without_configuration(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["gateways", "list", *arguments], env={"NO_COLOR": "1"})


def test_ours_are_listed_where_nothing_is_configured(home: Home) -> None:
    result = without_configuration("--json")

    found = listed(result)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["gateways"] == []
    for name in ("http", "sandbox"):
        assert found[name]["distribution"] == "external-gate"
        assert found[name]["loads"] is True
        assert found[name]["used_by"] == []
        assert found[name]["capabilities"]["idempotency"] == "native"
        assert found[name]["capabilities"]["window_seconds"] == 30 * 86_400
    assert found["sandbox"]["capabilities_with"] == "default settings"
    assert found["http"]["capabilities_with"] == "settings of its rig"
    keys = {key["key"]: key for key in found["http"]["settings"]}
    assert keys["url"]["required"] is True
    assert keys["timeout_seconds"] == {
        "key": "timeout_seconds",
        "required": False,
        "default": 20.0,
        "description": "How long one call may take.",
    }
    assert not list(home.folder.glob("sandbox-books*"))


def test_configured_gateways_stand_under_their_adapter_with_what_they_promise(home: Home) -> None:
    home.configure(gateway='adapter = "http"\nurl = "http://127.0.0.1:9/c"\ncurrencies = ["EUR"]')

    result, shown = home.run("gateways", "list", "--json"), home.run("gateways", "list")

    [gateway] = json.loads(result.stdout)["gateways"]
    assert (result.exit_code, shown.exit_code) == (0, 0)
    assert listed(result)["http"]["used_by"] == ["main"]
    assert gateway["usable"] is True
    assert gateway["capabilities"]["currencies"] == ["EUR"]
    assert "http  external-gate " in shown.stdout
    assert "  ok  used by main\n" in shown.stdout
    assert "  main: EUR, native for 30d storing every answer, lookup by query" in shown.stdout


def test_plugin_is_listed_with_distribution_version_and_capabilities(
    home: Home, install: Install
) -> None:
    install("acme-gateways", SOUND)

    found = listed(without_configuration("--json"))["acme"]
    shown = without_configuration().stdout

    assert (found["distribution"], found["version"]) == ("acme-gateways", "1.2")
    assert found["target"] == "acme_gateways:Gateway"
    assert found["capabilities"]["currencies"] == ["EUR", "USD"]
    assert found["capabilities_with"] == "every setting"
    assert "acme  acme-gateways 1.2  ok\n  with every setting: EUR USD, no usable key" in shown
    assert "  needs: api_key\n" in shown


@pytest.mark.parametrize(
    ("source", "known_from"), [(BY_SETTINGS + RIG, "settings of its rig"), (BY_SETTINGS, None)]
)
def test_what_depends_on_settings_is_told_by_the_rig_or_not_at_all(
    home: Home, install: Install, source: str, known_from: str | None
) -> None:
    install("acme-gateways", source)

    found = listed(without_configuration("--json"))["acme"]

    assert found["loads"] is True
    assert found["capabilities_with"] == known_from
    assert (found["capabilities"] is not None) == (known_from is not None)
    if known_from is None:
        assert "what it promises depends on its settings" in without_configuration().stdout


def test_broken_plugin_names_its_fault_and_does_not_stop_the_others(
    home: Home, install: Install
) -> None:
    install("acme-gateways", "import absent_module")

    result, shown = home.run("gateways", "list", "--json"), home.run("gateways", "list")

    found = listed(result)
    assert result.exit_code == 0  # nobody uses it
    assert found["acme"]["loads"] is False
    assert "acme-gateways 1.2 (acme_gateways:Gateway) cannot be imported" in found["acme"]["fault"]
    assert found["acme"]["cure"] == "install the module absent_module, which acme-gateways needs"
    assert found["sandbox"]["used_by"] == ["main"]
    assert "acme  acme-gateways 1.2  broken\n  fault: the adapter 'acme'" in shown.stdout
    assert "  cure: install the module absent_module" in shown.stdout


def test_broken_plugin_that_is_used_ends_with_1(home: Home, install: Install) -> None:
    install("acme-gateways", "raise ValueError('no')")
    home.configure(gateway='adapter = "acme"\napi_key = "c4n4ry-gateway"')

    result = home.run("gateways", "list", "--json")

    assert result.exit_code == 1
    [gateway] = json.loads(result.stdout)["gateways"]
    assert gateway["usable"] is False
    assert gateway["faults"][0]["key"] == "gateways.main.adapter"
    assert listed(result)["acme"]["used_by"] == ["main"]
    assert listed(result)["http"]["loads"] is True


def test_two_of_one_name_are_both_named(home: Home, install: Install) -> None:
    install("acme-one", SOUND)
    install("acme-two", SOUND)
    home.configure(gateway='adapter = "acme"\napi_key = "c4n4ry-gateway"')

    result = home.run("gateways", "list", "--json")

    claimed = [one for one in json.loads(result.stdout)["adapters"] if one["name"] == "acme"]
    assert result.exit_code == 1
    assert [one["distribution"] for one in claimed] == ["acme-one", "acme-two"]
    for one in claimed:
        assert "claimed by acme-one 1.2" in one["fault"]
        assert "and acme-two 1.2" in one["fault"]
        assert one["cure"] == "uninstall one of them"


@pytest.mark.parametrize(
    ("gateway", "told"),
    [
        ('adapter = "sandbox"\nbook = "typo.db"', "gateways.main.book"),
        ('adapter = "sandbx"', "did you mean sandbox?"),
        ('adapter = "sandbox"\nbooks = "no/folder/books.db"', "the folder"),
        ('adapter = "http"\nurl = "u"\nsecret = "c4n4ry-gateway"', "gateways.main.secret"),
    ],
)
def test_gateway_that_cannot_be_used_ends_with_1_and_repeats_no_secret(
    home: Home, gateway: str, told: str
) -> None:
    home.configure(gateway=gateway)

    shown = home.run("gateways", "list")

    assert shown.exit_code == 1
    assert told in shown.stdout
    assert "http  external-gate" in shown.stdout


def test_configuration_that_cannot_be_read_stops_no_listing_and_ends_with_2(home: Home) -> None:
    home.config.write_text("this is no TOML")

    result = home.run("gateways", "list", "--json")

    assert result.exit_code == 2
    assert set(listed(result)) >= {"http", "sandbox"}
    assert "The configuration has 1 fault:" in result.stderr


def test_gateway_of_the_environment_is_listed(home: Home) -> None:
    names = {
        "EXTERNAL_GATE_METRONOME__API_TOKEN": "c4n4ry-token",
        "EXTERNAL_GATE_METRONOME__WEBHOOK_SECRETS": '["c4n4ry-secret"]',
        "EXTERNAL_GATE_GATEWAYS__MAIN__ADAPTER": "sandbox",
    }
    result = CliRunner().invoke(cli, ["gateways", "list", "--json"], env=names)

    assert result.exit_code == 0, result.output
    assert listed(result)["sandbox"]["used_by"] == ["main"]


def test_what_plugins_say_cannot_spoil_the_answer(home: Home, install: Install) -> None:
    install("acme-gateways", f"print('welcome to acme')\n{SOUND}")
    install("evil-gateways", "raise ValueError('\x1b[2J')", name="evil")

    result, shown = without_configuration("--json"), without_configuration()

    assert listed(result)["acme"]["loads"] is True
    assert "\x1b" not in result.stdout + shown.stdout
    assert "\\x1b[2J" in shown.stdout


def test_damaged_installation_stops_nothing(home: Home, install: Install, tmp_path: Path) -> None:
    install("acme-gateways", SOUND)
    (tmp_path / "site" / "acme_gateways-1.2.dist-info" / "METADATA").unlink()

    result, shown = without_configuration("--json"), without_configuration()

    found = listed(result)["acme"]
    assert (found["distribution"], found["version"], found["loads"]) == ("", "", True)
    assert "acme  unknown distribution  ok" in shown.stdout


@pytest.mark.parametrize("command", ["list", "certify", "new"])
def test_every_command_of_the_group_has_an_example_and_json_where_it_lists(command: str) -> None:
    shown = CliRunner().invoke(cli, ["gateways", command, "--help"]).stdout

    assert f"external-gate gateways {command}" in shown
    assert "Example:" in shown
    assert command == "new" or "--json" in shown
