"""What a caller over httpx does besides sending: clocks, logs, proxies, faults of configuration."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from external_gate.domain.clock import EPOCH, HighWater
from external_gate.domain.errors import Broken
from external_gate.outbound.calls import Answered, Call, Caller, NeverSent, SentUnanswered
from external_gate.outbound.httpx_caller import HttpxCaller, silence_client_logs
from tests.outbound.conftest import (
    MARK,
    OK,
    START,
    Connection,
    HandClock,
    Peer,
    pass_on,
    post,
    seconds,
)

MakeCaller = Callable[..., HttpxCaller]


async def answer(connection: Connection) -> None:
    await connection.answer()


async def say_nothing(connection: Connection) -> None:
    """Accept, read, and stay silent."""


@pytest.mark.parametrize("whole", [True, False])
async def test_date_of_an_answer_raises_the_high_water_mark(
    make_caller: MakeCaller, whole: bool
) -> None:
    async def answer_with_date(connection: Connection) -> None:
        date = b"\r\nDate: Sun, 22 Nov 2026 12:00:07 GMT\r\n\r\n"
        await connection.answer(OK.replace(b"\r\n\r\n", date)[: None if whole else -1])
        connection.hang_up()

    mark = HighWater()
    async with Peer(answer_with_date) as peer, make_caller(high_water=mark) as caller:
        await caller.call(post(peer.url))

    assert mark.latest(EPOCH) == START + timedelta(seconds=7)


async def test_date_of_an_answer_that_is_not_believed_raises_nothing(
    make_caller: MakeCaller,
) -> None:
    async def answer_with_date(connection: Connection) -> None:
        date = b"\r\nDate: Sun, 22 Nov 2026 12:00:07 GMT\r\n\r\n"
        await connection.answer(OK.replace(b"\r\n\r\n", date))

    mark = HighWater()
    make = partial(make_caller, high_water=mark, believes_dates=False)
    async with Peer(answer_with_date) as peer, make() as caller:
        assert isinstance(await caller.call(post(peer.url)), Answered)

    assert mark.latest(EPOCH) == EPOCH


async def test_answers_are_read_without_a_high_water_mark(make_caller: MakeCaller) -> None:
    caller: Caller = make_caller(high_water=None)
    async with Peer(answer) as peer:
        assert isinstance(await caller.call(post(peer.url)), Answered)


async def test_limits_of_one_call_replace_the_callers(make_caller: MakeCaller) -> None:
    async with Peer(say_nothing) as peer, make_caller(timeouts=seconds()) as caller:
        end = await caller.call(Call("GET", peer.url, {}, timeout=seconds(rest=0.05)))

    assert end == SentUnanswered("no whole answer in time")


async def test_nothing_of_a_call_is_logged(
    make_caller: MakeCaller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    logging.getLogger("httpcore").setLevel(logging.DEBUG)
    async with Peer(answer) as peer, make_caller() as caller:
        await caller.call(Call("POST", f"{peer.url}?key={MARK}", {"Authorization": MARK}))

    assert MARK not in caplog.text
    assert "http" not in caplog.text


def test_client_logs_can_be_silenced_again() -> None:
    logging.getLogger("httpcore").setLevel(logging.DEBUG)
    silence_client_logs()
    assert not logging.getLogger("httpcore.http11").isEnabledFor(logging.INFO)
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    assert logging.getLogger("httpx").isEnabledFor(logging.WARNING)


def test_printed_calls_and_answers_show_no_secrets() -> None:
    call = Call("POST", f"https://127.0.0.1/?key={MARK}", {"Authorization": MARK}, MARK.encode())
    answered = Answered(200, {"set-cookie": MARK}, MARK.encode())
    assert MARK not in f"{call} {call!r} {answered} {answered!r}"


async def test_causes_repeat_nothing_of_the_answer(make_caller: MakeCaller) -> None:
    async def echo(connection: Connection) -> None:
        await connection.read_request()
        connection.writer.write(bytes(connection.seen))

    async with Peer(echo) as peer, make_caller() as caller:
        end = await caller.call(post(peer.url))

    assert end == SentUnanswered("the answer was missing, cut off or not HTTP")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read(
    tmp_path: Path, make_caller: MakeCaller, content: str | None
) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(Broken, match=r"authorities\.pem"):
        make_caller(verify=file)


async def test_proxy_of_the_environment_is_not_believed(
    make_caller: MakeCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Peer(answer) as proxy, Peer(answer) as peer, make_caller() as caller:
        use_proxy(monkeypatch, proxy)
        assert isinstance(await caller.call(post(peer.url)), Answered)

    assert proxy.connections == []


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


def use_proxy(monkeypatch: pytest.MonkeyPatch, proxy: Peer) -> None:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
