"""One cell of the table: a workflow is driven into a state, an event happens, the rest is seen."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from external_gate.domain.charge import Capabilities
from external_gate.domain.errors import Refused
from external_gate.domain.ledger import IncidentKind
from external_gate.domain.workflow import Actor, HeldReason, State, Verdict
from external_gate.engine.advice import offered
from external_gate.stores.sql_store import SqlStore
from external_gate.stores.sqlite import SqliteStore
from tests.engine.world import EVERY_ANSWER
from tests.states.bench import WF, Bench, Impossible, RunsHot, open_bench
from tests.states.gateway_events import Event
from tests.states.situations import Situation

IMPOSSIBLE = "—"
REFUSED = "✗"
STAYS = "stays"


@dataclass(frozen=True)
class Column:
    """A situation, perhaps with another gateway, perhaps with something that follows the event."""

    name: str
    situation: Situation
    capabilities: Capabilities = EVERY_ANSWER
    then: Event | None = None


@dataclass(frozen=True)
class Seen:
    """How a workflow stands."""

    state: State
    held_reason: HeldReason | None
    verdict: Verdict | None
    hold_wanted: bool
    incidents: tuple[IncidentKind, ...]


@dataclass
class Result:
    """What one run has shown."""

    text: str
    before: Seen | None = None
    after: Seen | None = None
    moves: set[tuple[State, State, Actor]] = field(default_factory=set)
    released: list[Verdict] = field(default_factory=list)
    """What Metronome was told, in order."""
    offered: tuple[str, ...] = ()
    """What a person was offered before the event."""


class Laboratory:
    """Runs cells, each over a database of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._empty = directory / "empty.db"

    async def prepare(self) -> None:
        """Migrate one database; every cell begins with a copy."""
        await (await open_bench(SqliteStore(self._empty))).hang_up()

    async def run(self, column: Column, event: Event) -> Result:
        """Let an event happen in a situation."""
        path = self._directory / f"{uuid4()}.db"
        shutil.copyfile(self._empty, path)
        return await run_on(SqliteStore(path), column, event)


async def run_on(store: SqlStore, column: Column, event: Event) -> Result:
    """Let an event happen in a situation, on an empty database."""
    bench = await open_bench(store, column.capabilities)
    try:
        await column.situation.drive(bench)
        return await observe(bench, column, event)
    except Impossible:
        return Result(IMPOSSIBLE)  # such a gateway never comes there
    finally:
        await bench.hang_up()


async def observe(bench: Bench, column: Column, event: Event) -> Result:
    """Let an event happen on a bench and tell what has changed."""
    before = await see(bench)
    if before.state is not column.situation.state:
        return Result(IMPOSSIBLE)
    text: str | None = None
    acts = tuple(offered(await bench.dossier()))
    try:
        await event(bench)
        if column.then is not None:
            await column.then(bench)
    except Impossible:
        text = IMPOSSIBLE
    except Refused:
        text = REFUSED
    except RunsHot as error:
        text = f"BUG: runs hot ({error})"
    after = await see(bench)
    if text is REFUSED and after != before:
        text = f"{REFUSED} but {_change(before, after)}"
    if bench.heard.errors:
        text = f"BUG: {bench.heard.errors[0]!r}"
    return Result(
        text or _change(before, after),
        before,
        after,
        moves=await _moves(bench),
        released=[verdict for _, verdict, _ in bench.billing.releases],
        offered=acts,
    )


async def see(bench: Bench) -> Seen:
    """Look how the workflow stands."""
    workflow = await bench.workflow()
    return Seen(
        workflow.state,
        workflow.held_reason,
        workflow.verdict,
        hold_wanted=workflow.hold_wanted is not None,
        incidents=tuple(i.kind for i in await bench.store.incidents(WF)),
    )


async def _moves(bench: Bench) -> set[tuple[State, State, Actor]]:
    return {
        (entry.from_state, entry.to_state, entry.actor)
        for entry in await bench.store.history(WF)
        if entry.from_state is not None and entry.to_state is not None
    }


def _change(before: Seen, after: Seen) -> str:
    where = str(after.state)
    if after.held_reason is not None:
        where = f"held `{after.held_reason}`"
    if (before.state, before.held_reason) == (after.state, after.held_reason):
        where = STAYS
    wanted = ", hold wanted" if after.hold_wanted and not before.hold_wanted else ""
    raised = after.incidents[len(before.incidents) :]
    return " ".join([f"{where}{wanted}", *(f"⚠ `{kind}`" for kind in raised)])
