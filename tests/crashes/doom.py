"""At which boundary a process kills itself, once; and the real parts that lead past boundaries.

A boundary is a durable step of the store or one HTTP call. The parts are the product's own: nothing
is done here but to look at what comes by, to write it down, and to strike.
"""

import asyncio
import inspect
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from external_gate.domain.workflow import Actor, State
from external_gate.outbound.calls import Call, CallEnd, Caller
from external_gate.stores import sql_saves
from external_gate.stores.crowd import Crowd
from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.postgres_session import PostgresSession
from external_gate.stores.sql_store import SqlStore, Stage
from external_gate.stores.sql_transaction import Transaction
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.store_records import Dossier

Result = TypeVar("Result")
Item = TypeVar("Item")

When = Literal["before", "inside", "after", "midway"]
"""Inside: all is written and not yet committed. Midway: the other side has the request and its
effect is done, no answer was sent; then the kill comes from outside."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process is killed: at the `nth` time that it comes by."""

    when: When
    what: str
    nth: int = 1

    def __str__(self) -> str:
        """Write it for people and for `read_point`."""
        return f"{self.when} {self.what}" + (f" #{self.nth}" if self.nth > 1 else "")


def saving(move: tuple[State, State, Actor]) -> str:
    """Name the save that makes a move."""
    before, after, actor = move
    return f"save {before}-{after} {actor}"


class Doom:
    """Writes down what one process comes by, and ends it at its point.

    `marker` says that it has happened: whoever starts afterwards lives on.
    """

    def __init__(self, point: Point | None, *, marker: Path, trace: Path, role: str) -> None:
        self._point = None if marker.exists() else point
        self._marker = marker
        self._trace = trace
        self._role = role
        self._seen: Counter[tuple[str, str]] = Counter()
        self.at_commit = False
        """Whether the next commit is the one that is never made."""

    @asynccontextmanager
    async def around(self, *names: str, commits: bool = False) -> AsyncIterator[None]:
        """Lead past one boundary: before it, inside of its transaction, after it."""
        self.comes_by("before", names)
        if commits and self._is_at("inside", names):
            self.at_commit = True
        yield
        self.comes_by("after", names)

    def comes_by(self, when: When, names: Sequence[str]) -> None:
        """Write a boundary down; strike if it is the one."""
        with self._trace.open("a") as trace:
            for name in names:
                number = self._seen[when, name] + 1
                trace.write(f"{self._role}|{when}|{name}|{number}\n")
        strikes = self._is_at(when, names)
        for name in names:
            self._seen[when, name] += 1
        if strikes:
            self.strike()

    def strike(self) -> None:
        """Kill this very process; nothing of it runs any more."""
        self._marker.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)

    def _is_at(self, when: When, names: Sequence[str]) -> bool:
        point = self._point
        if point is None or point.when != when or point.what not in names:
            return False
        # `inside` is asked for after its `before` has been counted.
        counted = self._seen["before" if when == "inside" else when, point.what]
        return counted + (when != "inside") == point.nth


class DoomedStore(SqlStore):
    """The product's store; every transaction that writes is a boundary, also one born tomorrow."""

    _doom: Doom
    _has_work = False

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Dossier]:
        claimed = await super().claim(owner=owner, now=now, lease=lease, limit=limit)
        if claimed:
            self._doom.comes_by("after", ["claim"])
        return claimed

    async def _write(
        self,
        stage: Callable[[Transaction], Result],
        *,
        first: Stage | None = None,
        crowd: Crowd | None = None,
    ) -> Result:
        names = _names_of(stage)
        if names == ["claim"]:  # most of them find nothing: then nothing is there to be lost
            if self._has_work:
                self._doom.comes_by("before", names)
            return await super()._write(stage, first=first, crowd=crowd)  # type: ignore[safe-super]  # a real store comes behind
        async with self._doom.around(*names, commits=True):
            return await super()._write(stage, first=first, crowd=crowd)  # type: ignore[safe-super]  # a real store comes behind

    async def _take_in_together(
        self, together: Callable[[Transaction, Sequence[Item]], Sequence[Result]], item: Item
    ) -> Result:
        name = together.__name__.removeprefix("_").removesuffix("_together")
        async with self._doom.around(name, commits=True):
            result = await super()._take_in_together(together, item)
        self._has_work = True
        return result


