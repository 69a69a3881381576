"""Starts the stub of Metronome and the host application, on the core of the load generator."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from bench.cores import outside_cores
from bench.faults import WrongAnswer
from bench.servers.process import Server, free_port, started


@dataclass(frozen=True, slots=True)
class StubServer:
    """A running stub."""

    server: Server

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.port}"

    def counts(self, which: str) -> dict[str, int]:
        """Give how many calls are `open` or `answered`, by who was asked."""
        with urlopen(f"{self.url}/livez", timeout=10) as answer:  # noqa: S310 - this machine
            counts: dict[str, int] = json.loads(answer.read())[which]
        return counts

    def wait_until(
        self, met: Callable[["StubServer"], bool], otherwise: str, *, patience_seconds: float
    ) -> None:
        """Wait until the counts say so. Raises `WrongAnswer(otherwise)` with them."""
        give_up_at = time.monotonic() + patience_seconds
        while not met(self):
            if time.monotonic() > give_up_at:
                counts = {which: self.counts(which) for which in ("open", "answered")}
                raise WrongAnswer(f"{otherwise}: {counts}")
            time.sleep(0.1)  # asked again: another process sets no event here


@contextmanager
def running_stub(
    folder: Path, name: str, *, metronome_seconds: float = 0.0, gateway_seconds: float = 0.0
) -> Iterator[StubServer]:
    """Start a stub that lets calls wait for so long."""
    port = free_port()
    delays = [str(metronome_seconds), str(gateway_seconds)]
    command = [sys.executable, "-m", "bench.outside", str(port), *delays]
    log = folder / f"{name}.log"
    with started(name, command, port=port, log=log, cores=outside_cores()) as server:
        yield StubServer(server)
