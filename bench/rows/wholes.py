"""Rows 4 and 5: whole workflows, against their three calls alone, made in several ways."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.faults import Unmeasured
from bench.outcome import Outcome, Row
from bench.rounds import Contender, Rounds, race
from bench.samples import Sample, rate_of
from bench.servers.crew import CrewProcess, running_crew
from bench.servers.kept import prove_all_released
from bench.servers.product import sqlite_url
from bench.servers.stub import StubServer, running_stub
from bench.verdicts import Target, at_least
from bench.workshop import Workshop

ON_FILE, ON_SERVER = "external-gate, SQLite", "external-gate, PostgreSQL"
BARE, AGAIN = "the three calls, bare", "the same once more"
FALLBACK = "the three calls, through our caller over httpx"
SHARED = "one shared httpx client, its own transport"
DBOS_FILE, DBOS_SERVER = "DBOS steps, SQLite", "DBOS steps, PostgreSQL"
MEASURED = "workflows/s, received to released"


@dataclass(slots=True)
class Gate:
    """A service under measurement, and how many workflows it says it has released."""

    crew: CrewProcess
    store_url: str
    released: int = 0

    def contender(self, name: str) -> Contender:
        """Give it as somebody who is measured; what it has released is added up."""

        def measure(seconds: float) -> Sample:
            done = self.crew.work(seconds=seconds)
            self.released += done.count
            return Sample(done.count, done.seconds)

        return Contender(name, measure)


def measure_bare(workshop: Workshop, outcome: Outcome) -> None:
    """Race the service on both stores against the calls, made by the same client."""
    with ExitStack() as running, _outside(workshop, "row-4") as stub:
        gates = _gates(running, workshop, outcome, stub, row="row-4", names=(ON_FILE, ON_SERVER))
        contenders = [gate.contender(name) for name, gate in gates.items()]
        for name in (BARE, AGAIN):
            crew = running_crew("bare_calls", workshop.folder, outside_url=stub.url, name=name)
            contenders.append(running.enter_context(crew).contender())
        crew = running_crew("httpx_calls", workshop.folder, outside_url=stub.url, name=FALLBACK)
        contenders.append(running.enter_context(crew).contender())
        rounds = _raced(workshop, outcome, contenders, gates)
    outcome.compare(
        rounds[BARE],
        rounds[FALLBACK],
        figure=rate_of,
        measured="the three calls alone, by the client of the service",
        against="the same through its fallback, httpx",
        target=None,
        same=(rounds[AGAIN], rounds[BARE]),
    )
    for name in gates:
        _compare(outcome, rounds, name, BARE, target=at_least(0.75), same=(AGAIN, BARE))


def measure_instead(workshop: Workshop, outcome: Outcome) -> None:
    """Race the service, started twice, against a shared client and against DBOS."""
    with ExitStack() as running, _outside(workshop, "row-5") as stub:
        gates = _gates(running, workshop, outcome, stub, row="row-5", names=(ON_FILE, AGAIN))
        contenders = [gate.contender(name) for name, gate in gates.items()]
        shared = running_crew("shared_client", workshop.folder, outside_url=stub.url, name=SHARED)
        contenders.append(running.enter_context(shared).contender())
        factors = {SHARED: 5.0}
        for name in (DBOS_FILE, DBOS_SERVER):
            try:
                crew = running.enter_context(_dbos(workshop, stub, name))
            except Unmeasured as reason:
                outcome.facts.append(f"Not measured against {name}: {reason}.")
                continue
            contenders.append(crew.contender())
            factors[name] = 10.0
        rounds = _raced(workshop, outcome, contenders, gates)
    for name, factor in factors.items():
        _compare(outcome, rounds, ON_FILE, name, target=at_least(factor), same=(AGAIN, ON_FILE))


@contextmanager
def _outside(workshop: Workshop, row: str) -> Iterator[StubServer]:
    with running_stub(workshop.folder, f"{row}-outside") as stub:
        yield stub


def _gates(
    running: ExitStack,
    workshop: Workshop,
    outcome: Outcome,
    stub: StubServer,
    *,
    row: str,
    names: tuple[str, str],
) -> Mapping[str, Gate]:
    gates = {}
    for number, name in enumerate(names):
        try:
            on_server = name == ON_SERVER
            url = workshop.database.fresh(row) if on_server else _file(workshop, row, number)
        except Unmeasured as reason:
            outcome.facts.append(f"Not measured on PostgreSQL: {reason}.")
            continue
        crew = running_crew(
            "gate", workshop.folder, outside_url=stub.url, store_url=url, name=f"{row}-{number}"
        )
        gates[name] = Gate(running.enter_context(crew), url)
    return gates


def _file(workshop: Workshop, row: str, number: int) -> str:
    return sqlite_url(workshop.folder, f"{row}-{number}")


@contextmanager
def _dbos(workshop: Workshop, stub: StubServer, name: str) -> Iterator[CrewProcess]:
    on_server = name == DBOS_SERVER
    url = workshop.database.fresh("row-5") if on_server else _file(workshop, "dbos-steps", 0)
    crew = running_crew(
        "dbos_steps", workshop.folder, outside_url=stub.url, store_url=url, name=name
    )
    with crew as process:
        yield process


def _raced(
    workshop: Workshop,
    outcome: Outcome,
    contenders: list[Contender],
    gates: Mapping[str, Gate],
) -> Rounds:
    rounds = race(contenders, workshop.plan, tell=workshop.tell)
    for gate in gates.values():
        prove_all_released(gate.store_url, gate.released)
    total = sum(gate.released for gate in gates.values())
    outcome.facts.append(f"{total:,} workflows, each charged by one send and released once.")
    outcome.show(rounds)
    return rounds


def _compare(
    outcome: Outcome,
    rounds: Rounds,
    over: str,
    under: str,
    *,
    target: Target,
    same: tuple[str, str],
) -> None:
    outcome.compare(
        rounds[over],
        rounds[under],
        figure=rate_of,
        measured=f"{MEASURED}, {over.rpartition(' ')[2]}",
        against=under,
        target=target,
        same=(rounds[same[0]], rounds[same[1]]),
    )


WHOLES = Row(
    4,
    "Whole workflows",
    "The service itself without its web, 64 workflows at once: notifications are received off the "
    "clock, then its worker reads the invoice, charges and releases, each over HTTP to a stub, "
    "until all that are stored are released. Against the same three calls and nothing else, made "
    "by 64 lanes through the same client (`DirectCaller`); and through the one that proxies need "
    "(`HttpxCaller`), for comparison.",
    measure_bare,
)

INSTEAD_OF_WHOLES = Row(
    5,
    "Whole workflows, against other ways to make the calls",
    "The service as in row 4. The shared client is `httpx.AsyncClient` as it comes (but for a "
    "longer timeout), used by 64 lanes that keep no books. DBOS: a workflow of three steps, 64 at "
    "once from a queue that was filled before, polled every 50 ms; its steps make the calls "
    "through the client of row 4, which favours it over the shared one.",
    measure_instead,
)
