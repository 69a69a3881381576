"""What closed and open load have in common: connections, a clock, and a tally of the answers."""

import selectors
import time
from collections import Counter
from collections.abc import Callable

from bench.load.connection import Connection, ConnectionLost
from bench.load.orders import LATE_AFTER_SECONDS, Tally
from bench.samples import MICROSECONDS

PATIENCE_SECONDS = 10.0
"""How long answers are waited for once nothing more is sent."""

Request = Callable[[int], bytes]


class Traffic:
    """Sends requests over connections to one port, and notes what becomes of each."""

    def __init__(self, port: int, request: Request) -> None:
        self._port = port
        self._request = request
        self._selector = selectors.DefaultSelector()
        self._statuses: Counter[int] = Counter()
        self._open: set[Connection] = set()
        self.busy: set[Connection] = set()
        """Connections that wait for an answer."""
        self.idle: list[Connection] = []
        self.tally = Tally()
        self.counted_from = float("inf")
        self.counted_until = 0.0
        self.keeps_times = False
        """Whether the tally shall tell when each answer came."""

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._open)

    def connect(self) -> None:
        """Open one more connection; it is idle."""
        connection = Connection(self._port)
        self._open.add(connection)
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self.idle.append(connection)

    def send(self, since: float | None = None) -> None:
        """Send the next request on an idle connection; its latency counts from `since`, or now."""
        connection, number = self.idle.pop(), self.tally.sent
        request = self._request(number)
        self.tally.sent += 1
        self.busy.add(connection)
        try:
            if not connection.send(number, request, since or time.perf_counter()):
                self._watch(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        except ConnectionLost:
            self._lose(connection)

    def turn(self, timeout_seconds: float) -> None:
        """Wait for something to happen, and note it."""
        for key, events in self._selector.select(timeout_seconds):
            try:
                self._look(key.data, events)
            except ConnectionLost:
                self._lose(key.data)

    def end(self) -> Tally:
        """Wait for the answers that are still to come, close everything, give the tally."""
        give_up_at = time.perf_counter() + PATIENCE_SECONDS
        while self.busy and time.perf_counter() < give_up_at:
            self.turn(0.05)
        for connection in list(self._open):
            self._lose(connection)
        self._selector.close()
        self.tally.statuses = {str(status): count for status, count in self._statuses.items()}
        return self.tally

    def _look(self, connection: Connection, events: int) -> None:
        if events & selectors.EVENT_WRITE and connection.flush():
            self._watch(connection, selectors.EVENT_READ)
        if events & selectors.EVENT_READ:
            status = connection.receive()
            if status is not None:
                self._note(connection, status)

    def _note(self, connection: Connection, status: int) -> None:
        now, tally = time.perf_counter(), self.tally
        latency_us = int((now - connection.sent_at) * MICROSECONDS)
        tally.slowest_us = max(tally.slowest_us, latency_us)
        tally.late += latency_us > LATE_AFTER_SECONDS * MICROSECONDS
        self._statuses[status] += 1
        if status != 200:
            tally.unacknowledged.append(connection.number)
        elif self.counted_from <= now < self.counted_until:
            tally.latencies_us.append(latency_us)
            if self.keeps_times:
                tally.answered_at.append(now)
        self.busy.discard(connection)
        if connection.closes:
            self._lose(connection)
        else:
            self.idle.append(connection)

    def _lose(self, connection: Connection) -> None:
        if connection in self.busy:
            self.busy.discard(connection)
            self.tally.lost += 1
            self.tally.unacknowledged.append(connection.number)
        elif connection in self.idle:
            self.idle.remove(connection)
        self._open.discard(connection)
        self._selector.unregister(connection.socket)
        connection.close()

    def _watch(self, connection: Connection, events: int) -> None:
        self._selector.modify(connection.socket, events, connection)
