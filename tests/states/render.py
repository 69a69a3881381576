"""Draws docs/states.md from runs of the real engine: `python -m tests.states.render`."""

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum

from external_gate.domain.ledger import IncidentKind
from external_gate.domain.workflow import ENDED, MOVES, HeldReason, State
from external_gate.observe.cures import CURES
from tests.states.drive import IMPOSSIBLE, Result
from tests.states.groups import GROUPS, Group
from tests.states.held_reasons import WAYS
from tests.states.measure import Table, measure
from tests.states.situations import EVERY_STATE, SPECIAL

OPENING = """# States and events

Written by `make states` from runs of the engine; a test runs them again and compares. Do not edit.

Every cell below is one run: a workflow on a real SQLite file is driven into the state by the real
engine, one event happens, and what is seen afterwards is the cell. The gateway and Metronome are
scripted and say nothing unless the event makes them, so that a cell shows what the event does and
not what would follow: a charge stays on the wire, a lookup tells nothing, a release gets no answer.
Where an event leads through several states in one go, the cell shows the last one.
"""

LEGEND = """
| cell | means |
|---|---|
| a state | the workflow is there afterwards |
| stays | same state, same reason; answers are kept as evidence all the same |
| ⚠ | an incident of that kind was raised |
| hold wanted | a hold was asked for; it takes effect when the call on the wire has ended |
| ✗ | refused: a rule said no, or a worker holds the workflow and it may be tried in a moment |
| — | impossible: in this state nobody asks for such an answer, or there is no such charge |
"""


HELD = """## Why a workflow is held

The outcome of a held workflow may already be decided; then only its release is open.
"""

INCIDENTS = """## Incidents

Contradicting evidence that a person should look at; no money is moved.
"""

COLUMNS = """The columns are situations: states, and where it matters what is known beside them.
In most of those that come after `ready`, the worker that sent the first charge was lost with the
call on the wire. Situations in which a whole table is impossible are named below it.
"""


def document(tables: Sequence[Table]) -> str:
    """Give the whole page."""
    parts = [
        OPENING,
        "## The states\n",
        _diagram(),
        _states(),
        HELD,
        _reasons(),
        INCIDENTS,
        _incidents(),
        "## States and events\n" + LEGEND,
        COLUMNS,
        _situations(),
        *(_group(group, table) for group, table in zip(GROUPS, tables, strict=True)),
    ]
    return "\n".join(parts).rstrip() + "\n"


def comments(kind: type[StrEnum]) -> dict[str, str]:
    """Give the comment beside every member of an enumeration, by its value."""
    told = re.findall(r'^\s+[A-Z_]+ = "(.+?)"  # (.+)$', inspect.getsource(kind), re.MULTILINE)
    return dict(told)


def _diagram() -> str:
    lines = ["    [*] --> received: intake", "    [*] --> held: intake"]
    for (source, target), actors in MOVES.items():
        lines.append(f"    {source} --> {target}: {', '.join(sorted(actors))}")
    lines.extend(f"    {state} --> [*]" for state in State if state in ENDED)
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", ""])


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    drawn = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in drawn) + "\n"


def _states() -> str:
    told = comments(State)
    rows = ([f"`{state}`", told[state], _leads_to(state)] for state in State)
    return _table(["state", "meaning", "leads to"], rows)


def _leads_to(state: State) -> str:
    return ", ".join(target for source, target in MOVES if source is state) or "the end"


def _reasons() -> str:
    told = comments(HeldReason)
    rows = (
        [f"`{reason}`", told[reason], CURES[reason].advice, how]
        for reason, (how, _) in WAYS.items()
    )
    return _table(["reason", "means", "what a person does", "reached below by"], rows)


def _incidents() -> str:
    told = comments(IncidentKind)
    return _table(["kind", "means"], ([f"`{kind}`", told[kind]] for kind in IncidentKind))


def _situations() -> str:
    listed = sorted((*EVERY_STATE, *SPECIAL), key=lambda one: list(State).index(one.state))
    rows = ([one.name, f"`{one.state}`", one.how] for one in listed)
    return _table(["column", "state", "how it came there"], rows)


def _group(group: Group, table: Table) -> str:
    names = [column.name for column in group.columns]
    shown = [
        number
        for number in range(len(names))
        if group.turned or any(_possible(row[number]) for row in table)
    ]
    never = [name for number, name in enumerate(names) if number not in shown]
    rows = [[label, *(row[n].text for n in shown)] for (label, _), row in _labelled(group, table)]
    head = ["event", *(names[number] for number in shown)]
    if group.turned:
        head, *rows = [list(line) for line in zip(*[head, *rows], strict=True)]
        head[0] = "reason"
    drawn = f"### {group.title}\n\n{group.text}\n\n{_table(head, iter(rows))}"
    return drawn + (f"\nImpossible in: {', '.join(never)}.\n" if never else "")


def _labelled(group: Group, table: Table) -> Iterator[tuple[tuple[str, object], list[Result]]]:
    return zip(group.rows, table, strict=True)


def _possible(result: Result) -> bool:
    return result.text != IMPOSSIBLE


if __name__ == "__main__":
    sys.stdout.write(document(measure()))
