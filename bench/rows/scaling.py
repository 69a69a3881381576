"""Row 12, on request: what several replicas do on one PostgreSQL, for docs/scaling.md."""

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.load.load_process import LoadProcess, load_process
from bench.outcome import Outcome, Row
from bench.rounds import Contender, race
from bench.samples import Sample, merged, rate_of
from bench.servers.books import size_bytes
from bench.servers.crew import CrewProcess, running_crew
from bench.servers.kept import prove_all_released, prove_nothing_lost
from bench.servers.process import Server
from bench.servers.product import Setup, running_product
from bench.servers.stub import running_stub
from bench.workshop import Workshop

GROUPS = {"1 replica": 1, "1 replica, once more": 1, "2 replicas": 2, "4 replicas": 4}
ONE, AGAIN = "1 replica", "1 replica, once more"
CONNECTIONS = 64
"""Of all senders together, however many replicas they are shared by."""

ANYWHERE: set[int] = set()
"""Replicas are not kept to one core: they would only take it from each other."""

FIRST_GUESS = 100.0
"""Workflows per second."""


def measure(workshop: Workshop, outcome: Outcome) -> None:
    """Let groups of replicas acknowledge, then work; each group has a database of its own."""
    _measure_acknowledging(workshop, outcome)
    _measure_working(workshop, outcome)
    _count_connections_of_a_whole_service(workshop, outcome)


@dataclass(slots=True)
class Receivers:
    """Replicas that receive, with a load generator each."""

    store_url: str
    pairs: Sequence[tuple[Server, LoadProcess]]

    def load(self, seconds: float) -> Sample:
        """Load all of them at once."""

        def load_one(pair: tuple[Server, LoadProcess]) -> Sample:
            server, load = pair
            connections = CONNECTIONS // len(self.pairs)
            return load.closed(server.port, connections=connections, seconds=seconds)

        with ThreadPoolExecutor(len(self.pairs)) as threads:
            samples = list(threads.map(load_one, self.pairs))
        whole = merged(samples)
        longest = max(sample.seconds for sample in samples)
        return Sample(whole.count, longest, whole.latencies_us)

    def prove_nothing_lost(self) -> None:
        """Look for everything that any of them has acknowledged."""
        for server, load in self.pairs:
            prove_nothing_lost(self.store_url, load.sent[server.port])


@dataclass(slots=True)
class Workers:
    """Replicas that work on what is stored."""

    store_url: str
    crews: Sequence[CrewProcess]
    released: int = 0
    per_second: float = FIRST_GUESS

    def work(self, seconds: float) -> Sample:
        """Have workflows stored, then released by all of them at once."""
        count = max(2 * CONNECTIONS, int(self.per_second * seconds))
        self.crews[0].work(verb="store", most=count)
        for crew in self.crews:
            crew.begin(verb="join")
        done = [crew.end() for crew in self.crews]
        longest = max(each.seconds for each in done)
        self.released += count
        self.per_second = count / longest
        return Sample(sum(each.count for each in done), longest)


def _measure_acknowledging(workshop: Workshop, outcome: Outcome) -> None:
    with ExitStack() as running:
        groups = {
            name: running.enter_context(_receivers(workshop, name, count))
            for name, count in GROUPS.items()
        }
        contenders = [Contender(name, group.load) for name, group in groups.items()]
        _race(contenders, "acknowledgements/s", workshop, outcome)
        for name, group in groups.items():
            group.prove_nothing_lost()
            _show_connections(f"{name}, `serve --no-worker`", group.store_url, workshop, outcome)


def _measure_working(workshop: Workshop, outcome: Outcome) -> None:
    with ExitStack() as running:
        stub = running.enter_context(running_stub(workshop.folder, "row-12-outside"))
        groups = {
            name: running.enter_context(_workers(workshop, name, count, stub.url))
            for name, count in GROUPS.items()
        }
        empty = size_bytes(groups[ONE].store_url)
        contenders = [Contender(name, group.work) for name, group in groups.items()]
        _race(contenders, "workflows/s", workshop, outcome)
        for name, group in groups.items():
            prove_all_released(group.store_url, group.released)
            _show_connections(f"{name}, working", group.store_url, workshop, outcome)
        each = (size_bytes(groups[ONE].store_url) - empty) / groups[ONE].released
        outcome.facts.append(
            f"{each:,.0f} bytes per finished workflow ({groups[ONE].released:,} of them, the room "
            f"that fresh tables take at first included; row 11 leaves that out)."
        )


def _race(contenders: Sequence[Contender], what: str, workshop: Workshop, outcome: Outcome) -> None:
    rounds = race(contenders, workshop.plan, tell=workshop.tell)
    outcome.show(rounds, where=f" · {what}")
    for name in GROUPS:
        if name not in {ONE, AGAIN}:
            outcome.compare(
                rounds[name],
                rounds[ONE],
                figure=rate_of,
                measured=f"{what}, {name}",
                against=ONE,
                target=None,
                same=(rounds[AGAIN], rounds[ONE]),
            )


@contextmanager
def _receivers(workshop: Workshop, name: str, count: int) -> Iterator[Receivers]:
    url = workshop.database.fresh(f"row-12-receive-{name}")
    with ExitStack() as running:
        pairs = []
        for number in range(count):
            named = f"row-12-{name}-{number}"
            product = running_product(named, workshop.folder, Setup(store_url=url), cores=ANYWHERE)
            load = running.enter_context(load_process())
            load.batches = itertools.count(number * 1_000_000)  # nobody sends what another sent
            pairs.append((running.enter_context(product), load))
        yield Receivers(url, pairs)


@contextmanager
def _workers(workshop: Workshop, name: str, count: int, outside_url: str) -> Iterator[Workers]:
    url = workshop.database.fresh(f"row-12-work-{name}")
    with ExitStack() as running:
        crews = []
        for number in range(count):
            crew = running_crew(
                "gate",
                workshop.folder,
                outside_url=outside_url,
                store_url=url,
                name=f"row-12-work-{name}-{number}",
                cores=ANYWHERE,
            )
            crews.append(running.enter_context(crew))
        yield Workers(url, crews)


def _count_connections_of_a_whole_service(workshop: Workshop, outcome: Outcome) -> None:
    """Start what users start, with its listener; its readers connect when they are first asked."""
    url = workshop.database.fresh("row-12-whole")
    with running_stub(workshop.folder, "row-12-whole-outside") as stub:
        setup = Setup(store_url=url, receives_only=False, outside_url=stub.url)
        with running_product("row-12-whole", workshop.folder, setup) as server:
            workshop.load.closed(server.port, connections=16, seconds=1.0)
            _show_connections("one whole `serve`", url, workshop, outcome)


def _show_connections(who: str, url: str, workshop: Workshop, outcome: Outcome) -> None:
    seen = workshop.database.connections(url)
    outcome.facts.append(f"Connections in `pg_stat_activity`, {who}: {seen}.")


SCALING = Row(
    12,
    "Replicas on one PostgreSQL",
    "One, two and four replicas, each group on a database of its own in one server; 64 senders "
    "are shared among a group's replicas. Then the same number of workers on stored notifications, "
    "over HTTP to a stub. Nobody is kept to a core: where load generators, replicas and PostgreSQL "
    "share two cores, more replicas cannot do more, and the figures say only what it costs to have "
    "them.",
    measure,
)
