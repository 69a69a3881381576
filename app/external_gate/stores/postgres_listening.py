"""Hearing that another process took something in; polling stays the safety net."""

import asyncio
import contextlib
import selectors
import socket
import threading
from collections.abc import Callable

import psycopg
from psycopg.rows import TupleRow

from external_gate.stores.postgres_address import PostgresAddress

RECONNECT_SECONDS = 2.0
"""Between two tries: meanwhile workers poll."""


class Listener:
    """A thread with a connection of its own that calls `wake` in the loop which made it."""

    def __init__(self, address: PostgresAddress, wake: Callable[[], None]) -> None:
        self._address = address
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._stop_here, self._stop_there = socket.socketpair()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="store-listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection. Blocks until then; repeatable."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._stop_there.send(b"x")
        self._thread.join()
        self._stop_here.close()
        self._stop_there.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            with (
                contextlib.suppress(psycopg.Error, OSError),
                self._address.connect() as connection,
            ):
                self._listen(connection)
            self._stopping.wait(RECONNECT_SECONDS)

    def _listen(self, connection: psycopg.Connection[TupleRow]) -> None:
        connection.execute(f'LISTEN "{self._address.channel}"'.encode())
        self._tell()  # of whatever was announced while nobody listened
        with selectors.DefaultSelector() as ears:
            ears.register(connection.fileno(), selectors.EVENT_READ)
            ears.register(self._stop_here, selectors.EVENT_READ)
            while not self._stopping.is_set():
                ears.select()
                if any(True for _ in connection.notifies(timeout=0)):
                    self._tell()

    def _tell(self) -> None:
        # A closed loop means that nobody waits any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake)
