"""Replicas are replaced one after another under load, and no sender of a valid webhook notices."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import external_gate
from external_gate.gateways.sandbox import charges_by_workflow
from external_gate.stores.schema import shipped
from tests.chaos.balancer import Balancer
from tests.chaos.senders import Senders, crowd
from tests.chaos.wires import wires
from tests.crashes.company import quiet_port
from tests.stories.players import Account, Players, account, until
from tests.tallies import count
from tests.throwaway_postgres import Cluster

LEASE_SECONDS = "60"
"""Longer than a story's patience: whoever waited for the end of a lease would be found out."""

ADDED = """
ALTER TABLE workflows ADD COLUMN colour text NOT NULL DEFAULT 'red';
ALTER TABLE attempts ADD COLUMN colour text NOT NULL DEFAULT 'red';
ALTER TABLE notifications ADD COLUMN colour text NOT NULL DEFAULT 'red';
ALTER TABLE evidence ADD COLUMN colour text NOT NULL DEFAULT 'red';
ALTER TABLE history ADD COLUMN colour text NOT NULL DEFAULT 'red';
CREATE TABLE colours (name text PRIMARY KEY, workflow_id text REFERENCES workflows (workflow_id));
CREATE INDEX ON workflows (colour);
"""
"""What the next version adds to the tables that every workflow writes to."""


@pytest.fixture
def store(postgres: Cluster, namespace: str) -> str:
    """Give the table `[store]`; deadlocks are looked for as late as on everybody's server."""
    usual = "options=-c%20deadlock_timeout%3D1s"
    url = f"{postgres.url}{'&' if '?' in postgres.url else '?'}{usual}"
    return f'url = "{url}"\nnamespace = "{namespace}"'


@pytest.fixture
def balancer(cast: Players) -> Iterator[Balancer]:
    """Give the address that Metronome knows; behind it stand two replicas, not started yet."""
    with wires() as running:
        found = Balancer(running, {"one": quiet_port(), "two": quiet_port()})
        found.start()
        cast.emulator_port, cast.service_port = quiet_port(), found.port
        cast.write_config()
        yield found


@pytest.fixture
def metronome(cast: Players, balancer: Balancer) -> Iterator[Account]:
    """Give an account whose webhooks go to the balancer."""
    cast.start_emulator()
    found = account(cast)
    yield found
    found.sdk.close()


def _start(cast: Players, balancer: Balancer, name: str, **environment: str) -> None:
    """Start a replica that receives and works, and wait until it gets its share."""
    env = {
        "EXTERNAL_GATE_SERVER__PORT": str(balancer.replicas[name]),
        "EXTERNAL_GATE_WORKER__LEASE_SECONDS": LEASE_SECONDS,
        "EXTERNAL_GATE_SERVER__DRAIN_DELAY_SECONDS": "1",
        "EXTERNAL_GATE_STORE__BUSY_TIMEOUT_SECONDS": "5",
        **environment,
    }
    process = cast.start(name, "-m", "external_gate", "serve", *cast.with_config, env=env)

    def is_ready() -> bool:
        assert process.poll() is None, cast.log(name)[-2000:]
        return name in balancer.ready

    until(is_ready, f"{name} is not ready")


def _stop(cast: Players, name: str) -> int:
    """Stop a replica as Kubernetes does, and give its process id once it has ended well."""
    process = cast.running[name]
    cast.signal(name, signal.SIGTERM)
    assert process.wait(timeout=30) == 0, cast.log(name)
    return process.pid


def _leases_of(postgres: Cluster, namespace: str, process: int) -> object:
    asked = f"SELECT count(*) FROM {namespace}.workflows WHERE lease_owner LIKE %s"  # noqa: S608 - our own name
    with postgres.connect() as connection:
        row = connection.execute(asked.encode(), (f"%:{process}",)).fetchone()
    return row and row[0]


def _all_is_well(cast: Players, metronome: Account, senders: Senders) -> None:
    """See that nobody was turned away, and that everything was charged once and released."""
    senders.stop()
    opened = set(senders.opened)

    def all_committed() -> bool:
        ended = {w["contract_id"] for w in metronome.books()["workflows"] if w["outcome"] == "paid"}
        return opened <= ended

    until(all_committed, "not everything is released")
    assert senders.refused == []
    tries = metronome.books()["deliveries"]
    assert [each for each in tries if each["status"] != 200] == []
    taken = charges_by_workflow(cast.books)
    assert [sum(keys.values()) for keys in taken.values()] == [1] * len(opened)
    count("webhooks answered while replicas were replaced", senders.answered + len(tries))


@pytest.mark.slow
def test_rolling_restart_refuses_nobody_and_leaves_no_lease_behind(
    postgres: Cluster, namespace: str, cast: Players, metronome: Account, balancer: Balancer
) -> None:
    for name in balancer.replicas:
        _start(cast, balancer, name)
    with crowd(metronome, balancer.url) as senders:
        for name in balancer.replicas:
            senders.go_on_for(40)
            stopped = _stop(cast, name)
            assert _leases_of(postgres, namespace, stopped) == 0
            _start(cast, balancer, name)
            senders.go_on_for(40)

        _all_is_well(cast, metronome, senders)


@pytest.mark.slow
def test_next_version_takes_over_replica_by_replica(
    postgres: Cluster, namespace: str, cast: Players, metronome: Account, balancer: Balancer
) -> None:
    """The next version is this one with a migration more: it migrates while this one works."""
    following = {"PYTHONPATH": str(_next_version(cast.folder))}
    for name in balancer.replicas:
        _start(cast, balancer, name)
    with crowd(metronome, balancer.url) as senders:
        senders.go_on_for(40)
        _replace(cast, balancer, "two", **following)
        assert _newest_migration(postgres, namespace) == "next_version"
        senders.go_on_for(40)  # both versions side by side
        _replace(cast, balancer, "one")  # this version starts on the newer schema
        senders.go_on_for(40)
        _replace(cast, balancer, "one", **following)
        senders.go_on_for(40)

        _all_is_well(cast, metronome, senders)


def _replace(cast: Players, balancer: Balancer, name: str, **environment: str) -> None:
    _stop(cast, name)
    _start(cast, balancer, name, **environment)


def _next_version(folder: Path) -> Path:
    """Copy the package and add a migration; gives where it is to be imported from."""
    root = folder / "next-version"
    copy = root / "external_gate"
    shutil.copytree(Path(external_gate.__file__).parent, copy)
    number = len(shipped("postgres")) + 1
    (copy / f"stores/migrations/postgres/{number:04}_next_version.sql").write_text(ADDED)
    return root


def _newest_migration(postgres: Cluster, namespace: str) -> str:
    asked = f"SELECT name FROM {namespace}.migrations ORDER BY number DESC LIMIT 1"  # noqa: S608 - our own name
    with postgres.connect() as connection:
        row = connection.execute(asked.encode()).fetchone()
    return str(row and row[0]).partition("_")[2]
