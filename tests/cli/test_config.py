"""`external-gate config` as people call it: answers, exit codes, nothing secret on any channel."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from external_gate.cli.config import CHECK_GATEWAY, config, config_option, load_or_exit
from external_gate.settings import Fault

SOUND = """\
[metronome]
api_token = "c4n4ry-token"
webhook_secrets = ["c4n4ry-secret"]

[gateways.main]
adapter = "sandbox"
secret = "c4n4ry-gateway"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a sound configuration in the usual place of an empty working directory."""
    monkeypatch.chdir(tmp_path)
    usual = tmp_path / "config" / "external-gate.toml"
    usual.parent.mkdir()
    usual.write_text(SOUND)
    return usual


def run(*arguments: str, **environ: str) -> Result:
    result = CliRunner().invoke(config, list(arguments), env=environ)
    assert "c4n4ry" not in result.output
    return result


def test_check_says_ok_and_sums_up(file: Path) -> None:
    result = run("check", EXTERNAL_GATE_PORT="tcp://10.0.0.1:80")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "ok"
    assert "gateways: main (sandbox)" in result.stdout
    assert "ignored names: EXTERNAL_GATE_PORT" in result.stdout


def test_check_names_every_fault_and_leaves_with_2(file: Path) -> None:
    result = run(
        "check", EXTERNAL_GATE_SERVER__PORT="x", EXTERNAL_GATE_METRONOME__API_TOKEN=" c4n4ry"
    )

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "2 faults" in result.stderr
    assert "server.port: " in result.stderr
    assert "metronome.api_token: " in result.stderr


def test_check_answers_programs_in_json(file: Path) -> None:
    good = run("check", "--json")
    bad = run("check", "--json", EXTERNAL_GATE_SERVER__PORT="x")

    assert (good.exit_code, bad.exit_code) == (0, 2)
    assert json.loads(good.stdout)["ok"] is True
    answer = json.loads(bad.stdout)
    assert answer["ok"] is False
    assert [set(fault) for fault in answer["faults"]] == [{"key", "wrong", "cure"}]


def test_show_tells_values_and_sources_without_secrets(file: Path) -> None:
    result = run("show", EXTERNAL_GATE_SERVER__PORT="0")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "server.port = 0  # environment EXTERNAL_GATE_SERVER__PORT" in lines
    assert 'server.host = "127.0.0.1"  # default' in lines
    assert 'metronome.api_token = "********"  # file config/external-gate.toml' in lines


def test_show_in_json_has_key_value_and_source(file: Path) -> None:
    result = run("show", "--json", "--config", str(file))

    listed = {row["key"]: row for row in json.loads(result.stdout)}
    assert listed["gateways.main.secret"]["value"] == "********"
    assert listed["gateways.main.secret"]["source"] == f"file {file}"


def test_show_of_a_faulty_configuration_leaves_with_2(file: Path) -> None:
    result = run("show", "--config", "nowhere.toml")

    assert result.exit_code == 2
    assert "nowhere.toml: cannot be read" in result.stderr


@pytest.mark.parametrize("command", [[], ["check"], ["show"]])
def test_help_shows_an_example(command: list[str]) -> None:
    assert "external-gate config" in run(*command, "--help").output.partition("Example:")[2]


def test_other_commands_load_the_same_way(file: Path) -> None:
    @click.command()
    @config_option
    def other(config_path: Path | None) -> None:
        loaded = load_or_exit(config_path)
        click.echo(loaded.settings.gateways["main"].adapter)

    assert CliRunner().invoke(other).stdout == "sandbox\n"
    assert CliRunner().invoke(other, ["--config", "nowhere"]).exit_code == 2


def test_check_of_adapters_comes_from_the_outermost_command(file: Path) -> None:
    @click.group()
    @click.pass_context
    def outermost(context: click.Context) -> None:
        context.meta[CHECK_GATEWAY] = lambda name, adapter, values: [
            Fault(f"gateways.{name}.books", f"{adapter} lacks them", "name a file")
        ]

    outermost.add_command(config)

    for arguments in (["config", "check"], ["config", "show"], ["config", "check", "--json"]):
        result = CliRunner().invoke(outermost, arguments)
        assert result.exit_code == 2
        assert "gateways.main.books" in result.output
