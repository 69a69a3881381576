"""The command `external-gate emulator`, as a process of its own."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from click.testing import CliRunner

from external_gate.cli.emulator import emulator

RUN = "from external_gate.cli.emulator import emulator; emulator()"


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", RUN, "--port", "0", "--token", "sk-1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_command_says_where_it_listens_and_ends_with_0(
    process: subprocess.Popen[str], ending: signal.Signals
) -> None:
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, line
    assert "next: POST" in line
    assert httpx.get(f"{found[0]}/_emulator/healthz").status_code == 200
    assert httpx.get(f"{found[0]}/v1/customers").status_code == 401

    process.send_signal(ending)

    assert process.wait(timeout=10) == 0
    assert process.stderr.read() == ""


def test_help_shows_an_example() -> None:
    shown = CliRunner().invoke(emulator, ["--help"])

    assert shown.exit_code == 0
    assert "external-gate emulator --webhook-url http://127.0.0.1:8080" in shown.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--speed", "0"],
        ["--token", ""],
        ["--webhook-url", "localhost:8080"],
        ["--host", "192.0.2.1"],
    ],
)
def test_wrong_use_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(emulator, arguments).exit_code == 2


def test_taken_port_ends_with_2_and_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shown = CliRunner().invoke(emulator, ["--port", str(port)])

    assert shown.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in shown.output
