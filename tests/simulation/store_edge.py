"""The product's SQLite store over a world's database, with faults at every call."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from external_gate.domain.errors import LeaseLost, Unavailable
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores import sqlite_marks
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.store import Change, Dossier
from tests.simulation.database import BEAT_SECONDS, Stage
from tests.simulation.process import Process
from tests.simulation.world import World

Result = TypeVar("Result")


class StoreEdge(SqliteStore):
    """One process's way to the database; every read and write goes through two doors."""

    def __init__(self, world: World, process: Process) -> None:
        # Deliberately not the parent's: there is no file, no thread and nothing to open.
        self._world = world
        self._process = process
        self.beaten: Callable[[datetime], None] = lambda _mark: None
        self._beat_at = -BEAT_SECONDS

    async def close(self) -> None:
        """Let go of nothing: the database is the world's."""

    async def heartbeat(self, now: datetime) -> datetime:
        """Raise the mark; database first, then the file beside it."""
        mark = self._world.database.commit(
            lambda connection: sqlite_marks.raise_high_water(connection, now), None
        )
        self._world.database.heartbeat_file = mark
        return mark

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Dossier]:
        """Claim, and tell the process that it is busy now."""
        claimed = await super().claim(owner=owner, now=now, lease=lease, limit=limit)
        if claimed:
            self._process.busy.set()
        return claimed

    async def save(self, change: Change) -> Dossier:
        """Save; then see that no answer was lost and no late worker moved anything."""
        newest = self._fence(change.after.workflow_id)
        saved: Dossier | None = None
        try:
            saved = await super().save(change)
        except Unavailable:
            raise
        except Exception:
            self._check_evidence(change)
            raise
        self._check_evidence(change)
        return saved

    async def _write(
        self, stage: Callable[[sqlite3.Connection], Result], *, first: Stage | None = None
    ) -> Result:
        world, name = self._world, _name(stage)
        await self._process.edge(f"before {name}")
        await self._beat()
        if world.database_is_down or world.chances.strikes("store_fails_before_commit"):
            raise Unavailable(f"the database is away ({name})")
        change = getattr(getattr(stage, "__self__", None), "_change", None)
        fence = self._fence(change.after.workflow_id) if change is not None else None
        try:
            result = world.database.commit(stage, first)
            if change is not None:
                self._tell_save(change)
                late = fence != change.fence
                world.truth.must("P2", not late, "a late worker moved a workflow")
        finally:
            world.committed()
        if world.chances.strikes("store_fails_after_commit"):
            raise Unavailable(f"the answer of the database was lost ({name})")
        await self._process.edge(f"after {name}")
        return result

    async def _read(self, question: Callable[[sqlite3.Connection], Result]) -> Result:
        world, name = self._world, _name(question)
        await self._process.edge(f"before {name}")
        if world.database_is_down or world.chances.strikes("store_fails_before_commit"):
            raise Unavailable(f"the database is away ({name})")
        return question(world.database.connection)

    async def _beat(self) -> None:
        """Make up for the heartbeats that were due meanwhile; only the latest leaves a trace."""
        if self._world.loop.time() - self._beat_at >= BEAT_SECONDS:
            self._beat_at = self._world.loop.time()
            self.beaten(await self.heartbeat(self._process.clock.now()))

    def _fence(self, workflow_id: WorkflowId) -> int | None:
        row = self._world.database.connection.execute(
            "SELECT fence FROM workflows WHERE workflow_id = ?", (workflow_id,)
        ).fetchone()
        return None if row is None else int(row[0])

    def _check_evidence(self, change: Change) -> None: ...

    def _tell_save(self, change: Change) -> None:
        tell = self._world.timeline.tell
        for entry in change.history:
            tell(
                self._process.name,
                "{} {}: {} {}",
                change.after.workflow_id,
                entry.event,
                f"{entry.from_state} → {entry.to_state}" if entry.to_state else "",
                entry.reason,
            )


def _name(stage: object) -> str:
    function = getattr(stage, "func", stage)
    return str(getattr(function, "__name__", "a store call"))


__all__ = ["LeaseLost", "StoreEdge"]
