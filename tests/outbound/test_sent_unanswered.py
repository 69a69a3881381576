"""`SentUnanswered` over real sockets: bytes of the request may have arrived, and often did."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from external_gate.outbound.calls import Answered, SentUnanswered
from tests.outbound.conftest import (
    MARK,
    OK,
    Connection,
    Kind,
    MakeCaller,
    Peer,
    impatient_caller,
    pass_on,
    post,
    seconds,
)

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Trailer: a\r\n\r\n"
)
LARGER_THAN_ALL_BUFFERS = b"x" * 16_000_000


async def say_nothing(connection: Connection) -> None:
    """Accept, read, and stay silent."""


async def test_reset_before_a_byte_was_read(make_caller: MakeCaller) -> None:
    async def reset(connection: Connection) -> None:
        connection.reset()

    async with Peer(reset) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url))

    # The peer's program saw nothing, but from here that cannot be known.
    assert isinstance(end, SentUnanswered)


@pytest.mark.parametrize("bytes_read", [1, 40, 200, 100_000])
async def test_reset_in_the_middle_of_the_request(make_caller: MakeCaller, bytes_read: int) -> None:
    async def read_some(connection: Connection) -> None:
        connection.seen += await connection.reader.readexactly(bytes_read)
        connection.reset()

    async with Peer(read_some) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url, LARGER_THAN_ALL_BUFFERS))
        await peer.settled()

    assert isinstance(end, SentUnanswered)
    assert len(peer.seen) == bytes_read


@pytest.mark.parametrize("farewell", [Connection.reset, Connection.hang_up])
async def test_closed_after_the_request(
    make_caller: MakeCaller, farewell: Callable[[Connection], None]
) -> None:
    async def leave(connection: Connection) -> None:
        await connection.read_request()
        farewell(connection)

    async with Peer(leave) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url))
        await peer.settled()

    assert isinstance(end, SentUnanswered)
    assert peer.seen.endswith(MARK.encode())


@pytest.mark.parametrize("farewell", [Connection.reset, Connection.hang_up])
@pytest.mark.parametrize("response", [OK, CHUNKED])
async def test_answer_cut_at_every_byte(
    make_caller: MakeCaller, response: bytes, farewell: Callable[[Connection], None]
) -> None:
    length = 0

    async def answer_in_part(connection: Connection) -> None:
        await connection.answer(response[:length])
        farewell(connection)

    async with Peer(answer_in_part) as peer, make_caller() as caller:
        for length in range(len(response)):
            end = await caller.call(post(peer.url))
            assert isinstance(end, SentUnanswered), response[:length]
        await peer.settled()

    assert peer.seen.count(b"POST") == len(response)


async def test_body_without_a_length_that_ends_in_a_reset(make_caller: MakeCaller) -> None:
    async def answer_in_part(connection: Connection) -> None:
        await connection.answer(b"HTTP/1.1 200 OK\r\n\r\nhalf of")
        await asyncio.sleep(0.02)  # so that the half arrives before the reset
        connection.reset()

    async with Peer(answer_in_part) as peer, make_caller() as caller:
        assert isinstance(await caller.call(post(peer.url)), SentUnanswered)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 50 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 200_000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
    ],
)
async def test_garbage_instead_of_an_answer(make_caller: MakeCaller, garbage: bytes) -> None:
    async def answer_garbage(connection: Connection) -> None:
        await connection.answer(garbage)
        connection.hang_up()

    async with Peer(answer_garbage) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url))
        await peer.settled()

    assert isinstance(end, SentUnanswered)
    assert MARK.encode() in peer.seen


PIECES = [
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b"100", b"101", b"204", b" OK", b"5", b"0", b"hello"),
    *(b"\r\n", b"\n", b"\r\n\r\n", b": ", b"\x00", b"\xff", OK, CHUNKED),
    *(b"Content-Length: ", b"Transfer-Encoding: chunked", b"Connection: keep-alive"),
    *(b"Content-Encoding: gzip\r\n", b"Date: Sun, 99 Nov", b"Location: /\r\n"),
]


# Each example opens a server of its own.
@settings(max_examples=50)
@given(pieces=st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=12))
async def test_whatever_a_peer_says_raises_nothing(
    kind: Kind, certificate: Path, pieces: list[bytes]
) -> None:
    async def say(connection: Connection) -> None:
        await connection.answer(b"".join(pieces))
        connection.hang_up()

    async with Peer(say) as peer, impatient_caller(kind, certificate) as caller:
        end = await caller.call(post(peer.url))
        await peer.settled()

    assert isinstance(end, Answered | SentUnanswered)
    assert MARK.encode() in peer.seen


async def test_no_answer_in_time(make_caller: MakeCaller) -> None:
    async with Peer(say_nothing) as peer, make_caller(timeouts=seconds(rest=0.05)) as caller:
        end = await caller.call(post(peer.url))
        await peer.settled()

    assert end == SentUnanswered("no whole answer in time")
    assert peer.seen.endswith(MARK.encode())


async def test_request_not_taken_in_time(make_caller: MakeCaller) -> None:
    gave_up = asyncio.Event()

    async def read_nothing(connection: Connection) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined] # typed as writing only
        await gave_up.wait()
        connection.writer.transport.resume_reading()  # type: ignore[attr-defined] # typed as writing only

    async with Peer(read_nothing) as peer, make_caller(timeouts=seconds(rest=0.05)) as caller:
        end = await caller.call(post(peer.url, LARGER_THAN_ALL_BUFFERS))
        gave_up.set()
        await peer.settled()

    assert end == SentUnanswered("the request was not taken in time")
    assert peer.connections[0].ending == "reset", "nothing more may arrive after we gave up"


async def test_answer_that_trickles_past_the_total_timeout(make_caller: MakeCaller) -> None:
    async def trickle(connection: Connection) -> None:
        await connection.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not connection.writer.is_closing():
            connection.writer.write(b"x")
            await connection.writer.drain()
            await asyncio.sleep(0.01)

    async with Peer(trickle) as peer, make_caller(timeouts=seconds(total=0.1)) as caller:
        end = await caller.call(post(peer.url))

    assert end == SentUnanswered("the call took longer than its total timeout")
    assert MARK.encode() in peer.seen


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
    ],
)
async def test_answer_larger_than_the_limit(make_caller: MakeCaller, head: bytes) -> None:
    async def answer_much(connection: Connection) -> None:
        await connection.answer(head + b"x" * 1001)

    async with Peer(answer_much) as peer, make_caller(largest_body_bytes=1000) as caller:
        end = await caller.call(post(peer.url))

    assert end == SentUnanswered("answer larger than 1000 bytes")
    assert MARK.encode() in peer.seen


async def test_reset_after_the_request_under_tls(
    make_caller: MakeCaller, server_tls: ssl.SSLContext
) -> None:
    async def leave(connection: Connection) -> None:
        await connection.read_request()
        connection.reset()

    async with Peer(leave, server_tls) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url))

    assert isinstance(end, SentUnanswered)
    assert peer.seen.endswith(MARK.encode())


async def test_answer_spoilt_under_tls(make_caller: MakeCaller, server_tls: ssl.SSLContext) -> None:
    async def spoil(connection: Connection) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        asking = asyncio.create_task(pass_on(connection.reader, writer))
        while chunk := bytearray(await reader.read(65536)):
            chunk[-1] ^= target.seen.endswith(MARK.encode())
            connection.writer.write(bytes(chunk))
        await asking

    async with (
        Peer(Connection.answer, server_tls) as target,
        Peer(spoil) as peer,
        make_caller() as caller,
    ):
        end = await caller.call(post(peer.url.replace("http:", "https:")))

    assert end == SentUnanswered("the connection failed: SSLError")
    assert target.seen.endswith(MARK.encode())


async def test_request_given_up_is_reset(make_caller: MakeCaller) -> None:
    async with Peer(say_nothing) as peer, make_caller(timeouts=seconds(total=0.05)) as caller:
        assert isinstance(await caller.call(post(peer.url)), SentUnanswered)
        await peer.settled()

    assert peer.connections[0].ending == "reset"


async def test_cancelled_after_sending_began(make_caller: MakeCaller) -> None:
    request_read = asyncio.Event()

    async def read_and_stay_silent(connection: Connection) -> None:
        await connection.read_request()
        request_read.set()

    async with Peer(read_and_stay_silent) as peer, make_caller(max_connections=1) as caller:
        call = asyncio.create_task(caller.call(post(peer.url)))
        await request_read.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await peer.settled()

    assert peer.seen.endswith(MARK.encode())
    assert peer.connections[0].ending == "reset"
