"""The example hosts as real processes, and the real `http` adapter that speaks with them."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from external_gate.gateways.gateway import Surroundings
from external_gate.gateways.http_gateway import HttpGateway, HttpSettings
from external_gate.outbound.calls import Answered, Call, CallEnd, Timeouts
from external_gate.outbound.httpx_caller import HttpxCaller
from tests.examples.structure import Json, faults
from tests.gateways.conftest import SECRET, WallClock

ROOT = Path(__file__).parents[2]
HOSTS = ROOT / "examples" / "hosts"
DOCUMENT: Json = json.loads((ROOT / "docs" / "http-gateway.openapi.json").read_text())

# A JVM that lives for seconds is quicker without its best compiler.
JAVA = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]

TROUBLE = ("--provider-timeout", "0.3", "--pending-seconds", "0.3")


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


@dataclass
class ExampleHost:
    """A running host."""

    process: subprocess.Popen[str]
    url: str
    journal: Path

    @property
    def origin(self) -> str:
        return self.url.removesuffix("/charges")

    def kill(self) -> None:
        """As `kill -9` does: nothing is finished, nothing is flushed."""
        kill(self.process)


@dataclass
class Program:
    """How a host is started."""

    command: list[str]
    log: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, journal: Path, *options: str) -> subprocess.Popen[str]:
        arguments = ["--port", "0", "--books", "--journal", str(journal), *options]
        with self.log.open("a") as errors:
            process = subprocess.Popen(
                [*self.command, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self.processes.append(process)
        return process

    def start(self, journal: Path, *options: str) -> ExampleHost:
        process = self.run(journal, *options)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, self.log.read_text()
        return ExampleHost(process, json.loads(line)["listening"], journal)


def _needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            # Where nobody looks at skipped tests, a missing interpreter is a failure.
            say = pytest.fail if os.environ.get("CI") else pytest.skip
            say(f"{program} is not installed on this machine")


def _closing(program: Program) -> Iterator[Program]:
    yield program
    for process in program.processes:
        kill(process)


@pytest.fixture(scope="session", params=["node", "java"])
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    _needs(*{"node": ["node"], "java": ["java", "javac"]}[name])
    return name


@pytest.fixture(scope="session")
def as_told(language: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The host as its README starts it."""
    commands = {
        "node": ["node", str(HOSTS / "node" / "host.mjs")],
        "java": [*JAVA, str(HOSTS / "java" / "Host.java")],
    }
    log = tmp_path_factory.mktemp(language) / "errors"
    yield from _closing(Program(commands[language], log))


@pytest.fixture(scope="session")
def compiled(language: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of the same host, made so that it starts quickly; no warning is allowed."""
    if language == "node":
        return ["node", str(HOSTS / "node" / "host.mjs")]
    classes = tmp_path_factory.mktemp("classes")
    source = str(HOSTS / "java" / "Host.java")
    subprocess.run(["javac", "-Xlint:all", "-Werror", "-d", str(classes), source], check=True)  # noqa: S607 # from the path, as everybody's
    return [*JAVA, "-cp", str(classes), "Host"]


@pytest.fixture
def program(compiled: list[str], tmp_path: Path) -> Iterator[Program]:
    """The host for a test that starts, kills and restarts it."""
    yield from _closing(Program(compiled, tmp_path / "errors"))


class Receiver(BaseHTTPRequestHandler):
    """Stands where external-gate receives notifications."""

    heard: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:  # the library's name
        body = self.rfile.read(int(self.headers["content-length"]))
        self.heard.append(({name.lower(): text for name, text in self.headers.items()}, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the library's name
        """Say nothing."""


@pytest.fixture(scope="session")
def notify_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/webhooks/gateways/main"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def host(
    as_told: Program, notify_url: str, tmp_path_factory: pytest.TempPathFactory
) -> ExampleHost:
    """One host for all tests that do not harm it: signed, and told where to notify."""
    journal = tmp_path_factory.mktemp("journal") / "charges.journal"
    return as_told.start(journal, *TROUBLE, "--secret", SECRET, "--notify-url", notify_url)


class CheckingCaller:
    """The real caller; holds every answer of a host to the document."""

    def __init__(self, caller: HttpxCaller) -> None:
        self._caller = caller

    async def call(self, call: Call) -> CallEnd:
        end = await self._caller.call(call)
        if isinstance(end, Answered):
            assert not list(self._faults(call, end)), (call.method, call.url, end.status, end.body)
        return end

    def _faults(self, call: Call, end: Answered) -> Iterator[str]:
        _, _, _, *parts = call.url.split("/")
        if parts[1:]:
            parts[1] = "{attempt_key}"
        operation = DOCUMENT["paths"]["/" + "/".join(parts)][call.method.lower()]
        responses = operation["responses"]
        status = str(end.status) if end.status < 500 else "default"
        if status not in responses:
            yield f"{status} is not in the document"
            return
        media = responses[status]["content"][end.headers["content-type"]]
        yield from faults(DOCUMENT, media["schema"], json.loads(end.body))


@pytest.fixture
async def caller() -> AsyncIterator[CheckingCaller]:
    timeouts = Timeouts.within(timedelta(seconds=10))
    async with HttpxCaller(
        WallClock(), high_water=None, timeouts=timeouts, max_connections=40
    ) as opened:
        yield CheckingCaller(opened)


NewGateway = Callable[..., HttpGateway]


@pytest.fixture
def gateway_to(caller: CheckingCaller) -> NewGateway:
    """Make the `http` gateway of a host; signed unless told otherwise."""

    def make(host: ExampleHost, secret: str = SECRET) -> HttpGateway:
        values = {"url": host.url, "timeout_seconds": 10, "secret": secret}
        return HttpGateway(
            HttpSettings.model_validate(values), Surroundings("main", caller, WallClock())
        )

    return make
