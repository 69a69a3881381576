"""A server as a process of its own: started on its core, waited for, and killed."""

import http.client
import itertools
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.cores import pin, server_cores
from bench.faults import Fault, WrongAnswer

PATIENCE_SECONDS = 60.0
LAST_LINES = 20


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    store_url: str = ""
    """Of external-gate, which may leave something to be done after a load; empty for all others."""

    def resident_mb(self) -> float:
        """Give its resident memory in MB (10^6 bytes), children not included."""
        command = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        told = subprocess.run(command, capture_output=True, check=True)  # noqa: S603 - as it stands
        return int(told.stdout) * 1024 / 1e6

    def demand_alive(self) -> None:
        """Raise `WrongAnswer`, with what it logged last, when it has ended."""
        if self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            ended = f"{self.name} ended with {self.process.returncode}"
            raise WrongAnswer("\n".join([ended, *lines]))


@contextmanager
def started(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    log: Path,
    cores: set[int] | None = None,
    ready: str = "/livez",
) -> Iterator[Server]:
    """Start a server, wait until `ready` is answered 200, and kill it in the end.

    It is killed, not stopped: what it has acknowledged must be on disk.
    """
    with log.open("ab") as written:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, stdout=written, stderr=written, env=clean_environment()
        )
    pin(process.pid, server_cores() if cores is None else cores)
    server = Server(name, port, process, log)
    try:
        _wait_until_ready(server, ready)
        yield server
        server.demand_alive()
    finally:
        process.kill()
        process.wait()


def clean_environment() -> dict[str, str]:
    """Give the environment without settings of somebody's own service.

    And modules keep their bytecode, as they do where a wheel was installed: else everybody whose
    sources lie in a work tree would compile all of them at every start.
    """
    return {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("EXTERNAL_GATE") and name != "PYTHONDONTWRITEBYTECODE"
    }


# Below the ports that the kernel gives away by itself: the load generator takes thousands of those.
_ports = itertools.count(12_000 + os.getpid() % 1_000 * 15)


def free_port() -> int:
    """Find a port that nobody listens on; none is given twice in a run."""
    for port in _ports:
        with socket.socket() as one, suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))
            return port
    raise Fault("there is no free port")


def answers(port: int, path: str) -> bool:
    """Tell whether a GET is answered 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _wait_until_ready(server: Server, path: str) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not answers(server.port, path):
        server.demand_alive()
        if time.monotonic() > give_up_at:
            raise WrongAnswer(f"{server.name} did not answer in {PATIENCE_SECONDS:g} s")
        time.sleep(0.02)  # asked again: another process sets no event here
