"""The witness alone: which events prove that nothing was sent, and which prove nothing."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from external_gate.outbound.calls import NeverSent, SentUnanswered
from external_gate.outbound.departure import DeadlinePassed
from external_gate.outbound.passage import FIRST_BYTES, Passage
from tests.outbound.conftest import START, HandClock

CONNECTING = ["connection.connect_tcp.started", "connection.connect_tcp.failed"]
POST = {"request": SimpleNamespace(method=b"POST")}
CONNECT = {"request": SimpleNamespace(method=b"CONNECT")}


async def passed(*events: str, request: dict[str, SimpleNamespace] = POST) -> Passage:
    passage = Passage(HandClock().now, not_after=None)
    passage.hand_over()
    for event in events:
        await passage.trace(event, request)
    return passage


async def test_connecting_is_proof() -> None:
    assert (await passed(*CONNECTING)).end("refused") == NeverSent("refused")


async def test_first_bytes_are_the_border() -> None:
    assert (await passed(*CONNECTING, FIRST_BYTES)).end("lost") == SentUnanswered("lost")


async def test_no_event_proves_nothing() -> None:
    assert (await passed()).end("odd") == SentUnanswered("odd")


def test_request_not_handed_over_is_proof() -> None:
    assert Passage(HandClock().now, not_after=None).end("no URL") == NeverSent("no URL")


def test_request_is_not_handed_over_at_the_deadline() -> None:
    passage = Passage(HandClock().now, not_after=START)
    with pytest.raises(DeadlinePassed):
        passage.hand_over()
    assert passage.end("late") == NeverSent("late")


@pytest.mark.parametrize("event", ["http11.send_head.started", "http2.send_request", "", "new"])
async def test_unforeseen_event_counts_as_sent(event: str) -> None:
    assert isinstance((await passed(*CONNECTING, event)).end("lost"), SentUnanswered)


async def test_words_to_a_proxy_are_no_request() -> None:
    passage = await passed(*CONNECTING, FIRST_BYTES, "http11.send_request_headers.complete",
                           request=CONNECT)  # fmt: skip
    assert passage.end("refused") == NeverSent("refused")

    await passage.trace("proxy.start_tls.started", {})
    assert passage.end("no TLS") == NeverSent("no TLS")

    await passage.trace(FIRST_BYTES, POST)
    assert passage.end("lost") == SentUnanswered("lost")


async def test_unforeseen_event_behind_the_tunnel_counts_as_sent() -> None:
    passage = await passed(FIRST_BYTES, request=CONNECT)
    await passage.trace("proxy.start_tls.started", {})
    await passage.trace("http11.send_head.started", POST)
    assert passage.end("lost") == SentUnanswered("lost")


async def test_first_bytes_are_kept_back_at_the_deadline() -> None:
    clock = HandClock()
    passage = Passage(clock.now, not_after=START + timedelta(seconds=1))
    passage.hand_over()
    clock.present += timedelta(seconds=1)

    with pytest.raises(DeadlinePassed):
        await passage.trace(FIRST_BYTES, POST)
    await passage.trace("http11.response_closed.started", {})

    assert passage.end("late") == NeverSent("late")


async def test_deadline_is_asked_for_again_before_a_second_sending() -> None:
    clock = HandClock()
    passage = Passage(clock.now, not_after=START + timedelta(seconds=1))
    passage.hand_over()
    await passage.trace(FIRST_BYTES, POST)
    clock.present += timedelta(seconds=1)

    with pytest.raises(DeadlinePassed):
        await passage.trace(FIRST_BYTES, POST)

    assert passage.end("late") == SentUnanswered("late")
