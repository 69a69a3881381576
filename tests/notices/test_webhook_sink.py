"""Webhooks as the official library verifies them, and never to an address that was not judged."""

import json
from collections import deque
from datetime import timedelta

import pytest

from external_gate.assembly import resolve
from external_gate.domain.errors import Broken
from external_gate.notices.notice_sink import Gone, NotTaken, Taken
from external_gate.outbound.calls import Answered, Call, CallEnd, NeverSent, SentUnanswered
from external_gate.outbound.httpx_caller import HttpxCaller
from tests.notices.conftest import (
    OLD_SECRET,
    SECRET,
    HandClock,
    Host,
    Making,
    Names,
    outgoing,
)

PUBLIC, OTHER = "93.184.216.34", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


async def test_notice_is_verified_by_the_official_library(host: Host, making: Making) -> None:
    delivery = await making.sink(host.url).deliver(outgoing('{"type":"workflow.held","data":1}'))

    assert delivery == Taken("answered 204")
    assert host.verified == [{"type": "workflow.held", "data": 1}]
    (request,) = host.requests
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "msg_1"


@pytest.mark.parametrize("known_to_host", [SECRET, OLD_SECRET])
async def test_while_secrets_are_rotated_either_verifies(
    host: Host, making: Making, known_to_host: str
) -> None:
    host.secret = known_to_host
    sink = making.sink(host.url, secrets=[SECRET, OLD_SECRET])

    assert isinstance(await sink.deliver(outgoing()), Taken)
    (request,) = host.requests
    assert len(request.headers["webhook-signature"].split(" ")) == 2


async def test_secret_that_the_host_does_not_know_is_not_taken(host: Host, making: Making) -> None:
    host.secret = OLD_SECRET

    assert await making.sink(host.url).deliver(outgoing()) == NotTaken("answered 401")
    assert not host.verified


@pytest.mark.parametrize("status", [301, 302, 400, 404, 429, 500, 503])
async def test_every_answer_but_2xx_is_tried_again(host: Host, making: Making, status: int) -> None:
    host.statuses, host.headers = [status], {"location": "http://127.0.0.1:1/"}

    assert await making.sink(host.url).deliver(outgoing()) == NotTaken(f"answered {status}")


async def test_410_wants_no_more(host: Host, making: Making) -> None:
    host.statuses = [410]

    assert isinstance(await making.sink(host.url).deliver(outgoing()), Gone)


@pytest.mark.parametrize(
    ("asked", "wait"),
    [("120", timedelta(minutes=2)), ("999999", timedelta(days=1)), ("soon", None), ("-1", None)],
)
async def test_host_may_ask_for_a_wait_of_up_to_a_day(
    host: Host, making: Making, asked: str, wait: timedelta | None
) -> None:
    host.statuses, host.headers = [503], {"retry-after": asked}

    assert await making.sink(host.url).deliver(outgoing()) == NotTaken("answered 503", wait)


async def test_nobody_there_is_not_taken(making: Making) -> None:
    delivery = await making.sink("http://127.0.0.1:1/notices").deliver(outgoing())

    assert isinstance(delivery, NotTaken)
    assert "no connection" in delivery.cause


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["10.0.0.8"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%eth0"],
        [PUBLIC, "127.0.0.1"],
        [],
    ],
)
async def test_name_that_leads_into_a_private_network_is_never_called(
    host: Host, making: Making, names: Names, addresses: list[str]
) -> None:
    names.known["inside.example"] = addresses
    url = host.url.replace("127.0.0.1", "inside.example")

    delivery = await making.sink(url, allow_private=False).deliver(outgoing())

    assert isinstance(delivery, NotTaken)
    assert "private" in delivery.cause
    assert not host.requests


async def test_literal_private_address_is_never_called(
    host: Host, making: Making, names: Names
) -> None:
    names.known["127.0.0.1"] = ["127.0.0.1"]

    assert isinstance(
        await making.sink(host.url, allow_private=False).deliver(outgoing()), NotTaken
    )
    assert not host.requests


async def test_name_that_nobody_knows_is_tried_again(making: Making) -> None:
    sink = making.sink("https://nowhere.example", allow_private=False)

    assert await sink.deliver(outgoing()) == NotTaken("the host of the address cannot be looked up")


class Ends(deque[CallEnd]):
    """A caller that lets nothing out: it gives the next end."""

    def __init__(self, *ends: CallEnd) -> None:
        super().__init__(ends)
        self.calls: list[Call] = []

    async def call(self, call: Call) -> CallEnd:
        self.calls.append(call)
        return self.popleft()


async def test_what_was_judged_is_what_is_connected_to(making: Making, names: Names) -> None:
    names.known["app.example"] = [PUBLIC, OTHER]
    ends = Ends(Answered(204, {}, b""))

    await making.over(ends).sink("https://app.example/n", allow_private=False).deliver(outgoing())

    assert [call.connect_to for call in ends.calls] == [PUBLIC]
    assert names.asked == [("app.example", 443)]


@pytest.mark.parametrize(
    ("first", "tried"),
    [(NeverSent("refused"), [PUBLIC, OTHER]), (SentUnanswered("silence"), [PUBLIC])],
)
async def test_next_address_is_tried_only_when_nothing_left(
    making: Making, names: Names, first: CallEnd, tried: list[str]
) -> None:
    names.known["app.example"] = [PUBLIC, OTHER]
    ends = Ends(first, Answered(204, {}, b""))

    await making.over(ends).sink("http://app.example", allow_private=False).deliver(outgoing())

    assert [call.connect_to for call in ends.calls] == tried


async def test_localhost_by_any_name_is_looked_up_for_real(caller: HttpxCaller, host: Host) -> None:
    real = Making(caller, HandClock(), Names())
    real.names.resolve = resolve  # type: ignore[method-assign]  # the service's own
    url = host.url.replace("127.0.0.1", "localhost")

    assert isinstance(await real.sink(url, allow_private=False).deliver(outgoing()), NotTaken)
    assert not host.requests
    assert isinstance(await real.sink(url).deliver(outgoing()), Taken)


@pytest.mark.parametrize("secrets", [[], ["not base64!"]])
async def test_sink_that_could_not_sign_is_not_made(making: Making, secrets: list[str]) -> None:
    with pytest.raises(Broken) as broken:
        making.sink("https://h", secrets=secrets)

    assert "not base64!" not in str(broken.value)


def test_body_is_plain_json() -> None:
    assert json.loads(outgoing().body)
