"""Row 2: what somebody would take instead to have it durable."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from bench.faults import Unmeasured
from bench.outcome import Outcome, Row
from bench.rounds import race
from bench.rows.acknowledging import processor_times
from bench.samples import rate_of
from bench.servers.baseline import running_baseline
from bench.servers.kept import prove_nothing_lost
from bench.servers.process import Server
from bench.servers.product import Setup, running_product, sqlite_url
from bench.verdicts import at_least
from bench.workshop import Workshop

CONNECTIONS = 64
GATE, AGAIN = "external-gate, SQLite", "the same once more"
ENDPOINT = "Starlette endpoint, no storage"

Address = Callable[[Workshop], str]


def _file(name: str) -> Address:
    return lambda workshop: sqlite_url(workshop.folder, name)


def _database(name: str) -> Address:
    return lambda workshop: workshop.database.fresh(name)


INSTEAD: tuple[tuple[str, str, Address, float], ...] = (
    ("aiosqlite, INSERT + COMMIT", "aiosqlite_insert", _file("aiosqlite"), 3.0),
    ("DBOS enqueue, SQLite", "dbos_enqueue", _file("dbos"), 10.0),
    ("DBOS enqueue, PostgreSQL", "dbos_enqueue", _database("dbos"), 10.0),
    ("procrastinate defer, PostgreSQL", "procrastinate_defer", _database("procrastinate"), 6.0),
)
"""Name, kind of baseline, where it stores, and how much faster the service must be."""


def measure(workshop: Workshop, outcome: Outcome) -> None:
    """Race the service, started twice, against whatever can be had of the others."""
    with ExitStack() as running:
        gate = running.enter_context(_gate(workshop, "row-2"))
        servers = {GATE: gate, AGAIN: running.enter_context(_gate(workshop, "row-2-again"))}
        factors: dict[str, float] = {}
        for name, kind, address, factor in INSTEAD:
            try:
                url = address(workshop)
                baseline = running_baseline(kind, workshop.folder, database_url=url, name=name)
                servers[name] = running.enter_context(baseline)
                factors[name] = factor
            except Unmeasured as reason:
                outcome.facts.append(f"Not measured against {name}: {reason}.")
        ceiling = running_baseline("ceiling", workshop.folder, name=ENDPOINT)
        servers[ENDPOINT] = running.enter_context(ceiling)
        contenders = [
            workshop.loaded(server, connections=CONNECTIONS, name=name)
            for name, server in servers.items()
        ]
        rounds = race(contenders, workshop.plan, tell=workshop.tell)
        outcome.facts += processor_times(
            workshop,
            servers,
            connections=CONNECTIONS,
            on_postgres=[name for name in servers if name.endswith("PostgreSQL")],
        )
        prove_nothing_lost(sqlite_url(workshop.folder, "row-2"), workshop.load.sent[gate.port])
    outcome.show(rounds)
    for over, what in ((GATE, ""), (ENDPOINT, "the endpoint alone, no storage: ")):
        for name, factor in factors.items():
            outcome.compare(
                rounds[over],
                rounds[name],
                figure=rate_of,
                measured=f"{what}requests/s, {CONNECTIONS} connections",
                against=name,
                target=at_least(factor) if over == GATE else None,
                same=(rounds[AGAIN], rounds[GATE]),
            )


@contextmanager
def _gate(workshop: Workshop, name: str) -> Iterator[Server]:
    setup = Setup(store_url=sqlite_url(workshop.folder, name))
    with running_product(name, workshop.folder, setup) as server:
        yield server


STORAGES = Row(
    2,
    "The same, against other ways to have it durable",
    "The same signature check and the same server in front of each. aiosqlite: one shared "
    "connection, WAL, `synchronous=FULL`. DBOS and procrastinate: enqueue only, nobody works on "
    "the queue meanwhile; pools of 16 connections; PostgreSQL with `fsync` on. "
    "“The endpoint alone” is row 1's, which stores nothing: what nobody can exceed.",
    measure,
    limit="the processor, see row 1: all of these stand behind the same endpoint, whose own time "
    "is in each of them, so that nobody can be several times faster than one who adds little to "
    "it; how many times, the endpoint alone shows. All who wait for the one connection of "
    "aiosqlite share its commits too. What enqueues on PostgreSQL has two cores: its own and the "
    "one of PostgreSQL's processes.",
)
