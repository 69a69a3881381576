"""Crews as the run sees them: processes that are told what to do, and say what came of it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import IO

from bench.cores import pin, server_cores
from bench.faults import Fault
from bench.rounds import Contender
from bench.samples import Sample
from bench.servers.baseline import demand_package
from bench.servers.process import Server, clean_environment
from bench.working.turn import Done, Turn

_batches = count(1_000_000)
"""Beyond those of the load generator."""


@dataclass(frozen=True, slots=True)
class CrewProcess:
    """A running crew."""

    server: Server

    def work(
        self, *, seconds: float = 0.0, most: int = 0, verb: str = "work", profiled: bool = False
    ) -> Done:
        """Have one turn done. Raises `WrongAnswer`, with what it logged last, if it died of it."""
        self.begin(seconds=seconds, most=most, verb=verb, profiled=profiled)
        return self.end()

    def begin(
        self, *, seconds: float = 0.0, most: int = 0, verb: str = "work", profiled: bool = False
    ) -> None:
        """Tell it what to do, and do not wait."""
        turn = Turn(batch=next(_batches), seconds=seconds, most=most, verb=verb, profiled=profiled)
        self._write(json.dumps(asdict(turn)))

    def end(self) -> Done:
        """Wait for what came of it."""
        return Done(**json.loads(self.read_line()))

    def contender(self, name: str = "", *, verb: str = "work") -> Contender:
        """Give it as somebody who is measured."""

        def measure(seconds: float) -> Sample:
            done = self.work(seconds=seconds, verb=verb)
            return Sample(done.count, done.seconds)

        return Contender(name or self.server.name, measure)

    def read_line(self) -> str:
        """Read what it tells. Raises `WrongAnswer` when it has ended."""
        _, told = self._pipes()
        line = told.readline()
        if not line:
            self.server.process.wait()
            self.server.demand_alive()
        return line.decode()

    def _write(self, line: str) -> None:
        self.server.demand_alive()
        orders, _ = self._pipes()
        orders.write(f"{line}\n".encode())
        orders.flush()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        orders, told = self.server.process.stdin, self.server.process.stdout
        if orders is None or told is None:
            raise Fault("a crew has no pipes")
        return orders, told


@contextmanager
def running_crew(
    kind: str,
    folder: Path,
    *,
    outside_url: str,
    store_url: str = "",
    name: str = "",
    cores: set[int] | None = None,
) -> Iterator[CrewProcess]:
    """Start a crew on the core of the servers and wait until it is ready.

    Raises `Unmeasured` when its package is not installed.
    """
    demand_package(kind)
    name = name or kind
    log = folder / f"crew-{name.replace('/', ' ')}.log"
    command = [sys.executable, "-m", "bench.working", kind, str(folder), outside_url, store_url]
    with log.open("ab") as written:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            env=clean_environment(),
        )
    pin(process.pid, server_cores() if cores is None else cores)
    with process:  # closes the pipes, too
        crew = CrewProcess(Server(name, 0, process, log))
        try:
            crew.read_line()
            yield crew
        finally:
            process.kill()