class DoomedFile(DoomedStore, SqliteStore):
    """The one on a file."""

    def __init__(self, path: Path, doom: Doom, *, exclusive: bool) -> None:
        def connect(path: Path, busy_timeout: timedelta) -> sqlite3.Connection:
            connection = sqlite3.connect(
                path,
                timeout=busy_timeout.total_seconds(),
                isolation_level=None,
                check_same_thread=False,
                factory=DoomedConnection,
            )
            connection.doom = doom
            return connection

        super().__init__(path, exclusive=exclusive, connect=connect)
        self._doom = doom


class DoomedSchema(DoomedStore, PostgresStore):
    """The one on PostgreSQL, where what comes in has a lane of its own."""

    def __init__(self, address: PostgresAddress, doom: Doom) -> None:
        super().__init__(address)
        self._doom = doom

    async def _take_in(self, stage: Callable[[Transaction], Result]) -> Result:
        async with self._doom.around(*_names_of(stage), commits=True):
            return await super()._take_in(stage)

    def _writing(self, channel: str = "") -> PostgresSession:
        begin = self._address.begin_to_write
        session = DoomedSession(self._address, begin=begin, channel=channel)
        session.doom = self._doom
        return session


def _names_of(stage: Callable[[Transaction], object]) -> list[str]:
    """Name what is written: `record`, `renew`; a save by its moves."""
    if getattr(stage, "__qualname__", "").startswith(PostgresStore._after_a_look.__qualname__):
        # Behind a look whether the database is still the one that is known.
        stage = inspect.getclosurevars(stage).nonlocals["stage"]
    save = getattr(stage, "__self__", None)
    if not isinstance(save, sql_saves.Save):
        return [str(getattr(stage, "func", stage).__name__)]
    moves = [
        saving((entry.from_state, entry.to_state, entry.actor))
        for entry in save.change.history
        if entry.from_state is not None and entry.to_state is not None
    ]
    kept = ["save of evidence"] if save.change.evidence else []
    return [*moves, *kept] or ["save of notes"]


class DoomedConnection(sqlite3.Connection):
    """A connection that may never come to its commit."""

    doom: Doom

    def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.doom.at_commit:
            self.doom.strike()
        return super().execute(sql, parameters)  # type: ignore[arg-type]  # handed on as it came


class DoomedSession(PostgresSession):
    """The same on PostgreSQL."""

    doom: Doom

    def commit(self) -> None:
        if self.doom.at_commit:
            self.doom.strike()
        super().commit()


@dataclass(frozen=True, slots=True)
class DoomedCaller:
    """The product's caller; every call is a boundary: decided, and answered but not yet read."""

    caller: Caller
    doom: Doom

    async def call(self, call: Call) -> CallEnd:
        async with self.doom.around(edge_of(call.method, call.url)):
            return await self.caller.call(call)


def edge_of(method: str, url: str) -> str:
    """Name a call by what it is for."""
    path = urlsplit(url).path
    for ending in ("cancel", "refund", "release"):
        if path.endswith(f"/{ending}"):
            return ending
    if path.startswith("/charges"):
        return "lookup" if method == "GET" else "charge"
    for part, edge in (("/invoices/", "invoice"), ("/contracts/", "contract")):
        if part in path:
            return edge
    return "customer"


@dataclass(frozen=True, slots=True)
class MovedClock:
    """The machine's clock, moved forward by the seconds in a file: hours cannot be waited for."""

    file: Path

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=moved_by(self.file))

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(max(0.0, duration.total_seconds()))


def moved_by(file: Path) -> float:
    """Read how far the clock is moved; nothing without the file."""
    try:
        return float(file.read_text() or 0)
    except FileNotFoundError:
        return 0.0
