"""A cable that is cut is cut; otherwise a campaign would prove nothing."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.cable import Cable, Cut
from tests.chaos.wires import Line, wires

SOON_SECONDS = 0.2


class Echo:
    """A database that says what it is told."""

    def __init__(self) -> None:
        self.heard = b""

    async def serve(self, line: Line) -> None:
        try:
            while said := await line.reader.read(100):
                self.heard += said
                line.writer.write(said)
        finally:
            line.writer.close()


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def cable(tmp_path: Path, echo: Echo) -> Iterator[Cable]:
    """Give a cable that is whole; at its end somebody echoes."""
    with wires() as running:
        path = tmp_path / "database"

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            running.keep(echo.serve(Line(reader, writer)))

        server = running.run(asyncio.start_unix_server(accept, path))
        found = Cable(running, path)
        found.start()
        yield found
        running.loop.call_soon_threadsafe(server.close)


def _connected(cable: Cable) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", cable.port), timeout=5)
    one.sendall(b"hello")
    assert one.recv(100) == b"hello"
    return one


def _is_silent(one: socket.socket) -> bool:
    one.settimeout(SOON_SECONDS)
    try:
        return not one.recv(100)
    except TimeoutError:
        return True
    finally:
        one.settimeout(5)


def _has_ended(one: socket.socket) -> bool:
    try:
        return one.recv(100) == b""
    except ConnectionError:
        return True


def test_broken_cable_ends_connections_and_makes_none(cable: Cable) -> None:
    with _connected(cable) as old:
        cable.cut(Cut.BROKEN)
        assert _has_ended(old)
    with socket.create_connection(("127.0.0.1", cable.port), timeout=5) as new:
        assert _has_ended(new)

    cable.mend()
    _connected(cable).close()


def test_silent_cable_tells_nobody_and_delivers_late(cable: Cable, echo: Echo) -> None:
    with _connected(cable) as one:
        cable.cut(Cut.SILENT)
        one.sendall(b" again")
        assert _is_silent(one)
        assert echo.heard == b"hello"

        cable.mend()
        assert one.recv(100) == b" again"


def test_deaf_cable_loses_answers_and_not_their_effect(cable: Cable, echo: Echo) -> None:
    with _connected(cable) as one:
        cable.cut(Cut.DEAF)
        one.sendall(b" again")
        assert _is_silent(one)
        assert echo.heard == b"hello again"

        cable.mend()
        assert _has_ended(one)
