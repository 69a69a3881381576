"""Row 7: what a long history costs."""

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass

from bench.faults import Unmeasured
from bench.outcome import Outcome, Row
from bench.rounds import race
from bench.samples import cost_of
from bench.servers.books import size_bytes
from bench.servers.crew import running_crew
from bench.servers.history import copy_finished, read_trees
from bench.servers.product import sqlite_url
from bench.verdicts import at_most
from bench.working.turn import AT_ONCE
from bench.workshop import Workshop

FEW = 1_000
SHORT, AGAIN, LONG = "short", "short again", "long"
MOST = 1.3


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every database."""

    verb: str
    measured: str
    trees_are_read: bool = False
    """Whether the trees of ids were read just before; shown, not judged."""


QUESTIONS = (
    Question("claim", "claim of 32 due"),
    Question("list", "`workflows list`, the newest"),
    Question("list held", "`workflows list --state held`"),
    Question("list customer", "`workflows list --customer`"),
    Question("acknowledge", "acknowledgement, 64 at once"),
    Question("acknowledge", "the same, its trees of ids read before", trees_are_read=True),
)
"""What adds rows comes last."""

STORES = ("SQLite", "PostgreSQL")


def measure(workshop: Workshop, outcome: Outcome) -> None:
    """Measure one store after the other, so that each has the disk for itself."""
    for store in STORES:
        try:
            _measure_on(store, workshop, outcome)
        except Unmeasured as reason:
            outcome.facts.append(f"Not measured on {store}: {reason}.")


def _measure_on(store: str, workshop: Workshop, outcome: Outcome) -> None:
    with ExitStack() as running:
        urls = {name: _begun(store, name, workshop) for name in (SHORT, AGAIN, LONG)}
        running.callback(_forget, store, workshop, urls[LONG])
        before = size_bytes(urls[AGAIN])
        for name in (SHORT, AGAIN):
            copy_finished(urls[name], FEW, tell=workshop.tell)
        each = (size_bytes(urls[AGAIN]) - before) / FEW
        many = _as_many_as_fit(workshop, each)
        began = time.monotonic()
        copy_finished(urls[LONG], many, tell=workshop.tell)
        gigabytes = size_bytes(urls[LONG]) / 1e9
        wanted = "" if many == workshop.plan.history else ", as many as half of the free disk has"
        outcome.facts.append(
            f"{store}: {many:,} finished workflows{wanted}, {gigabytes:,.2f} GB, made in "
            f"{time.monotonic() - began:,.0f} s; against {FEW:,}."
        )
        crews = {
            name: running.enter_context(
                running_crew(
                    "questions",
                    workshop.folder,
                    outside_url=AT_ONCE,
                    store_url=url,
                    name=f"row-7-{store}-{name}",
                )
            )
            for name, url in urls.items()
        }
        for question in QUESTIONS:
            measured, verb = question.measured, question.verb
            workshop.tell(f"{store}: {measured}")
            if question.trees_are_read and workshop.plan.quick:
                continue  # a short history is in memory anyway
            if question.trees_are_read:
                read_trees(urls[LONG])
            contenders = [crew.contender(name, verb=verb) for name, crew in crews.items()]
            rounds = race(contenders, workshop.plan, tell=workshop.tell)
            again = ", trees read" if question.trees_are_read else ""
            outcome.show(rounds, where=f" · {store} · {verb}{again}")
            outcome.compare(
                rounds[LONG],
                rounds[SHORT],
                figure=cost_of,
                measured=f"{measured}, {store}, {many:,} finished",
                against=f"{FEW:,} finished",
                target=None if question.trees_are_read else at_most(MOST),
                same=(rounds[AGAIN], rounds[SHORT]),
            )


def _begun(store: str, name: str, workshop: Workshop) -> str:
    """Make a database in which one workflow was really finished."""
    file = f"row-7-{name.replace(' ', '-')}"
    on_server = store == "PostgreSQL"
    url = workshop.database.fresh(file) if on_server else sqlite_url(workshop.folder, file)
    with running_crew(
        "gate", workshop.folder, outside_url=AT_ONCE, store_url=url, name=f"first-{store}-{name}"
    ) as crew:
        crew.work(most=1)
    return url


def _as_many_as_fit(workshop: Workshop, bytes_each: float) -> int:
    free = shutil.disk_usage(workshop.folder).free
    return min(workshop.plan.history, int(free / 2 / bytes_each))


def _forget(store: str, workshop: Workshop, url: str) -> None:
    """Give the disk back before the next store needs it."""
    if store == "PostgreSQL":
        workshop.database.drop(url)
    else:
        for file in workshop.folder.glob("row-7-long.db*"):
            file.unlink()


HISTORY = Row(
    7,
    "A long history",
    "Databases with few and with many finished workflows: one that was really finished, copied by "
    "bulk statements with other ids. In each of them 32 workflows are due and 20 held, and 10 "
    "finished ones have incidents. Asked through the service's own store and receiver; a claim is "
    "given back off the clock, and notifications are taken in 64 at once, without HTTP, and "
    "recorded off the clock. Figures are the ratio of the time that one takes.",
    measure,
    limit="ids without an order, which Metronome gives. What is claimed and listed stands in "
    "indexes that hold nothing finished, and costs the same. An acknowledgement appends, but looks "
    "up its workflow anywhere in a tree, whose pages are read first where they are not in memory: "
    "what is left of it when they are shows the last line, and the rest is the disk.",
)
