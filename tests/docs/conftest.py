"""A workshop as the reader of a page has it: an empty folder, a fresh environment, no network."""

import os
import socket
import subprocess
import sys
import sysconfig
import threading
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from external_gate.emulator import EmulatorSettings, make_server

ROOT = Path(__file__).parents[2]

LIVES = 3
"""Whole lives where a page takes the default of the kit."""


@dataclass
class Workshop:
    """The folder in which a page is followed, and what its shell sees."""

    folder: Path
    environ: dict[str, str]
    free_port: int


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def metronome() -> Iterator[str]:
    """A pretend Metronome, for whatever asks the real one."""
    server: uvicorn.Server = make_server(EmulatorSettings(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


NewWorkshop = Callable[[], Workshop]


@pytest.fixture(scope="session")
def new_workshop(
    tmp_path_factory: pytest.TempPathFactory, wheel: Path, metronome: str
) -> NewWorkshop:
    """Make an environment with what can be had from an index, but neither us nor our source."""

    def make() -> Workshop:
        folder = tmp_path_factory.mktemp("workshop")
        made = folder / ".venv"
        venv.create(made, with_pip=False, symlinks=True)
        _furnish(made)
        environ = {
            **{name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ},
            "PATH": f"{made / 'bin'}:{os.environ['PATH']}",
            "CLONE": str(ROOT),
            "EXTERNAL_GATE_WHEEL": str(wheel),
            "EXTERNAL_GATE_METRONOME__BASE_URL": metronome,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PYTEST_ADDOPTS": f"-p no:cacheprovider --gateway-seeds={LIVES}",
        }
        return Workshop(folder, environ, _free_port())

    return make


def _furnish(made: Path) -> None:
    """Let the environment see every package of ours but ourselves."""
    site = next(made.glob("lib/python*/site-packages"))
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "external_gate" not in entry.name and not (site / entry.name).exists():
            (site / entry.name).symlink_to(entry)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
