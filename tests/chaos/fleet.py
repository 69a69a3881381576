"""The processes of a campaign: emulator, host, four workers, two receivers; each with its cable."""

import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.balancer import Balancer
from tests.chaos.cable import Cable
from tests.chaos.weather import RECEIVERS, WORKERS
from tests.chaos.wires import Wires
from tests.crashes.company import quiet_port
from tests.stories.players import Players, answers, until
from tests.throwaway_postgres import Cluster

ROOT = Path(__file__).parents[2]

MAIN = "main"

KEYLESS = "keyless"
"""The gateway that takes the money again at every repeat: there nothing may be sent twice."""

LEASE_SECONDS = 3.0
TIMEOUT_SECONDS = 1.0
"""Of a call to the gateway. Whether an unanswered one arrived is certain once both have passed."""

EMULATED_SPEED = "10"
"""Metronome waits for seconds, then for minutes, before it sends again; a campaign has not got
them. Its clock decides nothing about money."""

ENDED_WITHOUT_A_DATABASE = 3
"""The exit code of a process that could not open its store; any other needs a bug."""


@dataclass
class Fleet:
    """Starts, strikes and supervises them."""

    cast: Players
    cluster: Cluster
    namespace: str
    wires: Wires
    host_port: int = field(default_factory=quiet_port)
    cables: dict[str, Cable] = field(init=False)
    balancer: Balancer = field(init=False)
    supposed_down: set[str] = field(default_factory=set)
    started_again: Counter[str] = field(default_factory=Counter)
    """Of those that ended by themselves, why they did."""

    def __post_init__(self) -> None:
        assert self.cluster.folder is not None, "a campaign restarts a database of its own"
        self.cast.emulator_port = quiet_port()
        socket = self.cluster.folder / ".s.PGSQL.5432"
        names = (*WORKERS, *RECEIVERS)
        self.cables = {name: Cable(self.wires, socket) for name in names}
        self.balancer = Balancer(self.wires, {name: quiet_port() for name in RECEIVERS})

    def start(self) -> None:
        """Start everybody, the service's processes all at the same moment."""
        self.balancer.start()
        for cable in self.cables.values():
            cable.start()
        cast = self.cast
        cast.service_port = self.balancer.port
        cast.store = f'url = "{self.cluster.url}"\nnamespace = "{self.namespace}"'
        cast.start_emulator("--speed", EMULATED_SPEED)
        self._start_host()
        gateway = f'adapter = "http"\nurl = "{self.host_url}/charges"'
        keyless = f'{gateway}\nkey_stores = "nothing"\nwindow_days = 0\ncancel = "none"'
        more = f"[gateways.{KEYLESS}]\n{keyless}\ntimeout_seconds = {TIMEOUT_SECONDS}"
        cast.write_config(gateway=gateway, more=more)
        for name in self.cables:
            self.start_one(name)
        until(lambda: self.balancer.ready == set(RECEIVERS), "no receiver is ready")
        for name in WORKERS:
            until(lambda name=name: '"started"' in cast.log(name), f"no {name}")  # type: ignore[misc]

    @property
    def host_books(self) -> Path:
        """Give the file of the gateway's books."""
        return self.cast.folder / "host-books.db"

    @property
    def host_url(self) -> str:
        """Give the address of the gateway."""
        return f"http://127.0.0.1:{self.host_port}"

    def _start_host(self) -> None:
        arguments = ("tests.chaos.slow_host", str(self.host_books), str(self.host_port))
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self.cast.start("host", "-m", *arguments, env={"PYTHONPATH": path})
        until(lambda: answers(f"{self.host_url}/_control/books"), "the host did not start")

    def start_one(self, name: str) -> None:
        """Start a process of the service."""
        env = {
            "EXTERNAL_GATE_WORKER__LEASE_SECONDS": str(LEASE_SECONDS),
            "EXTERNAL_GATE_GATEWAYS__MAIN__TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
            "EXTERNAL_GATE_SERVER__PORT": str(self.balancer.replicas.get(name, 0)),
            "EXTERNAL_GATE_STORE__URL": (
                f"postgresql://gate@127.0.0.1:{self.cables[name].port}/postgres"
            ),
        }
        role = ("serve", "--no-worker") if name in RECEIVERS else ("worker",)
        self.supposed_down.discard(name)
        self.cast.start(name, "-m", "external_gate", *role, *self.cast.with_config, env=env)

    def kill(self, name: str) -> None:
        """Kill a process; the supervisor leaves it dead until it is started."""
        self.supposed_down.add(name)
        self.cast.kill(name)

    def freeze(self, name: str) -> None:
        """Stop a process where it stands."""
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on as if nothing had been."""
        self._signal(name, signal.SIGCONT)

    def look_after(self) -> None:
        """Be the supervisor: start again whoever has ended by itself."""
        for name in set(self.cables) - self.supposed_down:
            code = self.cast.running[name].poll()
            if code is not None:
                self.started_again[f"{name.partition('-')[0]} ended with {code}"] += 1
                self.start_one(name)

    @property
    def bad_ends(self) -> list[str]:
        """Tell who ended by itself for another reason than a database that was away."""
        good = f"ended with {ENDED_WITHOUT_A_DATABASE}"
        ends = [end for end in self.started_again if not end.endswith(good)]
        return [*ends, *self._tracebacks()]

    def _tracebacks(self) -> list[str]:
        return [name for name in self.cables if "Traceback" in self.cast.log(name)]

    def _signal(self, name: str, number: signal.Signals) -> None:
        if self.cast.running[name].poll() is None:
            self.cast.signal(name, number)
