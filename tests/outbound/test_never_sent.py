"""`NeverSent` over real sockets: each test shows that no byte of the request reached the peer."""

import asyncio
import errno
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.clock import HighWater
from external_gate.outbound.calls import Answered, Call, NeverSent
from external_gate.outbound.tls import tls_context
from tests.outbound.conftest import (
    MARK,
    START,
    Connection,
    HandClock,
    Kind,
    MakeCaller,
    Peer,
    closed_port,
    deaf_port,
    impatient_caller,
    post,
    seconds,
)


async def answer(connection: Connection) -> None:
    await connection.answer()


async def say_nothing(connection: Connection) -> None:
    """Accept, read, and stay silent."""


async def test_refused_connection(make_caller: MakeCaller) -> None:
    async with make_caller() as caller:
        end = await caller.call(post(f"http://127.0.0.1:{closed_port()}/"))

    assert isinstance(end, NeverSent)
    assert end.cause.startswith(f"no connection: [Errno {errno.ECONNREFUSED}]")


async def test_connection_that_is_neither_accepted_nor_refused(make_caller: MakeCaller) -> None:
    async with make_caller(timeouts=seconds(connect=0.1)) as caller:
        with deaf_port() as port:
            end = await caller.call(post(f"http://127.0.0.1:{port}/"))

    assert end == NeverSent("no connection in time")


async def test_total_timeout_while_connecting(make_caller: MakeCaller) -> None:
    async with make_caller(timeouts=seconds(total=0.1)) as caller:
        with deaf_port() as port:
            end = await caller.call(post(f"http://127.0.0.1:{port}/"))

    assert isinstance(end, NeverSent)


async def test_peer_that_speaks_no_tls(make_caller: MakeCaller) -> None:
    async def refuse_plainly(connection: Connection) -> None:
        connection.seen += await connection.reader.read(65536)
        connection.writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with Peer(refuse_plainly) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url.replace("http:", "https:")))
        await peer.settled()

    assert isinstance(end, NeverSent)
    assert peer.seen, "the greeting of TLS arrived"
    assert MARK.encode() not in peer.seen


async def test_silence_in_the_tls_handshake(make_caller: MakeCaller) -> None:
    async with Peer(say_nothing) as peer, make_caller(timeouts=seconds(connect=0.1)) as caller:
        end = await caller.call(post(peer.url.replace("http:", "https:")))
        await peer.settled()

    assert end == NeverSent("no connection in time")
    assert MARK.encode() not in peer.seen


async def test_reset_in_the_tls_handshake(make_caller: MakeCaller) -> None:
    async def reset(connection: Connection) -> None:
        connection.reset()

    async with Peer(reset) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url.replace("http:", "https:")))

    assert isinstance(end, NeverSent)


async def test_certificate_that_nobody_vouches_for(
    make_caller: MakeCaller, server_tls: ssl.SSLContext
) -> None:
    async with Peer(answer, server_tls) as peer, make_caller(tls=tls_context()) as caller:
        end = await caller.call(post(peer.url))

    assert isinstance(end, NeverSent)
    assert "certificate verify failed" in end.cause
    assert peer.seen == b""


async def test_certificate_of_another_host(
    make_caller: MakeCaller, server_tls: ssl.SSLContext
) -> None:
    async with Peer(answer, server_tls) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url.replace("127.0.0.1", "localhost")))

    assert isinstance(end, NeverSent)
    assert peer.seen == b""


async def test_no_free_connection(make_caller: MakeCaller) -> None:
    async with Peer(say_nothing) as slow, Peer(answer) as peer, make_caller(max_connections=1) as c:
        first = asyncio.create_task(c.call(Call("GET", slow.url, {}, timeout=seconds(rest=0.2))))
        await slow.accepted.wait()
        end = await c.call(Call("POST", peer.url, {}, timeout=seconds(pool=0.05)))
        await first

    assert end == NeverSent("all 1 connections stayed busy for 0.05 s")
    assert peer.connections == []


async def test_total_timeout_while_waiting_for_a_connection(make_caller: MakeCaller) -> None:
    async with Peer(say_nothing) as slow, Peer(answer) as peer, make_caller(max_connections=1) as c:
        first = asyncio.create_task(c.call(Call("GET", slow.url, {}, timeout=seconds(rest=0.2))))
        await slow.accepted.wait()
        end = await c.call(Call("POST", peer.url, {}, timeout=seconds(total=0.05)))
        await first

    assert end == NeverSent("the call took longer than its total timeout")
    assert peer.connections == []


async def test_deadline_already_passed_opens_nothing(make_caller: MakeCaller) -> None:
    async with Peer(answer) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url, not_after=START))

    assert end == NeverSent("send deadline passed")
    assert peer.connections == []


