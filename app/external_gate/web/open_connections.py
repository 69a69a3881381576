"""The open connections: at most so many, and none that stays without sending or reading.

They are looked at from time to time and all at once, so that no request pays for being watched. The
parser is not asked, so that any of uvicorn's will do.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, MutableSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Cycle(Protocol):
    """One request and its answer, as uvicorn keeps it."""

    more_body: bool
    response_complete: bool


class Connection(Protocol):
    """What uvicorn's protocols have in common, whatever they parse with."""

    transport: asyncio.Transport
    cycle: Cycle | None
    """The latest request of which the headers were complete; None before the first."""


class Stage(StrEnum):
    """How far a connection is."""

    WAITING = "waiting"  # for headers: none came yet, or not all, or what comes belongs to nothing
    UNREAD = "unread"  # an answer, or our end of the connection, waits for its reader
    ARRIVING = "arriving"  # the headers are here, the body is not; whoever reads it has a timeout
    ANSWERING = "answering"  # a whole request is worked on; never closed from here


@dataclass(frozen=True, slots=True)
class Sighting:
    """Since when a connection is known to stand where it stands."""

    stage: Stage
    cycle: Cycle | None
    since: float


class OpenConnections(MutableSet[Connection]):
    """uvicorn's set of open connections, in the order in which they came.

    A connection that waits for whole headers, or for its answer to be read, longer than
    `patience_seconds` is closed by `sweep`. When one comes on top of `most`, another is closed for
    it: the oldest that waits, else one that does not read, else one whose body is arriving. A whole
    request is never closed for another; if there are only those, the newcomer goes.
    """

    def __init__(self, *, most: int, patience_seconds: float) -> None:
        self._most = most
        self._patience_seconds = patience_seconds
        self._sightings: dict[Connection, Sighting | None] = {}
        self._closed: Counter[str] = Counter()

    def add(self, value: Connection) -> None:
        """Take a newcomer in; uvicorn has not given it its transport yet."""
        if len(self._sightings) >= self._most and not self._make_room():
            self._closed["too_many"] += 1
            asyncio.get_running_loop().call_soon(_abort, value)
            return
        self._sightings[value] = None

    def discard(self, value: Connection) -> None:
        """Forget a connection that has ended. Repeatable."""
        self._sightings.pop(value, None)

    def sweep(self, now: float) -> None:
        """Close what has stood still for too long; `now` is the event loop's time in seconds."""
        for connection, sighting in self._sightings.items():
            stage, cycle = stage_of(connection), connection.cycle
            if sighting is None or sighting.stage is not stage or sighting.cycle is not cycle:
                self._sightings[connection] = Sighting(stage, cycle, now)
            elif now - sighting.since > self._patience_seconds:
                self._close(connection, stage)

    def taken_closed(self) -> dict[str, int]:
        """Give how many were closed, by reason, since this was last asked."""
        closed, self._closed = self._closed, Counter()
        return dict(closed)

    def _close(self, connection: Connection, stage: Stage) -> None:
        match stage:
            case Stage.WAITING:
                self._closed["headers_too_slow"] += 1
                connection.transport.close()
            case Stage.UNREAD:
                self._closed["answer_unread"] += 1
                _abort(connection)  # closing would wait for the reader again
            case _:
                pass

    def _make_room(self) -> bool:
        for stage in (Stage.WAITING, Stage.UNREAD, Stage.ARRIVING):
            for connection in self._sightings:
                if stage_of(connection) is stage:
                    self._closed["too_many"] += 1
                    # At once, because a burst of newcomers is taken in before its end is told.
                    self.discard(connection)
                    _abort(connection)
                    return True
        return False

    def __contains__(self, value: object) -> bool:
        return value in self._sightings

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._sightings)

    def __len__(self) -> int:
        return len(self._sightings)


def stage_of(connection: Connection) -> Stage:
    """Tell how far a connection is."""
    cycle, transport = connection.cycle, connection.transport
    if transport.is_closing() or transport.get_write_buffer_size():
        return Stage.UNREAD
    if cycle is None or cycle.response_complete:
        return Stage.WAITING
    return Stage.ARRIVING if cycle.more_body else Stage.ANSWERING


def _abort(connection: Connection) -> None:
    connection.transport.abort()
