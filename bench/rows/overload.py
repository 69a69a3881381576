"""Row 9: ten times more than can be taken, and then as usual."""

import bisect
from collections.abc import Sequence

from bench.faults import WrongAnswer
from bench.load.orders import Order, Tally
from bench.outcome import Outcome, Row
from bench.samples import MICROSECONDS
from bench.servers.kept import prove_nothing_lost
from bench.servers.product import Setup, running_product, sqlite_url
from bench.verdicts import Finding, at_most
from bench.workshop import Workshop

TIMES = 10
USUAL_CONNECTIONS = 32
NORMAL_SECONDS = 3.0
SENDERS = {
    "480 connections": (480, ""),
    "2,000 connections": (2_000, "max_connections = 2_200"),
}
"""How many, and what the service is told of them: the former are within its default."""

WINDOW_SECONDS = 0.5
STEP_SECONDS = 0.1
FULL_SPEED = 0.8
"""Of what was taken before: identical servers differ from each other by as much."""


def measure(workshop: Workshop, outcome: Outcome) -> None:
    """Overload a service again and again; each time it must be as fast as before."""
    for senders, (connections, told) in SENDERS.items():
        store_url = sqlite_url(workshop.folder, f"row-9-{connections}")
        name = f"row-9-{connections}"
        with running_product(
            name, workshop.folder, Setup(store_url=store_url, server=told)
        ) as server:
            workshop.load.closed(
                server.port,
                connections=USUAL_CONNECTIONS,
                seconds=workshop.plan.warm_up_seconds,
            )
            runs = [
                _overload(workshop, server.port, connections)
                for _ in range(workshop.plan.overloads)
            ]
            acknowledged = prove_nothing_lost(store_url, workshop.load.sent[server.port])
        _add(outcome, senders, runs)
        outcome.facts.append(f"{senders}: {acknowledged:,} acknowledged in all, none lost.")


class Overloaded:
    """One overload and what followed."""

    def __init__(self, capacity: float, overload: Tally, normal: Tally) -> None:
        self.capacity, self.overload = capacity, overload
        self.unanswered = overload.late + overload.lost
        self.slowest_seconds = overload.slowest_us / MICROSECONDS
        self.recovered_seconds = recovered_after(normal.answered_at, capacity)


def _overload(workshop: Workshop, port: int, connections: int) -> Overloaded:
    plan = workshop.plan
    workshop.load.closed(port, connections=USUAL_CONNECTIONS, seconds=plan.lasting_seconds)
    usual = workshop.load.closed(
        port, connections=USUAL_CONNECTIONS, seconds=min(plan.seconds, 2.0)
    )
    workshop.tell(f"{plan.overload_seconds:g} s of {TIMES} × {usual.rate:,.0f} per second")
    order = Order(
        kind="overload",
        port=port,
        batch=next(workshop.load.batches),
        connections=connections,
        seconds=plan.overload_seconds,
        rate=TIMES * usual.rate,
        normal_connections=USUAL_CONNECTIONS,
        normal_seconds=NORMAL_SECONDS,
    )
    overload, normal = workshop.load.carry_out(order)
    if strange := set(overload.statuses) - {"200", "503"}:
        raise WrongAnswer(f"under overload some were answered {sorted(strange)}")
    return Overloaded(usual.rate, overload, normal)


def recovered_after(answered_at: Sequence[float], capacity: float) -> float:
    """Give when full speed began, in seconds after the overload; all the time if it never did."""
    ordered = sorted(answered_at)
    for step in range(int((NORMAL_SECONDS - WINDOW_SECONDS) / STEP_SECONDS) + 1):
        start = step * STEP_SECONDS
        answered = bisect.bisect_left(ordered, start + WINDOW_SECONDS) - bisect.bisect_left(
            ordered, start
        )
        if answered / WINDOW_SECONDS >= FULL_SPEED * capacity:
            return start
    return NORMAL_SECONDS


def _add(outcome: Outcome, senders: str, runs: Sequence[Overloaded]) -> None:
    for measured, unit, rounds, bound in (
        ("not answered 200 or 503 within 1 s", "", [float(run.unanswered) for run in runs], 0.0),
        ("slowest answer", "s", [run.slowest_seconds for run in runs], 1.0),
        ("full speed again after", "s", [run.recovered_seconds for run in runs], 2.0),
    ):
        finding = Finding(
            measured=f"{measured}, {senders}",
            against="–",
            unit=unit,
            rounds=tuple(rounds),
            target=at_most(bound),
        )
        outcome.findings.append(finding)
    for run in runs:
        told = run.overload
        outcome.facts.append(
            f"{senders}: {TIMES} × {run.capacity:,.0f}/s offered for {told.seconds:g} s, "
            f"{told.sent:,} sent, {told.withheld:,} for which no connection was free; answered "
            f"{_by_status(told)}; {told.lost:,} lost their connection."
        )


def _by_status(tally: Tally) -> str:
    return ", ".join(f"{status}: {count:,}" for status, count in sorted(tally.statuses.items()))


OVERLOAD = Row(
    9,
    f"{TIMES} × the load that can be taken, then as usual",
    f"Capacity is what {USUAL_CONNECTIONS} connections reach in the same run when they have loaded "
    f"the service for some time and its inbox is full; {TIMES} times as much is then offered "
    "without waiting for answers, over at most so many connections, each with one notification at "
    "a time. A notification counts from when it is sent; what no connection "
    "was free for stays with the sender and is told. 480 connections meet the default of "
    "`server.max_connections`, 512; above it the oldest that have not brought a whole request are "
    "closed for new ones, and so 2,000 are let in by `max_connections = 2200`. A connection that "
    "is closed without an answer "
    "counts as not answered. Full speed: 0.8 × the capacity over half a second, identical servers "
    "being no more alike.",
    measure,
    limit="the processor: answering 503 takes some of it as well, and whoever is told "
    "so comes again at once in this load; Metronome waits before it delivers again. "
    "On 2,000 connections one turn of the event loop, in which each that is ready gets its "
    "answer, was seen to take 0.2 to 0.35 s: a delivery waits one to be read, and when its commit "
    "takes too long, up to two more to be told so.",
)
