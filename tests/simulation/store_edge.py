"""The product's SQLite store over a world's database, with faults at every call."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from external_gate.domain.clock import HighWater
from external_gate.domain.errors import Refused, Unavailable
from external_gate.domain.workflow import State
from external_gate.stores import sql_marks
from external_gate.stores.crowd import Crowd
from external_gate.stores.sql_store import SqlStore, Stage
from external_gate.stores.sql_transaction import Transaction
from external_gate.stores.store_records import Change, Dossier
from tests.simulation.database import BEAT_SECONDS
from tests.simulation.process import Process
from tests.simulation.world import World

Result = TypeVar("Result")

NAPS_SECONDS = (3.0, 12 * 3600.0)
"""From one that the send deadline hardly notices to one that outlives the key of a charge."""


class StoreEdge(SqlStore):
    """One process's way to the database; every read and write goes through two doors."""

    def __init__(self, world: World, process: Process) -> None:
        # Deliberately not the parent's: there is no file, no thread and nothing to open.
        self._world = world
        self._process = process
        self.high_water = HighWater()
        self._beat_at = -BEAT_SECONDS

    async def open(self) -> None:
        """Open nothing: the database is the world's."""

    async def close(self) -> None:
        """Let go of nothing: the database is the world's."""

    async def heartbeat(self, now: datetime) -> datetime:
        """Raise the mark; in the database first, then in the file beside it."""
        mark = self._world.database.commit(
            lambda connection: sql_marks.raise_high_water(connection, now), None
        )
        self._world.database.beat(mark)
        return mark

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Dossier]:
        """Claim, and tell the process that it is busy now."""
        claimed = await super().claim(owner=owner, now=now, lease=lease, limit=limit)
        if claimed:
            self._process.busy.set()
        return claimed

    async def _write(
        self,
        stage: Callable[[Transaction], Result],
        *,
        first: Stage | None = None,
        crowd: Crowd | None = None,
    ) -> Result:
        world, name = self._world, _name(stage)
        await self._process.edge(f"before {name}")
        if world.database_is_down or world.chances.strikes("store_fails_before_commit"):
            raise Unavailable(f"the database is away ({name})")
        await self._beat()
        change = getattr(getattr(stage, "__self__", None), "change", None)
        result = self._save(change, stage, first) if change else self._commit(stage, first)
        if world.chances.strikes("store_fails_after_commit"):
            raise Unavailable(f"the answer of the database was lost ({name})")
        if change is not None and change.after.state is State.CHARGING:
            self._perhaps_nap()
        await self._process.edge(f"after {name}")
        return result

    def _perhaps_nap(self) -> None:
        """Let the machine fall asleep between the intent and its send, and another take over."""
        if not self._process.dead and self._world.chances.strikes("nap_at_the_wire"):
            seconds = self._world.chances.spread(*NAPS_SECONDS)
            self._process.stop(seconds, "before the charge")
            self._world.fell_asleep()

    async def _read(self, question: Callable[[Transaction], Result]) -> Result:
        world, name = self._world, _name(question)
        await self._process.edge(f"before {name}")
        if world.database_is_down or world.chances.strikes("store_fails_before_commit"):
            raise Unavailable(f"the database is away ({name})")
        return question(world.database.reader)

    def _commit(self, stage: Callable[[Transaction], Result], first: Stage | None) -> Result:
        try:
            return self._world.database.commit(stage, first)
        finally:
            self._world.committed()

    def _save(
        self,
        change: Change,
        stage: Callable[[Transaction], Result],
        first: Stage | None,
    ) -> Result:
        """Save, and see that no late worker moved anything and no answer was lost."""
        truth, workflow_id = self._world.truth, change.after.workflow_id
        fence, known = self._number("fence", "workflows", workflow_id), self._pieces(workflow_id)
        try:
            result = self._commit(stage, first)
        except Refused:
            kept = self._pieces(workflow_id) - known
            all_kept = kept == len(change.evidence)
            truth.must("P1", all_kept, f"an answer about {workflow_id} was lost with a lease")
            raise
        truth.must("P2", fence == change.fence, f"a late worker moved {workflow_id}")
        self._tell(change)
        return result

    async def _beat(self) -> None:
        """Make up for the heartbeats that were due meanwhile: only the latest leaves a trace."""
        if self._world.loop.time() - self._beat_at >= BEAT_SECONDS:
            self._beat_at = self._world.loop.time()
            latest = self.high_water.latest(self._process.clock.now())
            self.high_water.observe(await self.heartbeat(latest))

    def _number(self, what: str, table: str, workflow_id: str) -> int:
        sql = f"SELECT {what} FROM {table} WHERE workflow_id = ?"  # noqa: S608 - our own words
        row = self._world.database.connection.execute(sql, (workflow_id,)).fetchone()
        return int(row[0]) if row else 0

    def _pieces(self, workflow_id: str) -> int:
        return self._number("count(*)", "evidence", workflow_id)

    def _tell(self, change: Change) -> None:
        for entry in change.history:
            moved = f"{entry.from_state} → {entry.to_state}: " if entry.to_state else ""
            self._world.timeline.tell(
                self._process.name,
                "saved {} {} {}{}",
                change.after.workflow_id,
                entry.event,
                moved,
                entry.reason,
            )


def _name(stage: object) -> str:
    function = getattr(stage, "func", stage)
    return str(getattr(function, "__name__", "a store call"))
