"""The store on PostgreSQL: any number of processes share it, and any of them may die."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from external_gate.domain.errors import Unavailable
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores import sql_leases, sql_marks
from external_gate.stores.copy_marks import refuse_unservable
from external_gate.stores.crowd import Crowd
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.postgres_listening import Listener
from external_gate.stores.postgres_schema import migrate
from external_gate.stores.postgres_session import PostgresSession
from external_gate.stores.readers import Readers
from external_gate.stores.schema import shipped
from external_gate.stores.sql_store import SqlStore, Stage
from external_gate.stores.sql_transaction import Transaction
from external_gate.stores.store_records import Dossier
from external_gate.stores.writer import OnCommit, Writer

Result = TypeVar("Result")
Item = TypeVar("Item")


class PostgresStore(SqlStore):
    """`Store` on one namespace. Belongs to the event loop in which it is opened.

    Two lanes write, each with a connection and a group commit of its own: what is acknowledged to a
    sender never waits behind the engine. `on_commit` hears of every group commit, from two threads.

    An older copy of the database (a failover to a standby that had not everything, a backup) is
    found out by every process that has seen a later mark in it: before it claims anything from it,
    every unfinished workflow is marked.
    """

    def __init__(
        self, address: PostgresAddress, *, listen: bool = True, on_commit: OnCommit | None = None
    ) -> None:
        self._address = address
        self._listen = listen
        self._on_commit = on_commit
        self._lanes: tuple[Writer, Writer] | None = None
        self._readers: Readers | None = None
        self._sessions: list[PostgresSession] = []
        self._listener: Listener | None = None
        self._seen: datetime | None = None
        self.restored: int | None = None
        """How many workflows were marked when the database was last found an older copy."""

    async def open(self) -> None:
        """Connect and migrate."""
        if self._lanes is not None:
            return
        await asyncio.to_thread(migrate, self._address, shipped("postgres"))
        intake = self._writing(channel=self._address.channel if self._listen else "")
        engine = self._writing()
        self._sessions = [intake, engine]
        self._lanes = (
            Writer(intake, on_commit=self._on_commit),
            Writer(engine, on_commit=self._on_commit),
        )
        self._readers = Readers(
            lambda: PostgresSession(self._address, begin=self._address.begin_to_read)
        )
        try:
            await self._read(partial(refuse_unservable, shown=self._address.shown))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was submitted and let go of every connection."""
        lanes, readers, listener = self._lanes, self._readers, self._listener
        self._lanes = self._readers = self._listener = None
        if listener is not None:
            await asyncio.to_thread(listener.stop)
        for lane in lanes or ():
            await asyncio.to_thread(lane.stop)
        if readers is not None:
            await asyncio.to_thread(readers.close)
        for session in self._sessions:
            session.close()
        self._sessions = []

    def when_due(self, wake: Callable[[], None]) -> None:
        """Call `wake` in the loop whenever any process has taken something in."""
        if self._listen and self._lanes is not None and self._listener is None:
            self._listener = Listener(self._address, wake)

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Dossier]:
        """Lease what is due, after a look whether this is still the database that we know."""
        wanted = partial(sql_leases.claim, owner=owner, now=now, lease=lease, limit=limit)
        return await self._after_a_look(wanted)

    async def acquire(
        self, workflow_id: WorkflowId, *, owner: str, now: datetime, lease: timedelta
    ) -> Dossier:
        """Lease one workflow, after the same look."""
        wanted = partial(sql_leases.acquire, workflow_id=workflow_id)
        return await self._after_a_look(partial(wanted, owner=owner, now=now, lease=lease))

    async def heartbeat(self, now: datetime) -> datetime:
        """Raise the high-water mark, after the same look."""
        return await self._after_a_look(partial(sql_marks.raise_high_water, now=now))

    async def _after_a_look(self, stage: Callable[[Transaction], Result]) -> Result:
        seen = self._seen

        def looked(transaction: Transaction) -> tuple[int | None, Result, datetime | None]:
            marked = None if seen is None else sql_marks.mark_if_older(transaction, seen)
            return marked, stage(transaction), sql_marks.high_water(transaction)

        marked, result, mark = await self._write(looked)
        # Only now, when it is durable, may anything be compared with it.
        if marked is not None:
            self.restored = marked
        if mark is not None and (self._seen is None or mark > self._seen):
            self._seen = mark
        return result

    async def _write(
        self,
        stage: Callable[[Transaction], Result],
        *,
        first: Stage | None = None,
        crowd: Crowd | None = None,
    ) -> Result:
        return await self._opened_lanes()[1].run(stage, first=first, crowd=crowd)

    async def _take_in(self, stage: Callable[[Transaction], Result]) -> Result:
        return await self._opened_lanes()[0].run(stage)

    async def _take_in_together(
        self, together: Callable[[Transaction, Sequence[Item]], Sequence[Result]], item: Item
    ) -> Result:
        crowd = Crowd(together, item)
        return await self._opened_lanes()[0].run(crowd.alone, crowd=crowd)

    async def _read(self, question: Callable[[Transaction], Result]) -> Result:
        if self._readers is None:
            raise Unavailable(f"the store {self._address.shown} is not open")
        return await self._readers.ask(question)

    def _opened_lanes(self) -> tuple[Writer, Writer]:
        if self._lanes is None:
            raise Unavailable(f"the store {self._address.shown} is not open")
        return self._lanes

    def _writing(self, channel: str = "") -> PostgresSession:
        return PostgresSession(self._address, begin=self._address.begin_to_write, channel=channel)
