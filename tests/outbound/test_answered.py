"""`Answered` over real sockets: whole answers of every kind, each to its own call."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from external_gate.outbound.calls import Answered, Call, NeverSent
from external_gate.outbound.legal_call import HEADER_NAME, HEADER_VALUE, OURS
from tests.outbound.conftest import (
    MARK,
    OK,
    Connection,
    Kind,
    MakeCaller,
    Peer,
    Script,
    impatient_caller,
    post,
)


def answering(response: bytes = OK) -> Script:
    async def answer(connection: Connection) -> None:
        await connection.answer(response)

    return answer


async def test_answer_is_given_whole(make_caller: MakeCaller) -> None:
    response = b"HTTP/1.1 402 No\r\nX-Code: no_funds\r\nContent-Length: 5\r\n\r\nsorry"
    async with Peer(answering(response)) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url))

    assert end == Answered(402, {"x-code": "no_funds", "content-length": "5"}, b"sorry")


async def test_request_arrives_as_it_was_given(make_caller: MakeCaller) -> None:
    async with Peer(answering()) as peer, make_caller(user_agent="gate/1") as caller:
        await caller.call(Call("POST", f"{peer.url}?a=1", {"Idempotency-Key": "k1"}, b"body"))
        await peer.settled()

    head, _, body = peer.seen.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST /{MARK}?a=1 HTTP/1.1"
    assert sorted(lines[1:]) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        "Connection: close",
        "Content-Length: 4",
        f"Host: 127.0.0.1:{peer.port}",
        "Idempotency-Key: k1",
        "User-Agent: gate/1",
    ]
    assert body == b"body"


async def test_address_that_was_chosen_is_connected_to_under_the_name_of_the_host(
    make_caller: MakeCaller,
) -> None:
    async with Peer(answering()) as peer, make_caller() as caller:
        url = f"http://app.example:{peer.port}/{MARK}"
        end = await caller.call(replace(post(url), connect_to="127.0.0.1"))

    assert isinstance(end, Answered)
    assert f"\r\nHost: app.example:{peer.port}\r\n".encode() in peer.seen


async def test_certificate_is_held_against_the_host_not_the_chosen_address(
    make_caller: MakeCaller, server_tls: ssl.SSLContext
) -> None:
    async with Peer(answering(), server_tls) as peer, make_caller() as caller:
        same = await caller.call(replace(post(peer.url), connect_to="127.0.0.1"))
        named = f"https://app.example:{peer.port}/{MARK}"
        other = await caller.call(replace(post(named), connect_to="127.0.0.1"))

    assert isinstance(same, Answered)
    assert isinstance(other, NeverSent)


async def test_user_agent_names_the_product(make_caller: MakeCaller) -> None:
    async with Peer(answering()) as peer, make_caller() as caller:
        await caller.call(Call("GET", peer.url, {}))

    assert b"\r\nUser-Agent: external-gate/" in peer.seen


async def test_answer_under_tls(make_caller: MakeCaller, server_tls: ssl.SSLContext) -> None:
    async with Peer(answering(), server_tls) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url))

    assert end == Answered(200, {"content-length": "2"}, b"{}")


@pytest.mark.parametrize(
    ("response", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"{}"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + OK, b"{}"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"{}"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        # Nobody asked for it, so nobody decodes it: an adapter sees that it cannot read it.
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
    ],
)
async def test_shapes_of_whole_answers(
    make_caller: MakeCaller, response: bytes, body: bytes
) -> None:
    async def answer_and_leave(connection: Connection) -> None:
        await connection.answer(response)
        connection.hang_up()

    async with Peer(answer_and_leave) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url))

    assert isinstance(end, Answered)
    assert end.body == body


async def test_answer_to_head_has_no_body_whatever_its_length_says(
    make_caller: MakeCaller,
) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    async with Peer(answering(response)) as peer, make_caller() as caller:
        end = await caller.call(Call("HEAD", peer.url, {}))

    assert end == Answered(200, {"content-length": "1000"}, b"")


async def test_odd_headers(make_caller: MakeCaller) -> None:
    response = (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSET-COOKIE: b=2\r\nX-Empty:\r\n"
        b"X-Bytes: caf\xe9\r\nX-Spaces:  a  b  \r\nContent-Length: 0\r\n\r\n"
    )
    async with Peer(answering(response)) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url))

    assert isinstance(end, Answered)
    assert end.headers == {
        "set-cookie": "a=1, b=2",
        "x-empty": "",
        "x-bytes": "café",
        "x-spaces": "a  b",
        "content-length": "0",
    }


async def test_cookies_are_not_sent_back(make_caller: MakeCaller) -> None:
    response = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with Peer(answering(response)) as peer, make_caller() as caller:
        await caller.call(post(peer.url))
        await caller.call(post(peer.url))

    assert len(peer.connections) == 2
    assert b"cookie" not in peer.seen.lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(make_caller: MakeCaller, status: int) -> None:
    async with Peer(answering()) as other, make_caller() as caller:
        response = f"HTTP/1.1 {status} Moved\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n"
        async with Peer(answering(response.encode())) as peer:
            end = await caller.call(post(peer.url))

    assert isinstance(end, Answered)
    assert end.status == status
    assert other.connections == []


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_nothing_is_tried_again(make_caller: MakeCaller, status: int) -> None:
    response = f"HTTP/1.1 {status} No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n".encode()
    async with Peer(answering(response)) as peer, make_caller() as caller:
        await caller.call(post(peer.url))

    assert len(peer.connections) == 1


async def test_body_of_exactly_the_limit(make_caller: MakeCaller) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
    async with Peer(answering(response)) as peer, make_caller(largest_body_bytes=1000) as caller:
        end = await caller.call(post(peer.url))

    assert isinstance(end, Answered)
    assert len(end.body) == 1000


async def test_answer_before_the_whole_request_was_read(make_caller: MakeCaller) -> None:
    async def refuse_early(connection: Connection) -> None:
        await connection.read_head()
        connection.writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    async with Peer(refuse_early) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url, b"x" * 100_000))

    assert isinstance(end, Answered)
    assert end.status == 413


async def test_peer_that_closes_between_calls_costs_nothing(make_caller: MakeCaller) -> None:
    async def keep_alive_and_leave(connection: Connection) -> None:
        await connection.answer(OK.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"))
        connection.hang_up()

    async with Peer(keep_alive_and_leave) as peer, make_caller(max_connections=1) as caller:
        ends = [await caller.call(post(peer.url)) for _ in range(10)]

    assert [type(end) for end in ends] == [Answered] * 10


@pytest.mark.parametrize("tls", [False, True])
async def test_unasked_answer_is_not_taken_for_the_next_one(
    make_caller: MakeCaller, server_tls: ssl.SSLContext, tls: bool
) -> None:
    number = 0

    async def answer_and_add_another(connection: Connection) -> None:
        nonlocal number
        number += 1
        own = f"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n#{number:2}".encode()
        await connection.answer(own + b"HTTP/1.1 402 No\r\nContent-Length: 0\r\n\r\n")

    peer_tls = server_tls if tls else None
    async with (
        Peer(answer_and_add_another, peer_tls) as peer,
        make_caller(max_connections=1) as caller,
    ):
        ends = [await caller.call(post(peer.url)) for _ in range(3)]

    assert [end.body for end in ends if isinstance(end, Answered)] == [b"# 1", b"# 2", b"# 3"]


async def test_connection_ends_politely_after_an_answer(make_caller: MakeCaller) -> None:
    async with Peer(answering()) as peer, make_caller() as caller:
        await caller.call(post(peer.url))
        await peer.settled()

    assert peer.connections[0].ending == "end of stream"


async def test_calls_run_side_by_side_up_to_the_limit(make_caller: MakeCaller) -> None:
    together = asyncio.Barrier(3)

    async def answer_when_all_are_here(connection: Connection) -> None:
        await connection.read_request()
        await together.wait()
        connection.writer.write(OK)

    async with Peer(answer_when_all_are_here) as peer, make_caller(max_connections=3) as caller:
        ends = await asyncio.gather(*(caller.call(post(peer.url)) for _ in range(9)))

    assert [type(end) for end in ends] == [Answered] * 9


async def test_closing_waits_for_the_call_in_flight(make_caller: MakeCaller) -> None:
    closing_began = asyncio.Event()

    async def answer_late(connection: Connection) -> None:
        await closing_began.wait()
        await connection.answer()

    async with Peer(answer_late) as peer:
        caller = make_caller()
        call = asyncio.create_task(caller.call(post(peer.url)))
        await peer.accepted.wait()
        closing = asyncio.create_task(caller.aclose())
        await asyncio.sleep(0)
        closing_began.set()
        await closing

        assert isinstance(call.result(), Answered)


LEGAL_NAMES = st.from_regex(HEADER_NAME, fullmatch=True).filter(
    lambda name: name.lower() not in {*OURS, "host", "accept", "accept-encoding", "user-agent"}
)


# Each example opens a server of its own.
@settings(max_examples=50)
@given(name=LEGAL_NAMES, value=st.from_regex(HEADER_VALUE, fullmatch=True))
async def test_every_legal_header_arrives(
    kind: Kind, certificate: Path, name: str, value: str
) -> None:
    async with Peer(answering()) as peer, impatient_caller(kind, certificate) as caller:
        end = await caller.call(Call("GET", peer.url, {name: value}))
        await peer.settled()

    assert isinstance(end, Answered)
    assert f"\r\n{name}: {value}\r\n".encode() in peer.seen