async def test_deadline_that_passes_while_waiting_for_a_connection(
    make_caller: MakeCaller, clock: HandClock
) -> None:
    release = asyncio.Event()

    async def answer_when_released(connection: Connection) -> None:
        await release.wait()
        await connection.answer()

    async with (
        Peer(answer_when_released) as slow,
        Peer(answer) as peer,
        make_caller(max_connections=1) as caller,
    ):
        first = asyncio.create_task(caller.call(post(slow.url)))
        await slow.accepted.wait()
        late = asyncio.create_task(
            caller.call(post(peer.url, not_after=START + timedelta(seconds=1)))
        )
        await asyncio.sleep(0)
        clock.present += timedelta(seconds=1)
        release.set()

        assert isinstance(await first, Answered)
        assert await late == NeverSent("send deadline passed")
        await peer.settled()

    assert peer.seen == b""


async def test_deadline_that_passes_in_the_tls_handshake(
    make_caller: MakeCaller, clock: HandClock, server_tls: ssl.SSLContext
) -> None:
    def dawdle(*_: object) -> None:
        clock.present += timedelta(minutes=1)

    server_tls.sni_callback = dawdle
    async with Peer(answer, server_tls) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url, not_after=START + timedelta(seconds=30)))
        await peer.settled()

    assert end == NeverSent("send deadline passed")
    assert len(peer.connections) == 1, "the connection stood when the deadline was looked at"
    assert peer.seen == b""


async def test_deadline_not_yet_reached_sends(make_caller: MakeCaller) -> None:
    async with Peer(answer) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url, not_after=START + timedelta(microseconds=1)))

    assert isinstance(end, Answered)


async def test_deadline_has_passed_although_the_clock_was_set_back(
    clock: HandClock, make_caller: MakeCaller
) -> None:
    passed = 0.0
    mark = HighWater(START, elapsed=lambda: passed)
    passed = timedelta(hours=5).total_seconds()
    clock.present -= timedelta(hours=30)

    async with Peer(answer) as peer, make_caller(high_water=mark) as caller:
        end = await caller.call(post(peer.url, not_after=START + timedelta(seconds=5)))
        await peer.settled()

    assert end == NeverSent("send deadline passed")
    assert peer.seen == b""


async def test_closed_caller(make_caller: MakeCaller) -> None:
    caller = make_caller()
    await caller.aclose()
    async with Peer(answer) as peer:
        end = await caller.call(post(peer.url))

    assert end == NeverSent("the caller is closed")
    assert peer.connections == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1/pay",
        "http://",
        "http:///pay",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:port/",
        "http://[::1/",
        "http://127.0.0.1/\x00",
        "http://127.0.0.1/\ud800",
        f"http://{'a' * 64}.invalid/",
        "http://a..b/",
        f"http://127.0.0.1/{'a' * 70000}",
    ],
)
async def test_address_that_cannot_be_called(make_caller: MakeCaller, url: str) -> None:
    async with make_caller() as caller:
        end = await caller.call(post(url))

    assert isinstance(end, NeverSent)
    assert end.cause.startswith(("the address", "no connection: [Errno"))


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"X-Mark": "a\r\nX-Other: b"}),
        ("POST", {"X-Mark": "a\x00b"}),
        ("POST", {"X-Mark": " a"}),
        ("POST", {"X-Mark": "a "}),
        ("POST", {"X-Mark": "é"}),
        ("POST", {"X Mark": "a"}),
        ("POST", {"": "a"}),
        ("POST", {"Content-Length": "1"}),
        ("POST", {"Transfer-Encoding": "chunked"}),
        ("PO ST", {}),
        ("CONNECT", {}),
    ],
)
async def test_request_that_cannot_be_built(
    make_caller: MakeCaller, method: str, headers: dict[str, str]
) -> None:
    async with Peer(answer) as peer, make_caller() as caller:
        end = await caller.call(Call(method, peer.url, headers))

    assert isinstance(end, NeverSent)
    assert peer.connections == []


@given(method=st.text(), url=st.text(), name=st.text(), value=st.text())
async def test_nothing_in_a_call_raises(
    kind: Kind, certificate: Path, *, method: str, url: str, name: str, value: str
) -> None:
    # The deadline has passed, so that a call that happens to be fine goes nowhere either.
    async with impatient_caller(kind, certificate) as caller:
        end = await caller.call(Call(method, f"http://{url}", {name: value}, not_after=START))
    assert isinstance(end, NeverSent)


async def test_cancelled_before_sending_began(make_caller: MakeCaller) -> None:
    async with Peer(say_nothing) as peer, make_caller(max_connections=1) as caller:
        call = asyncio.create_task(caller.call(post(peer.url.replace("http:", "https:"))))
        await peer.accepted.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await peer.settled()

    assert MARK.encode() not in peer.seen


async def test_cancelled_while_waiting_for_a_connection(
    make_caller: MakeCaller,
) -> None:
    async with Peer(say_nothing) as slow, Peer(answer) as peer, make_caller(max_connections=1) as c:
        first = asyncio.create_task(c.call(Call("GET", slow.url, {}, timeout=seconds(rest=0.1))))
        await slow.accepted.wait()
        waiting = [asyncio.create_task(c.call(post(peer.url))) for _ in range(5)]
        await asyncio.sleep(0)
        for call in waiting:
            call.cancel()
        await asyncio.gather(first, *waiting, return_exceptions=True)
        assert peer.connections == []

        assert isinstance(await c.call(post(peer.url)), Answered)
