"""Row 3: acknowledging on PostgreSQL."""

from contextlib import ExitStack

from bench.outcome import Outcome, Row
from bench.rounds import race
from bench.rows.acknowledging import processor_times
from bench.samples import p99_of, rate_of
from bench.servers.baseline import demand_package, running_baseline
from bench.servers.kept import prove_nothing_lost
from bench.servers.product import Setup, running_product
from bench.verdicts import at_least
from bench.workshop import Workshop

CONNECTIONS = 64
KIND = "postgres_insert"
GATE, INSERT, AGAIN, LEAST, ENDPOINT = (
    "external-gate, PostgreSQL",
    "one INSERT per request, pool of 16",
    "the same once more",
    "the least kept",
    "Starlette endpoint, no storage",
)


def measure(workshop: Workshop, outcome: Outcome) -> None:
    """Race one replica against a pool, started twice."""
    demand_package(KIND)
    store_url = workshop.database.fresh("row-3")
    with ExitStack() as running:
        setup = Setup(store_url=store_url)
        gate = running.enter_context(running_product("row-3", workshop.folder, setup))
        servers = {GATE: gate}
        for name, database in ((INSERT, "insert"), (AGAIN, "insert-again")):
            address = workshop.database.fresh(database)
            servers[name] = running.enter_context(
                running_baseline(KIND, workshop.folder, database_url=address, name=name)
            )
        address = workshop.database.fresh("least")
        least = running_baseline("least_kept", workshop.folder, database_url=address, name=LEAST)
        servers[LEAST] = running.enter_context(least)
        ceiling = running_baseline("ceiling", workshop.folder, name=ENDPOINT)
        stored, servers[ENDPOINT] = list(servers), running.enter_context(ceiling)
        contenders = [
            workshop.loaded(server, connections=CONNECTIONS, name=name)
            for name, server in servers.items()
        ]
        rounds = race(contenders, workshop.plan, tell=workshop.tell)
        acknowledged = prove_nothing_lost(store_url, workshop.load.sent[gate.port])
        outcome.facts.append(f"{acknowledged:,} notifications acknowledged, none lost.")
        outcome.facts += processor_times(
            workshop, servers, connections=CONNECTIONS, on_postgres=stored
        )
    outcome.show(rounds)
    for figure, what, target in ((rate_of, "requests/s", at_least(3.0)), (p99_of, "p99", None)):
        outcome.compare(
            rounds[GATE],
            rounds[INSERT],
            figure=figure,
            measured=f"{what}, {CONNECTIONS} connections",
            against=INSERT,
            target=target,
            same=(rounds[AGAIN], rounds[INSERT]),
        )
    for over, what in ((LEAST, LEAST), (ENDPOINT, "the endpoint alone, no storage")):
        outcome.compare(
            rounds[over],
            rounds[INSERT],
            figure=rate_of,
            measured=f"{what}: requests/s, {CONNECTIONS} connections",
            against=INSERT,
            target=None,
            same=(rounds[AGAIN], rounds[INSERT]),
        )


REPLICA = Row(
    3,
    "Acknowledgement on PostgreSQL, one replica",
    "`external-gate serve --no-worker` on PostgreSQL with `fsync` on, against an endpoint that "
    "checks the signature and commits one INSERT through psycopg's pool. “The least kept” and "
    "“the endpoint alone” are row 1's: one thread that appends what gathered and does nothing "
    "else, and nothing stored, which nobody can exceed.",
    measure,
    limit="the processor, above. What gathered is one COPY and a question instead of an INSERT "
    "each; the endpoint around it, which all have, and reading the notification stay. The least "
    "kept says how many times faster a COPY alone is.",
)
