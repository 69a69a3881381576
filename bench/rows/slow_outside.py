"""Row 8: what acknowledging feels of a world outside that hangs."""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.load.load_process import demand_only_200
from bench.load.orders import Order
from bench.outcome import Outcome, Row
from bench.rounds import Contender, race
from bench.samples import Sample, p99_of
from bench.servers.process import Server
from bench.servers.product import Setup, running_product, sqlite_url
from bench.servers.stub import StubServer, running_stub
from bench.verdicts import at_most
from bench.workshop import Workshop

IDLE, AGAIN, HANGING, CROWDED = (
    "idle",
    "idle, once more",
    "every call hangs for 20 s",
    "charges in flight",
)
CONNECTIONS = 64
SHARE_OF_CAPACITY = 0.25
"""What is offered: a busy service, but no queue of its own making."""

OLD_SECONDS = 4 * 86_400
"""Notifications this old begin workflows that are held at once: they are no work for the worker, so
that the load itself is the same for all."""

HANG_SECONDS = 20.0
FOR_EVER_SECONDS = 3_000.0
WAITING_WORKFLOWS = 256
"""More than the default concurrency: every place of the worker is taken, and a queue waits."""


def measure(workshop: Workshop, outcome: Outcome) -> None:
    """Race two idle services against one whose calls hang and one with many charges in flight."""
    with _idle(workshop, "capacity") as server:  # one of its own: what it has taken in is too much
        capacity = _capacity(workshop, server)
    with ExitStack() as running:
        enter, crowd = running.enter_context, workshop.plan.in_flight
        servers = {name: enter(_idle(workshop, name)) for name in (IDLE, AGAIN)}
        servers[HANGING], hanging = enter(_hanging(workshop))
        servers[CROWDED], crowded = enter(_crowded(workshop))
        contenders = [
            _offered(workshop, server, name, rate=capacity * SHARE_OF_CAPACITY)
            for name, server in servers.items()
        ]
        rounds = race(contenders, workshop.plan, tell=workshop.tell)
        _demand_open(hanging, "metronome", least=1)
        _demand_open(crowded, "gateway", least=crowd)
    outcome.facts.append(f"Offered to each: {capacity * SHARE_OF_CAPACITY:,.0f} per second.")
    outcome.show(rounds)
    for name, measured in ((HANGING, HANGING), (CROWDED, f"{crowd:,} charges in flight")):
        outcome.compare(
            rounds[name],
            rounds[IDLE],
            figure=p99_of,
            measured=f"p99 while {measured}" if name == HANGING else f"p99 with {measured}",
            against="the same service, idle",
            target=at_most(1.5),
            same=(rounds[AGAIN], rounds[IDLE]),
        )


@contextmanager
def _idle(workshop: Workshop, name: str) -> Iterator[Server]:
    setup = Setup(store_url=sqlite_url(workshop.folder, name), receives_only=False)
    with running_product(name, workshop.folder, setup) as server:
        yield server


@contextmanager
def _hanging(workshop: Workshop) -> Iterator[tuple[Server, StubServer]]:
    """Give a service with defaults, all of whose calls take 20 s."""
    with running_stub(
        workshop.folder, "hangs", metronome_seconds=HANG_SECONDS, gateway_seconds=HANG_SECONDS
    ) as stub:
        setup = Setup(
            store_url=sqlite_url(workshop.folder, "hanging"),
            receives_only=False,
            outside_url=stub.url,
        )
        with running_product(HANGING, workshop.folder, setup) as server:
            _begin_workflows(workshop, server, WAITING_WORKFLOWS)
            stub.wait_until(
                lambda stub: stub.counts("open").get("metronome", 0) > 0,
                "no call has reached Metronome",
                patience_seconds=30,
            )
            yield server, stub


@contextmanager
def _crowded(workshop: Workshop) -> Iterator[tuple[Server, StubServer]]:
    """Give a service with so many charges in flight that nobody answers."""
    crowd = workshop.plan.in_flight
    places = crowd * 4 // 3 + 1  # three quarters of all may be one gateway's
    patience = FOR_EVER_SECONDS * 2
    with running_stub(workshop.folder, "holds", gateway_seconds=FOR_EVER_SECONDS) as stub:
        setup = Setup(
            store_url=sqlite_url(workshop.folder, "crowded"),
            receives_only=False,
            outside_url=stub.url,
            worker=f"concurrency = {places}\n"
            f"lease_seconds = {patience}\ndrain_seconds = {patience}",
            gateway=f"timeout_seconds = {FOR_EVER_SECONDS}",
        )
        with running_product(CROWDED, workshop.folder, setup) as server:
            _begin_workflows(workshop, server, crowd)
            workshop.tell(f"waiting until {crowd:,} charges are in flight")
            stub.wait_until(
                lambda stub: stub.counts("open").get("gateway", 0) >= crowd,
                "the charges are not all in flight",
                patience_seconds=60 + crowd / 10,
            )
            yield server, stub


def _begin_workflows(workshop: Workshop, server: Server, count: int) -> None:
    order = Order(
        kind="closed",
        port=server.port,
        batch=next(workshop.load.batches),
        connections=32,
        seconds=600,
        most=count,
    )
    demand_only_200(workshop.load.carry_out(order)[0])


def _capacity(workshop: Workshop, server: Server) -> float:
    """Give how much an idle service takes per second of what it will be offered, when it lasts."""

    def once(seconds: float) -> float:
        order = Order(
            kind="closed",
            port=server.port,
            batch=next(workshop.load.batches),
            connections=32,
            seconds=seconds,
            age_seconds=OLD_SECONDS,
        )
        tally = demand_only_200(workshop.load.carry_out(order)[0])
        return len(tally.latencies_us) / tally.seconds

    once(workshop.plan.lasting_seconds)
    return statistics.median(once(workshop.plan.slice_seconds) for _ in range(3))


def _offered(workshop: Workshop, server: Server, name: str, *, rate: float) -> Contender:
    def measure_one(seconds: float) -> Sample:
        server.demand_alive()
        order = Order(
            kind="open",
            port=server.port,
            batch=next(workshop.load.batches),
            connections=CONNECTIONS,
            seconds=seconds,
            rate=rate,
            age_seconds=OLD_SECONDS,
        )
        tally = demand_only_200(workshop.load.carry_out(order)[0])
        return Sample(len(tally.latencies_us), tally.seconds, tally.latencies_us)

    return Contender(name, measure_one)


def _demand_open(stub: StubServer, edge: str, *, least: int) -> None:
    """Prove that the calls were in flight until the end."""
    stub.wait_until(
        lambda stub: stub.counts("open").get(edge, 0) >= least,
        f"calls to {edge} did not stay in flight",
        patience_seconds=10 if least == 1 else 0,
    )


SLOW_OUTSIDE = Row(
    8,
    "Acknowledgement while the world outside hangs",
    "`external-gate serve` with its worker, four of them on files of their own: two idle, one with "
    "default settings and more workflows than it works on at once while Metronome and gateway "
    "answer after 20 s, one with so many charges in flight that nobody answers. All are offered "
    "the same, a quarter of what another idle one takes when its inbox is full, at a fixed rate; "
    "latencies count from when a notification was due. It is signed four days ago, so that its "
    "workflow is stored and held at once, and the load is no work for any worker.",
    measure,
)
