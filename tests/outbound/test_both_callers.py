"""What every caller does besides sending: clocks, limits of one call, logs."""

import logging
from datetime import timedelta
from functools import partial

import pytest

from external_gate.domain.clock import EPOCH, HighWater
from external_gate.outbound.calls import Answered, Call, Caller, SentUnanswered
from tests.outbound.conftest import (
    MARK,
    OK,
    START,
    Connection,
    MakeCaller,
    Peer,
    post,
    seconds,
    use_proxy,
)


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


async def test_proxy_of_the_environment_is_not_believed(
    make_caller: MakeCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Peer(answer) as proxy, Peer(answer) as peer, make_caller() as caller:
        use_proxy(monkeypatch, proxy)
        assert isinstance(await caller.call(post(peer.url)), Answered)

    assert proxy.connections == []
