"""What a campaign came to, by the books of Metronome and of the gateway, and by our own rows."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from external_gate.domain.workflow import ENDED, State
from tests.crashes.judgement import Books, Harm, harms
from tests.crashes.sweep_host import SweepHost
from tests.gateways.host import AFTER
from tests.stories.players import Json

INITIATE = "payment_gate.external_initiate"

GIVES_NO_ANSWER = {f"pm_{fault}" for fault in AFTER}

OVER = frozenset(state.value for state in (*ENDED, State.HELD))


@dataclass
class Verdict:
    """Numbers, and whatever is wrong."""

    workflows: int = 0
    charges: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    harms: Counter[Harm] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    deliveries: int = 0
    refused: int = 0
    """Deliveries that were not answered 2xx; Metronome sends them again."""
    lost_answers: int = 0
    """Charges for which the gateway took the money and gave no usable answer to the first call."""
    unresolved: int = 0
    """Workflows of which nobody knew for a while what became of the charge."""
    most_claims: int = 0
    """The highest fence: how often one workflow was claimed."""


def judge(metronome: Json, charges: Sequence[Json], rows: Mapping[str, Json]) -> Verdict:
    """Compare everybody's books, workflow by workflow. Pure."""
    found = Verdict(workflows=len(metronome["workflows"]), deliveries=len(metronome["deliveries"]))
    by_workflow = _grouped(charges)
    tries = _grouped(metronome["deliveries"])
    found.refused = sum(d["status"] != 200 for d in metronome["deliveries"])
    found.lost_answers = sum(c["captures"] > 0 and c["method"] in GIVES_NO_ANSWER for c in charges)
    for workflow in metronome["workflows"]:
        name = workflow["workflow_id"]
        mine = [each for each in tries[name] if each["type"] == INITIATE]
        books = Books(rows.get(name), workflow, mine, by_workflow.pop(name, []))
        found.charges += books.taken
        found.ends[books.end] += 1
        for harm, why in harms(books):
            found.harms[harm] += 1
            found.complaints.append(f"{name}: {harm}: {why}")
        found.complaints += [f"{name}: {why}" for why in _oddities(books)]
    strangers = [name for name in by_workflow if name]
    found.complaints += [f"a charge for {name}, which nobody opened" for name in strangers]
    return found


def _oddities(books: Books) -> Iterator[str]:
    """Tell what is wrong besides the harms that a single crash can do."""
    if not any(is_told(delivery) for delivery in books.deliveries):
        yield "its notification was never accepted"
    total = int(books.metronome["invoice_total"])
    for charge in books.charges:
        if charge["captures"] and charge["minor"] != total:
            yield f"{charge['minor']} was charged instead of {total}"


def _grouped(records: Sequence[Json]) -> defaultdict[str, list[Json]]:
    found: defaultdict[str, list[Json]] = defaultdict(list)
    for record in records:
        found[record["workflow_id"] or ""].append(record)
    return found


def is_told(delivery: Mapping[str, Any]) -> bool:
    """Tell whether Metronome need not ask for this payment again."""
    return bool(delivery["accepted"]) and delivery["type"] == INITIATE


def charges_in(books: Path) -> list[Json]:
    """Read the gateway's books."""
    with closing(sqlite3.connect(books)) as connection:
        return SweepHost(connection).everything()
