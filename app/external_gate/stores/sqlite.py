"""The store on one SQLite file: one thread writes, a few others read."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from external_gate.domain.charge import Payer
from external_gate.domain.errors import Unavailable
from external_gate.domain.evidence import Evidence
from external_gate.domain.identifiers import AttemptKey, CustomerId, WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident
from external_gate.domain.workflow import Facts, HeldReason, Workflow
from external_gate.stores import (
    sqlite_dossiers,
    sqlite_evidence,
    sqlite_intake,
    sqlite_leases,
    sqlite_lists,
    sqlite_marks,
    sqlite_notices,
    sqlite_payers,
    sqlite_saves,
)
from external_gate.stores.file_lock import FileLock
from external_gate.stores.heartbeat_file import HeartbeatFile
from external_gate.stores.one_name import refuse_other_names
from external_gate.stores.readers import Readers
from external_gate.stores.schema import migrate, shipped
from external_gate.stores.sqlite_connection import (
    Connect,
    connect_file,
    immediate,
    open_to_read,
    open_to_write,
    prove_writable,
)
from external_gate.stores.sqlite_faults import translate, translate_at_start
from external_gate.stores.store_records import (
    Change,
    Counts,
    Dossier,
    KeptNotice,
    NewNotice,
    NewNotification,
    NoticeTaken,
    Notification,
    Recorded,
    WorkflowFilter,
)
from external_gate.stores.writer import OnCommit, Stage, Writer

Result = TypeVar("Result")

BUSY_TIMEOUT = timedelta(seconds=5)
"""For another process's lock: commands write beside the service, each for milliseconds."""


