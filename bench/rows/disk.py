"""Row 11: what a finished workflow takes on disk."""

from contextlib import ExitStack

from bench.faults import Unmeasured
from bench.outcome import Outcome, Row
from bench.servers.books import kept_as_it_is, size_by_table, size_bytes
from bench.servers.crew import CrewProcess, running_crew
from bench.servers.product import sqlite_url
from bench.verdicts import Finding, at_most
from bench.working.turn import AT_ONCE
from bench.workshop import Workshop

MOST_BYTES = 2_000.0
AT_A_TIME = 500
FIRST_SHARE = 10
"""The first tenth is not counted: fresh trees are emptier than grown ones."""


def measure(workshop: Workshop, outcome: Outcome) -> None:
    """Finish workflows on both stores, and look at the size before and after."""
    for store in ("SQLite", "PostgreSQL"):
        try:
            on_server = store == "PostgreSQL"
            fresh = workshop.database.fresh
            url = fresh("row-11") if on_server else sqlite_url(workshop.folder, "row-11")
        except Unmeasured as reason:
            outcome.facts.append(f"Not measured on {store}: {reason}.")
            continue
        _measure_on(store, url, workshop, outcome)


def _measure_on(store: str, url: str, workshop: Workshop, outcome: Outcome) -> None:
    count = workshop.plan.finished
    with ExitStack() as running:
        crew = running.enter_context(
            running_crew(
                "gate",
                workshop.folder,
                outside_url=AT_ONCE,
                store_url=url,
                name=f"row-11-{store}",
                cores=set(),
            )
        )
        _finish(crew, count // FIRST_SHARE)
        before = size_bytes(url)
        tables_before = size_by_table(url)
        workshop.tell(f"{store}: {count:,} workflows")
        _finish(crew, count)
        each = (size_bytes(url) - before) / count
        tables, kept = size_by_table(url), kept_as_it_is(url)
    outcome.findings.append(
        Finding(
            measured=f"bytes per finished workflow, {store}",
            against="–",
            unit="bytes",
            rounds=(each,),
            target=at_most(MOST_BYTES),
        )
    )
    shown = [
        f"{name} {(size - tables_before[name]) / count:,.0f}"
        for name, size in tables.items()
        if size > tables_before[name]
    ]
    if shown:
        outcome.facts.append(f"{store}, bytes by table with its indexes: {', '.join(shown)}.")
    outcome.facts.append(
        f"Of it, as they came and went: the notification {kept.notification_bytes:,.0f} bytes, the "
        f"request to the gateway {kept.request_bytes:,.0f}; and "
        f"{kept.lines_of_history:.1f} lines of history. All texts and bytes of its rows, once "
        f"each, without numbers, pages and indexes: {kept.text_bytes:,.0f} bytes."
    )


def _finish(crew: CrewProcess, count: int) -> None:
    for done in range(0, count, AT_A_TIME):
        crew.work(most=min(AT_A_TIME, count - done))


DISK = Row(
    11,
    "Bytes on disk per finished workflow",
    "Workflows are really finished, by an engine that is answered at once; nothing is vacuumed. "
    "Growth of the whole database divided by their number: the raw notification, attempt, "
    "evidence, release, history and all indexes included; the write-ahead log, which does not grow "
    "with history, is not.",
    measure,
    limit="what must stay as it is: the signed notification and the request to the gateway, byte "
    "for byte (a re-send must be the same, and a dispute asks for both), eight lines that say why, "
    "and the ids of others, 36 bytes each, wherever something is looked up by them. What the texts "
    "alone take is said above; indexes and pages come on top. PostgreSQL "
    "adds some 28 bytes to every row, and keeps what an update replaced until it is vacuumed.",
)
