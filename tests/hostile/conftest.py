"""The real service under attack over real sockets; its limits are short so that nobody waits."""

import contextlib
import http.client
import itertools
import json
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from external_gate.intake.signature import http_date, sign
from tests.stories.players import PATIENCE_SECONDS, SECRET, Players, answers, players, until

SAMPLES = Path(__file__).parents[1] / "samples" / "metronome"

HEADER_TIMEOUT_SECONDS = 0.5
BODY_TIMEOUT_SECONDS = 0.5
BODY_LIMIT_BYTES = 65_536
MOST_CONNECTIONS = 200

DRIP_EVERY_SECONDS = 0.02

MOST_GROWTH_KIB = 96 * 1024
"""How much more memory than before an attack the service may ever have had. What the limits allow
is 200 connections of 165 KB each."""

KEYS = f"""
[server]
header_timeout_seconds = {HEADER_TIMEOUT_SECONDS}
body_timeout_seconds = {BODY_TIMEOUT_SECONDS}
body_limit_bytes = {BODY_LIMIT_BYTES}
max_connections = {MOST_CONNECTIONS}"""


@dataclass
class Attacker:
    """One connection of somebody who means no good."""

    connection: socket.socket

    def send(self, raw: bytes) -> None:
        """Send what goes out at once; that the service has closed meanwhile is no fault."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self.connection.send(raw)

    def heard(self) -> bytes:
        """Give what has arrived, without waiting."""
        return b"".join(self._chunks())

    def next_heard(self) -> bytes | None:
        """Wait for what arrives next; None once the service has closed."""
        self.connection.settimeout(PATIENCE_SECONDS)
        try:
            return self.connection.recv(65_536) or None
        except ConnectionError:
            return None

    def is_closed(self) -> bool:
        """Tell whether the service has closed; what arrived before that is thrown away."""
        return any(chunk == b"" for chunk in self._chunks())

    def is_reset(self) -> bool:
        """Tell whether the service has closed, without reading anything."""
        try:
            self.connection.send(b"\r\n")
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        return False

    def _chunks(self) -> Iterator[bytes]:
        while True:
            try:
                chunk = self.connection.recv(65_536)
            except BlockingIOError:
                return
            except ConnectionError:
                chunk = b""
            yield chunk
            if not chunk:
                return


def signed(name: str) -> tuple[bytes, dict[str, str]]:
    """Give a notification under a name of its own, and its headers."""
    sample = json.loads((SAMPLES / "payment_gate.external_initiate.json").read_text())
    sample["id"] = name
    sample["properties"] |= {"workflow_id": name, "invoice_id": f"inv-{name}"}
    body, date = json.dumps(sample).encode(), http_date(datetime.now(UTC))
    signature = sign(SECRET, date=date, body=body)
    return body, {"X-Metronome-Date": date, "Metronome-Webhook-Signature": signature}


@dataclass
class Siege:
    """A service, those who attack it, and a sender who means well."""

    cast: Players
    attackers: list[Attacker] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def attack(self, first: bytes = b"", *, receive_buffer: int | None = None) -> Attacker:
        """Open a connection and send its first bytes."""
        connection = socket.socket()
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(("127.0.0.1", self.cast.service_port))
        connection.setblocking(False)
        self.attackers.append(Attacker(connection))
        self.attackers[-1].send(first)
        return self.attackers[-1]

    def deliver(self) -> str:
        """Deliver a notification over a connection of its own, and give what became of it."""
        with self.kept_connection() as deliver:
            return deliver()

    @contextlib.contextmanager
    def kept_connection(self) -> Iterator[Callable[[], str]]:
        """Give a way to deliver one notification after another over one and the same connection."""
        line = http.client.HTTPConnection(
            "127.0.0.1", self.cast.service_port, timeout=PATIENCE_SECONDS
        )
        line.connect()
        line.auto_open = 0  # a connection that was closed shows, instead of being opened again

        def deliver() -> str:
            body, headers = signed(f"siege-{next(self.numbers)}")
            line.request("POST", "/webhooks/metronome", body, headers)
            answer = line.getresponse()
            return f"{answer.status} {json.loads(answer.read()).get('result')}"

        with contextlib.closing(line):
            yield deliver

    @contextlib.contextmanager
    def under_attack(self, first: bytes, *, drip: bytes = b"", attackers: int) -> Iterator[None]:
        """Keep so many attackers at it: whom the service closes is replaced by a new one."""
        for _ in range(attackers):
            self.attack(first)
        over = threading.Event()
        attack = threading.Thread(target=self._keep_up, args=(over, first, drip))
        attack.start()
        try:
            yield
        finally:
            over.set()
            attack.join()

    def _keep_up(self, over: threading.Event, first: bytes, drip: bytes) -> None:
        while not over.wait(DRIP_EVERY_SECONDS):
            for attacker in list(self.attackers):
                attacker.send(drip)
                if attacker.is_closed():
                    self.attackers.remove(attacker)
                    attacker.connection.close()
                    self.attack(first)

    def until_all_are_closed(self, *, drip: bytes = b"") -> None:
        """Wait until the service has closed every attacker, who drip on meanwhile."""

        def are_closed() -> bool:
            for attacker in self.attackers:
                attacker.send(drip)
            return not self.open_connections()

        until(are_closed, "the service keeps connections that only stand about")

    def open_connections(self) -> int:
        """Count the attackers whom the service has not closed."""
        return sum(not attacker.is_closed() for attacker in self.attackers)

    def most_memory_kib(self) -> int:
        """Give the most memory that the service ever had."""
        pid = self.cast.running["service"].pid
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])

    def busy_seconds(self) -> float:
        """Give how much processor time the service has used so far."""
        pid = self.cast.running["service"].pid
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """Let the attackers go."""
        for attacker in self.attackers:
            attacker.connection.close()
        self.attackers.clear()


@contextlib.contextmanager
def besieged(
    folder: Path, *, parser: str = "auto", open_files: int | None = None
) -> Iterator[Siege]:
    """Give a running service that reads with one of the parsers and may open so many files."""
    keys = f'{KEYS.strip()}\nhttp_parser = "{parser}"'
    with players(folder) as cast:
        cast.write_config()
        cast.config.write_text(cast.config.read_text().replace("[server]", keys))
        if open_files is None:
            cast.start_service()
        else:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, hard))
            try:
                cast.start_service(wait=False)  # it inherits the limit
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            until(lambda: answers(f"{cast.service_url}/readyz"), "no service")
        siege = Siege(cast)
        yield siege
        siege.end()


@pytest.fixture(scope="module", params=["httptools", "h11"])
def fortress(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Siege]:
    """Give a running service; one for a whole file, as it must outlive every attack."""
    with besieged(tmp_path_factory.mktemp("fortress"), parser=request.param) as siege:
        yield siege


@pytest.fixture
def siege(fortress: Siege) -> Iterator[Siege]:
    """Give the service for one attack; it must have stayed alive, clean and small."""
    memory_kib = fortress.most_memory_kib()
    yield fortress
    fortress.end()
    assert fortress.most_memory_kib() - memory_kib < MOST_GROWTH_KIB
    assert fortress.cast.running["service"].poll() is None
    assert answers(f"{fortress.cast.service_url}/readyz")
    assert "Traceback" not in fortress.cast.log("service")