class SqliteStore:
    """`Store` on one file. Belongs to the event loop in which it is opened.

    `exclusive` takes the lock of a serving or working process; commands go without. A mark in the
    heartbeat file that is later than the database's by more than `restored_after` shows that the
    database is an older copy. It is written to the database first, so nothing need be allowed for.
    `on_commit` hears of every group commit.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout: timedelta = BUSY_TIMEOUT,
        exclusive: bool = False,
        restored_after: timedelta = timedelta(0),
        connect: Connect = connect_file,
        on_commit: OnCommit | None = None,
    ) -> None:
        # Resolved, so that a link to the file has the same lock and the same heartbeat.
        self._path = path.resolve()
        self._busy_timeout = busy_timeout
        self._exclusive = exclusive
        self._restored_after = restored_after
        self._connect = connect
        self._on_commit = on_commit
        self._lock = FileLock(self._path.with_name(f"{self._path.name}.lock"))
        self._heartbeat = HeartbeatFile(self._path.with_name(f"{self._path.name}.heartbeat"))
        self._open: tuple[Database, Writer, Readers] | None = None
        self.restored: int | None = None
        """How many workflows `open` marked; None unless the database was found an older copy."""

    async def open(self) -> None:
        """Connect, migrate, take the lock. May block for `busy_timeout`."""
        if self._open is not None:
            return
        try:
            database = self._open_file()
        except sqlite3.Error as error:
            meaning = translate_at_start if self._exclusive else translate
            raise meaning(error, self._path) from error
        connect = partial(open_to_read, self._path, self._busy_timeout, self._connect)
        self._open = (
            database,
            Writer(database.conn, translate=self._translate, on_commit=self._on_commit),
            Readers(connect, translate=self._translate),
        )

    async def close(self) -> None:
        """Finish what was submitted and let go of everything. May block for `busy_timeout`."""
        if self._open is None:
            return
        (database, writer, readers), self._open = self._open, None
        writer.stop()
        readers.close()
        database.close()
        self._lock.release()

    async def record(self, notification: NewNotification) -> Recorded:
        """Make a notification durable, with the workflow it begins."""
        return await self._write(partial(sqlite_intake.record, notification=notification))

    async def begin(
        self, number: int, workflow: Workflow, *, entry: HistoryEntry | None = None
    ) -> Recorded:
        """Begin a workflow from a kept notification."""
        wanted = partial(sqlite_intake.begin, number=number, workflow=workflow)
        return await self._write(partial(wanted, entry=entry))

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Dossier]:
        """Lease up to `limit` due workflows."""
        return await self._write(
            partial(sqlite_leases.claim, owner=owner, now=now, lease=lease, limit=limit)
        )

    async def acquire(
        self, workflow_id: WorkflowId, *, owner: str, now: datetime, lease: timedelta
    ) -> Dossier:
        """Lease one workflow for a person."""
        wanted = partial(sqlite_leases.acquire, workflow_id=workflow_id)
        return await self._write(partial(wanted, owner=owner, now=now, lease=lease))

    async def renew(
        self, leases: Sequence[tuple[WorkflowId, int]], *, until: datetime
    ) -> frozenset[WorkflowId]:
        """Prolong leases; give those that were lost."""
        return await self._write(partial(sqlite_leases.renew, leases=leases, until=until))

    async def give_back(
        self, leases: Sequence[tuple[WorkflowId, int]], *, due_at: datetime | None
    ) -> None:
        """End leases early."""
        await self._write(partial(sqlite_leases.give_back, leases=leases, due_at=due_at))

    async def save(self, change: Change) -> Dossier:
        """Append evidence; then make the change if it still holds."""
        save = sqlite_saves.Save(change)
        return await self._write(save.move, first=save.keep)

    async def append_evidence(
        self, key: AttemptKey, evidence: Sequence[Evidence]
    ) -> WorkflowId | None:
        """Append evidence without a fence, and wake the workflow."""
        return await self._write(
            partial(sqlite_evidence.append_evidence, key=key, evidence=evidence)
        )

    async def record_notices(self, notices: Sequence[NewNotice]) -> Sequence[NoticeTaken]:
        """Make a gateway's notices durable: evidence, or a look that is wanted."""
        return await self._write(partial(sqlite_notices.record_notices, notices=notices))

    async def want_hold(
        self, workflow_id: WorkflowId, *, reason: HeldReason, detail: str, entry: HistoryEntry
    ) -> None:
        """Ask for a hold that takes effect at the next save."""
        wanted = partial(sqlite_saves.want_hold, workflow_id=workflow_id, reason=reason)
        await self._write(partial(wanted, detail=detail, entry=entry))

    async def dossier(self, workflow_id: WorkflowId) -> Dossier | None:
        """Read one workflow."""
        return await self._read(partial(sqlite_dossiers.read_dossier, workflow_id=workflow_id))

    async def facts(self, workflow_id: WorkflowId) -> Facts | None:
        """Read what the notification said."""
        return await self._read(partial(sqlite_dossiers.read_facts, workflow_id=workflow_id))

    async def history(self, workflow_id: WorkflowId) -> Sequence[HistoryEntry]:
        """Read a workflow's history."""
        return await self._read(partial(sqlite_dossiers.read_history, workflow_id=workflow_id))

    async def incidents(self, workflow_id: WorkflowId) -> Sequence[Incident]:
        """Read a workflow's incidents."""
        return await self._read(partial(sqlite_dossiers.read_incidents, workflow_id=workflow_id))

    async def workflows(self, wanted: WorkflowFilter) -> Sequence[Workflow]:
        """List workflows."""
        return await self._read(partial(sqlite_lists.list_workflows, wanted=wanted))

    async def notifications(
        self, *, limit: int, before: int | None = None, flawed: bool = False
    ) -> Sequence[Notification]:
        """List kept notifications."""
        wanted = partial(sqlite_lists.list_notifications, limit=limit)
        return await self._read(partial(wanted, before=before, flawed=flawed))

    async def notification(self, number: int) -> Notification | None:
        """Read one kept notification."""
        return await self._read(partial(sqlite_lists.read_notification, number=number))

    async def notices(
        self, *, limit: int, before: int | None = None, unmatched: bool = False
    ) -> Sequence[KeptNotice]:
        """List kept notices of gateways."""
        wanted = partial(sqlite_notices.list_notices, limit=limit)
        return await self._read(partial(wanted, before=before, unmatched=unmatched))

    async def notices_of(self, workflow_id: WorkflowId, *, limit: int) -> Sequence[KeptNotice]:
        """List the newest notices that name an attempt of this workflow."""
        wanted = partial(sqlite_notices.notices_of, workflow_id=workflow_id)
        return await self._read(partial(wanted, limit=limit))

    async def counts(self) -> Counts:
        """Count unfinished workflows and incidents."""
        return await self._read(sqlite_lists.read_counts)

    async def heartbeat(self, now: datetime) -> datetime:
        """Raise the high-water mark; in the database first, then in the file beside it."""
        mark = await self._write(partial(sqlite_marks.raise_high_water, now=now))
        await asyncio.to_thread(self._heartbeat.write, mark)
        return mark

    async def mark_restored(self, at: datetime) -> int:
        """Mark every unfinished workflow."""
        return await self._write(partial(sqlite_marks.mark_restored, at=at))

    async def payer(self, customer_id: CustomerId) -> Payer | None:
        """Read a customer's payer."""
        return await self._read(partial(sqlite_payers.read_payer, customer_id=customer_id))

    async def payers(
        self, *, limit: int, after: CustomerId | None = None
    ) -> Sequence[tuple[CustomerId, Payer]]:
        """List payers by customer id."""
        return await self._read(partial(sqlite_payers.list_payers, limit=limit, after=after))

    async def put_payers(self, payers: Mapping[CustomerId, Payer]) -> None:
        """Set payers, all in one transaction."""
        await self._write(partial(sqlite_payers.put_payers, payers=payers))

    async def remove_payer(self, customer_id: CustomerId) -> bool:
        """Remove a customer's payer."""
        return await self._write(partial(sqlite_payers.remove_payer, customer_id=customer_id))

    async def _write(
        self, stage: Callable[[sqlite3.Connection], Result], *, first: Stage | None = None
    ) -> Result:
        if self._open is None:
            raise Unavailable(f"the store {self._path} is not open")
        return await self._open[1].run(stage, first=first)

    async def _read(self, question: Callable[[sqlite3.Connection], Result]) -> Result:
        if self._open is None:
            raise Unavailable(f"the store {self._path} is not open")
        return await self._open[2].ask(question)

    def _translate(self, error: Exception) -> Exception:
        return translate(error, self._path)

    def _open_file(self) -> Database:
        refuse_other_names(self._path)
        with contextlib.ExitStack() as undo:
            if self._exclusive:
                self._lock.acquire()
                undo.callback(self._lock.release)
            # Before the database is read: a service beside us raises its mark there first.
            beside = self._heartbeat.read()
            database = open_to_write(self._path, self._busy_timeout, self._connect)
            undo.callback(database.close)
            migrate(database, shipped("sqlite"))
            if beside is not None and self._is_older(database, beside):
                self._mark_older_copy(database, beside)
            if self._exclusive:
                prove_writable(database.conn)
            undo.pop_all()
        return database

    def _is_older(self, database: Database, beside: datetime) -> bool:
        mark = sqlite_marks.high_water(database.conn)
        return mark is None or beside - mark > self._restored_after

    def _mark_older_copy(self, database: Database, beside: datetime) -> None:
        with immediate(database.conn):
            if self._is_older(database, beside):  # nobody else has found it out meanwhile
                self.restored = sqlite_marks.mark_restored(database.conn, beside)
                sqlite_marks.raise_high_water(database.conn, beside)
