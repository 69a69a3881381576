"""Row 1: what durability costs, against the same server that stores nothing."""

from contextlib import ExitStack

from bench.outcome import Outcome, Row
from bench.rounds import race
from bench.rows.acknowledging import processor_times
from bench.samples import p99_of, rate_of
from bench.servers.baseline import running_baseline
from bench.servers.kept import prove_nothing_lost
from bench.servers.process import Server
from bench.servers.product import Setup, running_product, sqlite_url
from bench.verdicts import at_least, at_most
from bench.workshop import Workshop

GATE, CEILING_NAME, AGAIN, PLAIN, LEAST = (
    "external-gate, SQLite",
    "Starlette endpoint, no storage",
    "the same once more",
    "the same by uvicorn alone",
    "the same, the least kept",
)


def measure(workshop: Workshop, outcome: Outcome) -> None:
    """Race the service against an ordinary endpoint, started twice, and served in two ways."""
    folder, store_url = workshop.folder, sqlite_url(workshop.folder, "row-1")
    with ExitStack() as running:
        gate = running.enter_context(running_product("row-1", folder, Setup(store_url=store_url)))
        servers = {GATE: gate}
        for name in (CEILING_NAME, AGAIN, PLAIN):
            servers[name] = running.enter_context(
                running_baseline("ceiling", folder, name=name, plain=name == PLAIN)
            )
        least = running_baseline(
            "least_kept",
            folder,
            database_url=sqlite_url(folder, "least"),
            name=LEAST,
        )
        servers[LEAST] = running.enter_context(least)
        for number in workshop.plan.connections:
            _at(number, servers, workshop, outcome)
        acknowledged = prove_nothing_lost(store_url, workshop.load.sent[gate.port])
        outcome.facts.append(f"{acknowledged:,} notifications acknowledged, none lost.")
        outcome.facts += processor_times(
            workshop, servers, connections=min(workshop.plan.connections)
        )


def _at(connections: int, servers: dict[str, Server], workshop: Workshop, outcome: Outcome) -> None:
    contenders = [
        workshop.loaded(server, connections=connections, name=name)
        for name, server in servers.items()
    ]
    rounds = race(contenders, workshop.plan, tell=workshop.tell)
    outcome.show(rounds, where=f" · {connections} connections")
    for against, is_judged in ((CEILING_NAME, True), (PLAIN, False)):
        for figure, what, target in (
            (rate_of, "requests/s", at_least(1.0)),
            (p99_of, "p99", at_most(1.5)),
        ):
            outcome.compare(
                rounds[GATE],
                rounds[against],
                figure=figure,
                measured=f"{what}, {connections} connections",
                against=against,
                target=target if is_judged else None,
                same=(rounds[AGAIN], rounds[CEILING_NAME]),
            )
    for figure, what in ((rate_of, "requests/s"), (p99_of, "p99")):
        outcome.compare(
            rounds[LEAST],
            rounds[CEILING_NAME],
            figure=figure,
            measured=f"the least kept: {what}, {connections} connections",
            against=CEILING_NAME,
            target=None,
            same=(rounds[AGAIN], rounds[CEILING_NAME]),
        )


CEILING = Row(
    1,
    "Acknowledgement, durable (`synchronous=FULL`)",
    "`external-gate serve --no-worker` on a SQLite file, against an ordinary Starlette endpoint "
    "that checks the signature and stores nothing, in the same server (connection limits, slow-"
    "sender guards). “By uvicorn alone” is the same endpoint as `uvicorn` runs it by itself, with "
    "httptools and uvloop, without those guards: shown, not judged. “The least kept” is the same "
    "endpoint, but one thread gathers what comes and appends its bytes: nothing is looked up, "
    "compared, judged or told. What a rush leaves in the inbox is recorded before the next "
    "contender's turn; that time is not in the figures of this row, its processor time is told.",
    measure,
    limit="the processor: whoever stores nothing has the core for HTTP alone. “The least kept” "
    "says what is left when bytes are appended and brought to the disk in groups, and nothing else "
    "is done. The rest is reading the notification, looking up whether its id and its workflow are "
    "known (the answer says so), and the turns between event loop and writing thread.",
)
