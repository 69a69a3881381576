"""A PostgreSQL server for one run, as careful as in production, with a database per contender."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from bench.faults import Unmeasured
from bench.servers.family import seconds_of_family
from tests.throwaway_postgres import Cluster, found_binaries, running_cluster


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A running PostgreSQL server."""

    cluster: Cluster
    version: str

    def fresh(self, name: str) -> str:
        """Make an empty database; gives its address."""
        with self.cluster.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return urlunsplit(urlsplit(self.cluster.url)._replace(path=f"/{quote(name)}"))

    def connections(self, url: str) -> int:
        """Count who is connected to a database that `fresh` has given."""
        asked = b"SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        with self.cluster.connect() as connection:
            row = connection.execute(asked, [_name_of(url)]).fetchone()
        return int(_shown(row))

    def processor_seconds(self) -> float:
        """Give what all processes of the server have taken. Raises `Unmeasured` for another's."""
        if self.cluster.folder is None:
            raise Unmeasured("the server is not ours to be looked into")
        told = (self.cluster.folder / "files" / "postmaster.pid").read_text()
        return seconds_of_family(int(told.splitlines()[0]))

    def drop(self, url: str) -> None:
        """Remove a database that `fresh` has given, whoever is connected."""
        with self.cluster.connect() as connection:
            connection.execute(f'DROP DATABASE "{_name_of(url)}" WITH (FORCE)'.encode())


@contextmanager
def running_database() -> Iterator[DatabaseServer]:
    """Start PostgreSQL. Raises `Unmeasured` without its binaries, or when it is not durable."""
    if found_binaries() is None:
        raise Unmeasured("PostgreSQL is not installed")
    with running_cluster(durable=True) as cluster:
        with cluster.connect() as connection:
            settings = [
                _shown(connection.execute(f"SHOW {name}".encode()).fetchone())
                for name in ("fsync", "synchronous_commit", "server_version")
            ]
        if settings[:2] != ["on", "on"]:
            raise Unmeasured(
                "PostgreSQL does not flush its commits; set fsync and synchronous_commit"
            )
        yield DatabaseServer(cluster, settings[2])


def _name_of(url: str) -> str:
    return unquote(urlsplit(url).path.removeprefix("/"))


def _shown(row: tuple[object, ...] | None) -> str:
    return str(row[0]) if row else ""
