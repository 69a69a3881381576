"""external-gate as users start it: `external-gate serve --config …`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.load.notifications import SECRET
from bench.servers.process import Server, free_port, started

NOBODY = "http://127.0.0.1:9"
"""For receivers, which call nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a service is set up; everything else has its default."""

    store_url: str
    receives_only: bool = True
    outside_url: str = NOBODY
    """Of Metronome and of the host application that charges."""
    server: str = ""
    """Lines of the table `[server]`."""
    worker: str = ""
    """Lines of the table `[worker]`."""
    gateway: str = ""
    """Lines of the table `[gateways.main]`."""

    def toml(self, port: int) -> str:
        """Give the configuration."""
        return f"""
[server]
port = {port}
{self.server}
[metronome]
base_url = "{self.outside_url}"
api_token = "bench-token"
webhook_secrets = ["{SECRET}"]
[store]
url = "{self.store_url}"
[worker]
{self.worker}
[gateways.main]
adapter = "http"
url = "{self.outside_url}/charges"
{self.gateway}
[log]
level = "warning"
"""


@contextmanager
def running_product(
    name: str, folder: Path, setup: Setup, *, cores: set[int] | None = None
) -> Iterator[Server]:
    """Start the service and wait until it is ready; on the servers' core, unless told otherwise."""
    port = free_port()
    command = write_config(name, folder, setup, port)
    log = folder / f"{name}.log"
    with started(name, command, port=port, log=log, cores=cores, ready="/readyz") as server:
        yield replace(server, store_url=setup.store_url)


def write_config(name: str, folder: Path, setup: Setup, port: int) -> list[str]:
    """Write the configuration of a service; gives the command that starts it."""
    config = folder / f"{name}.toml"
    config.write_text(setup.toml(port))
    command = [str(_command()), "serve", "--config", str(config)]
    return [*command, "--no-worker"] if setup.receives_only else command


def sqlite_url(folder: Path, name: str) -> str:
    """Give the address of a file for a service or a baseline."""
    return f"sqlite:///{folder / name}.db"


def _command() -> Path:
    return Path(sys.executable).with_name("external-gate")
