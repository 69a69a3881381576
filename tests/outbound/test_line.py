"""Lines, and what a peer can do to one under TLS: its records are made by hand here."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from external_gate.outbound.calls import Answered, NeverSent, SentUnanswered
from external_gate.outbound.direct_caller import DirectCaller
from external_gate.outbound.line import PlainLine
from tests.outbound.conftest import MARK, OK, Connection, Kind, MakeCaller, Peer, post


@pytest.fixture(scope="session")
def kind() -> Kind:
    """The other caller leaves its bytes to a library."""
    return DirectCaller


async def test_line_tells_whether_the_peer_spoke_or_left() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        line = PlainLine(ours)
        assert not line.has_spoken()
        theirs.send(OK)
        assert line.has_spoken()
        assert await line.receive() == OK, "it was only looked at"
        theirs.close()
        assert line.has_spoken()
        assert await line.receive() == b""


class HandMadeTls:
    """The peer's end of TLS, which sends what it is told when it is told."""

    def __init__(self, tls: ssl.SSLContext, connection: Connection) -> None:
        self._arrived, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._connection = connection
        self.tls = tls.wrap_bio(self._arrived, self._to_send, server_side=True)

    async def read(self, act: Callable[[], Any]) -> Any:  # Any: whatever the act gives
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                self.flush()
                self._arrived.write(await self._connection.reader.read(65536))

    def flush(self) -> None:
        self._connection.writer.write(self._to_send.read())


async def test_answer_that_comes_with_the_handshake_answers_nothing(
    make_caller: MakeCaller, server_tls: ssl.SSLContext
) -> None:
    server_tls.maximum_version = ssl.TLSVersion.TLSv1_2  # where the peer has the last word

    async def speak_at_once(connection: Connection) -> None:
        peer = HandMadeTls(server_tls, connection)
        await peer.read(peer.tls.do_handshake)
        peer.tls.write(OK)
        peer.flush()

    async with Peer(speak_at_once) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url.replace("http:", "https:")))
        await peer.settled()

    assert end == NeverSent("the peer spoke or left before it was asked")


@pytest.mark.parametrize("says_farewell", [True, False])
async def test_answer_that_anybody_on_the_way_could_have_cut_is_none(
    make_caller: MakeCaller, server_tls: ssl.SSLContext, says_farewell: bool
) -> None:
    async def answer_without_length(connection: Connection) -> None:
        peer = HandMadeTls(server_tls, connection)
        await peer.read(peer.tls.do_handshake)
        assert MARK.encode() in await peer.read(lambda: peer.tls.read(65536))
        peer.tls.write(b"HTTP/1.1 200 OK\r\n\r\npaid")
        if says_farewell:
            with pytest.raises(ssl.SSLWantReadError):
                peer.tls.unwrap()
        peer.flush()
        connection.hang_up()

    async with Peer(answer_without_length) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url.replace("http:", "https:")))
        await peer.settled()

    cut = SentUnanswered("the connection failed: SSLEOFError")
    assert end == (Answered(200, {}, b"paid") if says_farewell else cut)


async def test_answer_to_a_request_that_was_not_taken_whole_is_an_answer(
    make_caller: MakeCaller,
) -> None:
    async def refuse_early(connection: Connection) -> None:
        await connection.read_head()
        connection.writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.reset()

    async with Peer(refuse_early) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url, b"x" * 16_000_000))

    assert end == Answered(413, {"content-length": "0"}, b"")


async def test_large_request_and_answer_under_tls(
    make_caller: MakeCaller, server_tls: ssl.SSLContext
) -> None:
    body = bytes(range(256)) * 4000

    async def give_back(connection: Connection) -> None:
        await connection.read_request()
        _, _, sent = connection.seen.partition(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(sent)}\r\n\r\n".encode()
        connection.writer.write(head + sent)

    async with Peer(give_back, server_tls) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url, body))
        await asyncio.sleep(0)

    assert isinstance(end, Answered)
    assert end.body == body
