"""Rows 4 and 5: whole workflows, against their three calls alone, made in several ways."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.faults import Unmeasured
from bench.outcome import Outcome, Row
from bench.rounds import Contender, Rounds, race
from bench.samples import MICROSECONDS, Sample, rate_of
from bench.servers.crew import CrewProcess, running_crew
from bench.servers.kept import prove_all_released
from bench.servers.product import sqlite_url
from bench.servers.stub import StubServer, running_stub
from bench.verdicts import Target, at_least
from bench.working.turn import Done
from bench.workshop import Workshop

ON_FILE, ON_SERVER = "external-gate, SQLite", "external-gate, PostgreSQL"
BARE, AGAIN = "the three calls, bare", "the same once more"
FALLBACK = "the three calls, through our caller over httpx"
SHARED = "one shared httpx client, its own transport"
DBOS_FILE, DBOS_SERVER = "DBOS steps, SQLite", "DBOS steps, PostgreSQL"
MEASURED = "workflows/s, received to released"
ENOUGH = 0.75
"""Of the rate of the calls alone."""


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
        bare = {
            name: running.enter_context(
                running_crew(kind, workshop.folder, outside_url=stub.url, name=name)
            )
            for name, kind in (
                (BARE, "bare_calls"),
                (AGAIN, "bare_calls"),
                (FALLBACK, "httpx_calls"),
            )
        }
        contenders += [crew.contender() for crew in bare.values()]
        rounds = _raced(workshop, outcome, contenders, gates)
        _compare_bare(outcome, rounds, gates)
        outcome.facts += _processor_times(workshop, bare[BARE], gates)


def _compare_bare(outcome: Outcome, rounds: Rounds, gates: Iterable[str]) -> None:
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
        _compare(outcome, rounds, name, BARE, target=at_least(ENOUGH), same=(AGAIN, BARE))


def measure_instead(workshop: Workshop, outcome: Outcome) -> None:
    """Race the service, started twice, against a shared client and against DBOS."""
    with ExitStack() as running, _outside(workshop, "row-5") as stub:
        gates = _gates(running, workshop, outcome, stub, row="row-5", names=(ON_FILE, AGAIN))
        contenders = [gate.contender(name) for name, gate in gates.items()]
        shared = running_crew("shared_client", workshop.folder, outside_url=stub.url, name=SHARED)
        contenders.append(running.enter_context(shared).contender())
        bare = running_crew("bare_calls", workshop.folder, outside_url=stub.url, name=BARE)
        contenders.append(running.enter_context(bare).contender())
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
    for name in factors:
        outcome.compare(
            rounds[BARE],
            rounds[name],
            figure=rate_of,
            measured="the three calls alone, by the client of the service",
            against=name,
            target=None,
            same=(rounds[AGAIN], rounds[ON_FILE]),
        )


def _processor_times(workshop: Workshop, bare: CrewProcess, gates: Mapping[str, Gate]) -> list[str]:
    """Say what a workflow takes of the processor: nobody on one core can be faster than that."""
    alone = _microseconds(bare.work(seconds=workshop.plan.seconds))
    left = alone / ENOUGH - alone
    told = [
        f"Processor time per workflow, {BARE}: {alone:,.0f} µs.",
        f"{ENOUGH:g} × of their rate leaves {left:,.0f} µs for everything else; compare row 6.",
    ]
    for name, gate in gates.items():
        before = _of_the_server(workshop, name)
        done = gate.crew.work(seconds=workshop.plan.seconds)
        beside = (_of_the_server(workshop, name) - before) * MICROSECONDS / done.count
        own = _microseconds(done)
        servers = f" and {beside:,.0f} µs of PostgreSQL's own processes" if beside else ""
        ratio = f"{(own + beside) / alone:.2f} × that of the calls"
        told.append(f"Processor time per workflow, {name}: {own:,.0f} µs{servers}, {ratio}.")
    return told


def _microseconds(done: Done) -> float:
    return done.cpu_seconds * MICROSECONDS / done.count


def _of_the_server(workshop: Workshop, name: str) -> float:
    return workshop.database.processor_seconds() if name == ON_SERVER else 0.0


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
    "clock, all at once, so that they wait in the inbox; then they are recorded from there and its "
    "worker reads the invoice, charges and releases, each over HTTP to a stub, until all that are "
    "stored are released. Against the same three calls and nothing else, made "
    "by 64 lanes through the same client (`DirectCaller`); and through the one that proxies need "
    "(`HttpxCaller`), for comparison.",
    measure_bare,
    limit="the processor. While one workflow waits for an answer 63 others run, so that in the end "
    "it is the time of a core that they share, and the processor times above say how many fit into "
    "it. What a workflow adds to its calls is what row 6 takes apart. PostgreSQL's processes share "
    "the machine's two cores with the service and the load: their time comes on top.",
)

INSTEAD_OF_WHOLES = Row(
    5,
    "Whole workflows, against other ways to make the calls",
    "The service as in row 4. The shared client is `httpx.AsyncClient` as it comes (but for a "
    "longer timeout), used by 64 lanes that keep no books. DBOS: a workflow of three steps, 64 at "
    "once from a queue that was filled before, polled every 50 ms; its steps make the calls "
    "through the client of row 4, which favours it over the shared one.",
    measure_instead,
    limit="the calls themselves. What they reach alone, through the client of the service, is the "
    "ceiling for whoever makes them and keeps books; row 4 says what keeping them takes of it.",
)
