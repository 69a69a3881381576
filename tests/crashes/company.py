"""The processes of one run: who is started, who is killed from outside, who is started again."""

import itertools
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.crashes.doom import Point
from tests.crashes.nursery import Nursery, lives
from tests.crashes.others import HostDesk, MetronomeDesk
from tests.crashes.places import Place
from tests.stories.players import SECRET, TOKEN, Players

PATIENCE_SECONDS = 60.0
LEASE_SECONDS = 10
TIMEOUT_SECONDS = 5
HOST_SECRET = "whsec_c3dlZXAtb2YtY3Jhc2hlcy1zZWNyZXQh"
"""Only where the host notifies: it would refuse what our clock, moved by hours, has signed."""

METRONOME_EDGES = frozenset({"invoice", "contract", "release", "customer"})

# Below the ports that the kernel gives away by itself: nobody takes one between two starts.
_ports = itertools.count(15_000 + os.getpid() % 1000 * 15)
_ports_lock = threading.Lock()


def quiet_port() -> int:
    """Give a port that nobody listens on."""
    with _ports_lock:
        for port in _ports:
            with socket.socket() as one, suppress(OSError):
                one.bind(("127.0.0.1", port))
                return port
    raise AssertionError("there are more ports than that")


@dataclass
class Company:
    """Emulator, host, service and people, each a process; all in one folder."""

    nursery: Nursery
    http: httpx.Client
    folder: Path
    point: Point | None
    place: Place
    players: Players = field(init=False)
    host_port: int = field(default_factory=quiet_port)
    processes: dict[str, int] = field(default_factory=dict)
    has_restarted: bool = False

    def __post_init__(self) -> None:
        self.players = Players(self.folder, quiet_port(), quiet_port())
        self.metronome = MetronomeDesk(self.http, self.players.emulator_url)
        self.host = HostDesk(self.http, f"http://127.0.0.1:{self.host_port}")

    def start(self, **knobs: object) -> None:
        """Start everybody; `knobs` are of the service's configuration, but for `rushed`."""
        if knobs.pop("rushed", False):
            (self.folder / "rushed").touch()
        (self.folder / "external-gate.toml").write_text(self._config(**knobs))  # type: ignore[arg-type]  # as the play has them
        self._start(
            "host",
            books=self.folder / "host-books.db",
            port=self.host_port,
            secret=knobs.get("secret", ""),
            notify_url=f"{self.players.service_url}/webhooks/gateways/main",
        )
        webhook_url = f"{self.players.service_url}/webhooks/metronome"
        self._start("metronome", port=self.players.emulator_port, webhook_url=webhook_url)
        self.start_service()
        self._prepare_midway()

    def end(self) -> None:
        """End everybody."""
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def start_service(self) -> None:
        """Start the service, and wait until all listen."""
        self._start("service", folder=self.folder, **self._doom)
        self._wait_for_listeners()

    def start_person(self, act: str, *, workflow_id: str, answer: Path) -> int:
        """Start a person's command."""
        order = {"act": act, "workflow_id": workflow_id, "answer": answer}
        return self._start("person", folder=self.folder, **order, **self._doom)

    def drain(self) -> None:
        """Stop the service as an orchestrator does, and start it again when it has ended."""
        service = self.processes["service"]
        with suppress(ProcessLookupError):
            os.kill(service, signal.SIGTERM)
        _wait_for_the_end_of(service)
        self.start_service()

    def look_after(self) -> None:
        """Be the supervisor: start the service again, once, if it was killed at the point."""
        self._strike_midway()
        if lives(self.processes["service"]):
            return
        self._start_again()
        self._wait_for_listeners()
        self.metronome.control("clock", advance_seconds=900)  # what we did not take comes again

    def is_at_work(self, owner: str) -> bool:
        """Tell whether the owner of a lease lives."""
        if owner == "operator":
            return lives(self.processes["person"])
        return owner.endswith(f":{self.processes['service']}")

    @property
    def was_struck(self) -> bool:
        """Whether the kill has happened."""
        return self._marker.exists()

    def log(self, role: str) -> str:
        """Give what a role has logged."""
        return (self.folder / f"{role}.log").read_text()

    @property
    def _marker(self) -> Path:
        return self.folder / "struck"

    @property
    def _doom(self) -> dict[str, object]:
        point = self.point
        if point is None or point.when == "midway":
            return {}
        return {"when": point.when, "what": point.what, "nth": point.nth}

    def _start_again(self) -> None:
        assert self.was_struck, f"the service ended by itself: {self.log('service')}"
        assert not self.has_restarted, f"the service died again: {self.log('service')}"
        self.has_restarted = True
        self._start("service", folder=self.folder)

    def _wait_for_listeners(self) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        for port in (self.host_port, self.players.emulator_port, self.players.service_port):
            while not _listens(port):
                assert time.monotonic() < give_up_at, f"nobody listens: {self.log('service')}"
                if not lives(self.processes["service"]):
                    self._start_again()
                time.sleep(0.01)  # asked again: another process sets no event here

    def _start(self, role: str, **order: object) -> int:
        log = self.folder / f"{role}.log"
        self.processes[role] = self.nursery.start(role, log=log, **order)
        return self.processes[role]

    def _prepare_midway(self) -> None:
        """Order that the other side takes the request, does as it is asked, and does not answer."""
        point = self.point
        if point is None or point.when != "midway":
            return
        if point.what in METRONOME_EDGES:
            self.metronome.misbehave(point.what, "slow", seconds=30)
        else:
            self.host.misbehave(point.what, "hang_after")

    def _strike_midway(self) -> None:
        """Kill the service from outside once the other side has the request at the point."""
        point = self.point
        if point is None or point.when != "midway" or self.was_struck:
            return
        if point.what in METRONOME_EDGES:
            has_arrived = self.metronome.is_slow_now()
        else:
            has_arrived = self.host.has_been_asked(point.what)
        if has_arrived:
            self._marker.write_text("from outside")
            os.kill(self.processes["service"], signal.SIGKILL)
            _wait_for_the_end_of(self.processes["service"])

    def _config(
        self,
        *,
        lease_seconds: float = LEASE_SECONDS,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retry: str = "",
        secret: str = "",
    ) -> str:
        host = f'adapter = "http"\nurl = "http://127.0.0.1:{self.host_port}/charges"'
        host += f'\nsecret = "{secret}"'
        host += f"\ntimeout_seconds = {timeout_seconds}"
        return f"""
[server]
port = {self.players.service_port}
drain_delay_seconds = 0
[metronome]
base_url = "{self.players.emulator_url}"
api_token = "{TOKEN}"
webhook_secrets = ["{SECRET}"]
[store]
{self.place.table}
[worker]
lease_seconds = {lease_seconds}
drain_seconds = {lease_seconds}
poll_seconds = 0.05
[retry]
{retry}
[gateways.main]
{host}
[gateways.forgetful]
{host}
key_stores = "success_only"
[gateways.keyless]
{host}
key_stores = "nothing"
window_days = 0
cancel = "none"
"""


def _wait_for_the_end_of(process: int) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while lives(process):
        assert time.monotonic() < give_up_at, f"process {process} does not end"
        time.sleep(0.005)  # asked again: it is a grandchild, whose end we cannot wait for


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
