"""Row 6: what a workflow costs the processor, without HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.faults import Unmeasured
from bench.outcome import Outcome, Row
from bench.rounds import Contender, race
from bench.samples import MICROSECONDS, Sample, cost_of
from bench.servers.crew import CrewProcess, running_crew
from bench.servers.product import sqlite_url
from bench.verdicts import Finding, at_most
from bench.working.processor_time import by_room
from bench.working.turn import AT_ONCE, Done
from bench.workshop import Workshop

ON_FILE, AGAIN, ON_SERVER = "SQLite", "SQLite, once more", "PostgreSQL"
MOST_US = 400.0
PLACES = 12
"""Shown of a profile."""


def measure(workshop: Workshop, outcome: Outcome) -> None:
    """Let the service work on both stores; then once more, to see where the time goes."""
    with ExitStack() as running:
        crews = {}
        for name in (ON_FILE, AGAIN, ON_SERVER):
            try:
                crews[name] = running.enter_context(_crew(workshop, name))
            except Unmeasured as reason:
                outcome.facts.append(f"Not measured on {name}: {reason}.")
        contenders = [_by_processor_time(name, crew) for name, crew in crews.items()]
        rounds = race(contenders, workshop.plan, tell=workshop.tell)
        costs = {name: [cost_of(each) for each in samples] for name, samples in rounds.items()}
        pair = zip(costs[AGAIN], costs[ON_FILE], strict=True)
        same = tuple(over / under for over, under in pair)
        for name in [name for name in crews if name != AGAIN]:
            finding = Finding(
                measured=f"processor time per workflow, {name}",
                against="–",
                unit="µs",
                rounds=tuple(costs[name]),
                target=at_most(MOST_US),
                same=same,
            )
            outcome.findings.append(finding)
        for name in (ON_FILE, ON_SERVER):
            if name in crews:
                done = crews[name].work(seconds=workshop.plan.seconds, profiled=True)
                outcome.facts += _profile(name, done)


@contextmanager
def _crew(workshop: Workshop, name: str) -> Iterator[CrewProcess]:
    on_server, file = name == ON_SERVER, f"row-6-{name == AGAIN:d}"
    url = workshop.database.fresh("row-6") if on_server else sqlite_url(workshop.folder, file)
    crew = running_crew(
        "gate", workshop.folder, outside_url=AT_ONCE, store_url=url, name=f"row-6-{name}"
    )
    with crew as process:
        yield process


def _by_processor_time(name: str, crew: CrewProcess) -> Contender:
    def measure_one(seconds: float) -> Sample:
        done = crew.work(seconds=seconds)
        return Sample(done.count, done.cpu_seconds)

    return Contender(name, measure_one)


def _profile(name: str, done: Done) -> list[str]:
    total = sum(done.spent.values())
    rooms = [f"{room} {_share(spent, total)}" for room, spent in by_room(done.spent).items()]
    places = sorted(done.spent.items(), key=lambda place: -place[1])[:PLACES]
    lines = [f"`{place}` {_share(spent, total)}" for place, spent in places]
    cost = done.cpu_seconds * MICROSECONDS / done.count
    head = f"Profile, {name} ({done.count:,} workflows, {cost:,.0f} µs each while profiled)"
    return [
        f"{head}, by room: {', '.join(rooms)}.",
        f"The same by place: {', '.join(lines)}.",
    ]


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}"


PROCESSOR = Row(
    6,
    "Processor time per workflow, without HTTP",
    "The service as in row 4, but its calls are answered at once inside the process. Counted is "
    "the processor time of the whole process, all threads, in which every workflow is claimed, "
    "prepared, charged, released and saved, the pretended answers included; PostgreSQL's own "
    "processes are not. The profile is of a turn that is not counted.",
    measure,
)
