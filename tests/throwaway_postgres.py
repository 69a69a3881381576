"""A PostgreSQL server of our own for the tests, from the binaries of this machine."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

URL_VARIABLE = "EXTERNAL_GATE_TEST_POSTGRES_URL"

OPTIONS = {
    "fsync": "off",  # nobody pulls the plug in a test; a killed server loses nothing by it
    "full_page_writes": "off",
    "listen_addresses": "''",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "deadlock_timeout": "50ms",
    "log_min_messages": "fatal",
}

DURABLE = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "256MB"}
"""What benchmarks have instead: there flushing is what is measured."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One running server."""

    url: str
    folder: Path | None = None
    """Where its files are; None for somebody else's server, which is not to be stopped."""
    binaries: Path = Path()
    user: str | None = None

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Connect as somebody who knows nothing of the store."""
        return psycopg.connect(self.url, autocommit=True)

    def restart(self) -> None:
        """Kill the server and start it again, as after a crash."""
        self._control("restart", "-m", "immediate")

    def stop(self) -> None:
        """End the server at once."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Start the server."""
        self._control("start")

    def _control(self, *arguments: str) -> None:
        if self.folder is None:
            pytest.skip(f"{URL_VARIABLE} names a server that is not ours to stop")
        logs = str(self.folder / "server.log")
        files, control = self.folder / "files", self.binaries / "pg_ctl"
        _run(control, "-D", files, "-w", "-s", "-l", logs, *arguments, user=self.user)


def found_binaries() -> Path | None:
    """Give the folder of the newest server on this machine."""
    candidates = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    on_path = shutil.which("initdb")
    found = candidates[-1] if candidates else on_path and Path(on_path).resolve()
    return Path(found).parent if found else None


def is_wanted() -> bool:
    """Whether tests run on PostgreSQL: where there is one, and in CI, which fails without."""
    return bool({URL_VARIABLE, "CI"} & os.environ.keys()) or found_binaries() is not None


@contextmanager
def running_cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """Give a server: the one that is named, or a fresh one. Without either the tests are skipped.

    In CI they fail instead: there it must be there. A fresh one that is `durable` flushes commits.
    """
    if url := os.environ.get(URL_VARIABLE):
        yield Cluster(url)
        return
    binaries = found_binaries()
    if binaries is None:
        told = f"PostgreSQL is not installed: install it, or set {URL_VARIABLE}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    folder = Path(tempfile.mkdtemp(prefix="gate-pg-"))
    user = _somebody(folder)
    cluster = Cluster(f"postgresql://gate@/postgres?host={folder}", folder, binaries, user)
    try:
        _make(cluster, OPTIONS | DURABLE if durable else OPTIONS)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def fresh_namespace(cluster: Cluster) -> Iterator[str]:
    """Give a name for a schema that does not exist yet, and drop it in the end."""
    name = f"gate_{uuid4().hex[:12]}"
    yield name
    with cluster.connect() as connection:
        connection.execute("SET lock_timeout = '5s'")
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE".encode())


def _make(cluster: Cluster, options: Mapping[str, str]) -> None:
    assert cluster.folder is not None
    files = cluster.folder / "files"
    initdb = cluster.binaries / "initdb"
    _run(initdb, "-D", files, "-U", "gate", "-E", "UTF8", "-N", "-A", "trust", user=cluster.user)
    lines = [f"{name} = {value}" for name, value in options.items()]
    lines.append(f"unix_socket_directories = '{cluster.folder}'\n")
    with (files / "postgresql.conf").open("a") as configuration:
        configuration.write("\n".join(lines))


def _somebody(folder: Path) -> str | None:
    """Name a user who may run a server; None when we may ourselves, which only root may not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return name
    pytest.fail("no user but root is there to run PostgreSQL")


def _run(*command: str | Path, user: str | None) -> None:
    done = subprocess.run(
        command,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
