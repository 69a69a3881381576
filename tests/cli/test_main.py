"""The command line as a whole: what is listed, what is imported, how it ends."""

import json
import os
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from external_gate.cli import main as command_line
from external_gate.cli.main import COMMANDS, cli, main
from tests.cli.conftest import Home
from tests.databases import Database, SqliteFile


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Give a file: no database is opened."""
    return SqliteFile(tmp_path / "gate.db")


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)

    assert isinstance(command, click.Command)
    assert command.name == name
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0
    assert "Example:" in shown.output


@pytest.mark.parametrize("path", [("workflows",), ("notifications",), ("payers",), ("config",)])
def test_every_listing_and_showing_command_speaks_json(path: tuple[str, ...]) -> None:
    group = cli.get_command(click.Context(cli), path[0])
    assert isinstance(group, click.Group)

    for name in {"list", "show", "check"} & set(group.commands):
        assert "--json" in CliRunner().invoke(cli, [*path, name, "--help"]).output


def test_help_lists_every_command_and_imports_none() -> None:
    heavy = "[name for name in sys.modules if name.startswith('external_gate.assembly')]"
    code = (
        "import sys; from click.testing import CliRunner; from external_gate.cli.main import cli; "
        f"print(CliRunner().invoke(cli, ['--help']).output); print({heavy})"
    )

    shown = run_python(code).stdout

    for name, place in COMMANDS.items():
        assert name in shown
        assert place.help in shown
    assert shown.rstrip().endswith("[]")


def test_version_is_that_of_the_distribution() -> None:
    shown = CliRunner().invoke(cli, ["--version"])

    assert shown.output == f"external-gate {metadata.version('external-gate')}\n"


def test_garbage_collector_rests_until_the_command_is_loaded() -> None:
    code = (
        "import contextlib, gc; from external_gate.__main__ import main; print(gc.isenabled())\n"
        "with contextlib.suppress(SystemExit): main(['config', '--help'])\n"
        "print(gc.isenabled(), gc.get_freeze_count() > 10_000)"
    )

    lines = run_python(code).stdout.splitlines()

    assert (lines[0], lines[-1]) == ("False", "True True")


def test_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "external_gate", "--version"], capture_output=True, check=False
    )

    assert done.returncode == 0
    assert done.stdout.startswith(b"external-gate ")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["workflows", "list", "--nonsense"]])
def test_wrong_use_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "Usage: external-gate" in capsys.readouterr().err


def test_help_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["workflows", "--help"])

    assert ended.value.code == 0
    assert "Usage: external-gate workflows" in capsys.readouterr().out


def test_gateways_are_checked_with_the_configuration(home: Home) -> None:
    home.configure(gateway='adapter = "sandbox"\nbook = "typo.db"')

    result = home.run("config", "check", "--json")

    assert result.exit_code == 2
    assert [fault["key"] for fault in json.loads(result.stdout)["faults"]] == ["gateways.main.book"]


BUGGY = """
import sys, click
from external_gate.cli import main

@click.command("config")
def buggy():
    secret = "c4n4ry-local"
    try:
        int("c4n4ry-inner")
    except ValueError as error:
        raise RuntimeError("c4n4ry-outer") from error

main.cli.add_command(buggy)
main.LazyGroup.get_command = lambda self, ctx, name: buggy
main.main(["config"])
"""


def test_bug_is_shown_without_any_value_and_never_says_no() -> None:
    done = run_python(BUGGY)

    assert done.returncode == 2
    assert "bug of external-gate" in done.stderr
    assert "RuntimeError" in done.stderr
    assert "ValueError" in done.stderr
    assert "in buggy" in done.stderr
    assert "c4n4ry" not in done.stderr + done.stdout


# The command that is interrupted is in the middle of something; nobody waits for its end. Who runs
# the tests in the background may ignore SIGINT, which children inherit; a terminal does not.
SLOW = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
""" + BUGGY.replace(
    "    try:", "    print('ready', flush=True); import time; time.sleep(30)\n    try:"
)


def test_ctrl_c_ends_with_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        os.kill(running.pid, signal.SIGINT)
        _, talk = running.communicate(timeout=30)

    assert running.returncode == command_line.INTERRUPTED == 130
    assert talk.strip() == "stopped"
