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
from bench.working.processor_time import LOOP, by_room
from bench.working.statements import INSIDE
from bench.working.turn import AT_ONCE, Done
from bench.workshop import Workshop

ON_FILE, AGAIN, ON_SERVER = "SQLite", "SQLite, once more", "PostgreSQL"
STATEMENTS = "SQLite, by statement"
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
        seconds = workshop.plan.seconds
        for name in (ON_FILE, ON_SERVER):
            if name in crews:
                done = crews[name].work(seconds=seconds, profiled=True)
                outcome.facts += _profile(name, done)
        outcome.facts.append(_least(workshop, crews[ON_FILE].work(seconds=seconds, profiled=True)))


def _least(workshop: Workshop, profiled: Done) -> str:
    """Say what is spent outside of our own code: no better code of ours could save it."""
    with _crew(workshop, STATEMENTS) as crew:
        count = crew.work(verb="store", most=profiled.count).count
        done = crew.work(verb="join")
    inside = done.spent[INSIDE] * MICROSECONDS / count
    beside = by_room(profiled.spent).get(LOOP, 0.0) * MICROSECONDS / profiled.count
    return (
        f"SQLite, inside of its own statements and commits: {inside:,.0f} µs per workflow. Event "
        f"loop and libraries by themselves: {beside:,.0f} µs. Together "
        f"{(inside + beside) / MOST_US:.0%} of what a workflow may take, before a line of ours."
    )


@contextmanager
def _crew(workshop: Workshop, name: str) -> Iterator[CrewProcess]:
    file = f"row-6-{(ON_FILE, AGAIN, STATEMENTS, ON_SERVER).index(name)}"
    on_server, kind = name == ON_SERVER, "statements" if name == STATEMENTS else "gate"
    url = workshop.database.fresh("row-6") if on_server else sqlite_url(workshop.folder, file)
    crew = running_crew(
        kind, workshop.folder, outside_url=AT_ONCE, store_url=url, name=f"row-6-{name}"
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
    limit="what is spent outside of our own code, above: SQLite writes some 18 rows for a "
    "workflow and their entries in indexes, most of them by one statement for all that have "
    "gathered, and in commits of their own (the intent before the call, its outcome, the release). "
    "The rest is Python that decides: a "
    "notification is read again and recorded from the inbox, where this load has left it; "
    "a workflow is claimed once, weighed and saved three times, each time under its fence and with "
    "all that it rests on, and tells eight lines of history. Saves that gathered go together "
    "already; on PostgreSQL what its driver takes to write and read them comes on top.",
)
