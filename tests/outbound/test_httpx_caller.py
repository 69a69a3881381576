"""What only the caller over httpx does: proxies, and a client that must be kept quiet."""

import asyncio
import logging
import ssl
from datetime import timedelta

import pytest

from external_gate.outbound.calls import Answered, NeverSent, SentUnanswered
from external_gate.outbound.httpx_caller import HttpxCaller, silence_client_logs
from tests.outbound.conftest import (
    MARK,
    START,
    Connection,
    HandClock,
    Kind,
    MakeCaller,
    Peer,
    pass_on,
    post,
    seconds,
    use_proxy,
)


@pytest.fixture(scope="session")
def kind() -> Kind:
    """The other caller knows no proxies."""
    return HttpxCaller


async def answer(connection: Connection) -> None:
    await connection.answer()


async def say_nothing(connection: Connection) -> None:
    """Accept, read, and stay silent."""


def test_client_logs_can_be_silenced_again() -> None:
    logging.getLogger("httpcore").setLevel(logging.DEBUG)
    silence_client_logs()
    assert not logging.getLogger("httpcore.http11").isEnabledFor(logging.INFO)
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    assert logging.getLogger("httpx").isEnabledFor(logging.WARNING)


async def test_proxy_of_the_environment_is_used_when_told(
    make_caller: MakeCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Peer(answer) as proxy, Peer(answer) as peer:
        use_proxy(monkeypatch, proxy)
        async with make_caller(trust_env=True) as caller:
            assert isinstance(await caller.call(post(peer.url)), Answered)

    assert peer.connections == []
    assert proxy.seen.startswith(f"POST {peer.url} ".encode())


async def test_proxy_that_refuses_a_tunnel(
    make_caller: MakeCaller, monkeypatch: pytest.MonkeyPatch, server_tls: ssl.SSLContext
) -> None:
    async def refuse(connection: Connection) -> None:
        await connection.answer(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")

    async with Peer(refuse) as proxy, Peer(answer, server_tls) as peer:
        use_proxy(monkeypatch, proxy)
        async with make_caller(trust_env=True) as caller:
            end = await caller.call(post(peer.url))

    assert isinstance(end, NeverSent)
    assert proxy.seen.startswith(b"CONNECT ")
    assert MARK.encode() not in proxy.seen


async def test_request_through_a_tunnel(
    make_caller: MakeCaller, monkeypatch: pytest.MonkeyPatch, server_tls: ssl.SSLContext
) -> None:
    async with Peer(tunnel) as proxy, Peer(answer, server_tls) as peer:
        use_proxy(monkeypatch, proxy)
        async with make_caller(trust_env=True) as caller:
            assert isinstance(await caller.call(post(peer.url)), Answered)


async def test_request_unanswered_through_a_tunnel(
    make_caller: MakeCaller, monkeypatch: pytest.MonkeyPatch, server_tls: ssl.SSLContext
) -> None:
    async with Peer(tunnel) as proxy, Peer(say_nothing, server_tls) as peer:
        use_proxy(monkeypatch, proxy)
        async with make_caller(trust_env=True, timeouts=seconds(rest=0.1)) as caller:
            end = await caller.call(post(peer.url))
        await peer.settled()

    assert isinstance(end, SentUnanswered)
    assert peer.seen.endswith(MARK.encode())


async def test_deadline_that_passes_while_a_tunnel_is_built(
    make_caller: MakeCaller,
    monkeypatch: pytest.MonkeyPatch,
    clock: HandClock,
    server_tls: ssl.SSLContext,
) -> None:
    def dawdle(*_: object) -> None:
        clock.present += timedelta(minutes=1)

    server_tls.sni_callback = dawdle
    async with Peer(tunnel) as proxy, Peer(answer, server_tls) as peer:
        use_proxy(monkeypatch, proxy)
        async with make_caller(trust_env=True) as caller:
            end = await caller.call(post(peer.url, not_after=START + timedelta(seconds=30)))
        await peer.settled()

    assert end == NeverSent("send deadline passed")
    assert len(peer.connections) == 1
    assert peer.seen == b""


async def tunnel(connection: Connection) -> None:
    """Be a proxy: open the way that CONNECT asks for and pass on the bytes."""
    await connection.read_head()
    host, port = connection.seen.split()[1].decode().split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    connection.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    back = asyncio.ensure_future(pass_on(reader, connection.writer))
    await pass_on(connection.reader, writer)
    await back
