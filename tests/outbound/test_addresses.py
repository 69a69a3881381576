"""Hosts with several addresses, and names that are slow to be found."""

import asyncio
import socket
import threading
from collections.abc import Sequence

import pytest

from external_gate.outbound.addresses import Address
from external_gate.outbound.calls import Answered, NeverSent
from external_gate.outbound.direct_caller import DirectCaller
from tests.outbound.conftest import (
    Connection,
    Kind,
    MakeCaller,
    Peer,
    closed_port,
    deaf_port,
    post,
    seconds,
)


@pytest.fixture(scope="session")
def kind() -> Kind:
    """The other caller leaves addresses to its library."""
    return DirectCaller


async def answer(connection: Connection) -> None:
    await connection.answer()


class Names:
    """Knows every name by these ports of this machine, and counts who asks."""

    def __init__(self, *ports: int) -> None:
        self.ports = list(ports)
        self.asked: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        if host.startswith("slow"):
            self.may_answer.wait(5)
        return [(socket.AF_INET, ("127.0.0.1", each)) for each in self.ports or (port,)]


async def test_address_that_refuses_leads_to_the_next(make_caller: MakeCaller) -> None:
    names = Names(closed_port())
    async with Peer(answer) as peer, make_caller(look_up=names) as caller:
        names.ports.append(peer.port)
        end = await caller.call(post("http://host.example/"))

    assert isinstance(end, Answered)
    assert len(peer.connections) == 1


async def test_address_that_says_nothing_does_not_use_up_the_time(make_caller: MakeCaller) -> None:
    with deaf_port() as deaf:
        names = Names(deaf)
        async with Peer(answer) as peer, make_caller(look_up=names) as caller:
            names.ports.append(peer.port)
            # The head start of the first address is really waited for: a quarter of a second.
            end = await caller.call(post("http://host.example/"))

    assert isinstance(end, Answered)


async def test_host_of_which_no_address_answers(make_caller: MakeCaller) -> None:
    async with make_caller(look_up=Names(closed_port(), closed_port())) as caller:
        end = await caller.call(post("http://host.example/"))

    assert isinstance(end, NeverSent)
    assert end.cause.startswith("no connection: [Errno")


async def test_giving_up_between_addresses_sends_nothing(make_caller: MakeCaller) -> None:
    with deaf_port() as deaf:
        names = Names(deaf, deaf, deaf)
        async with make_caller(look_up=names, timeouts=seconds(connect=0.3)) as caller:
            end = await caller.call(post("http://host.example/"))

    assert end == NeverSent("no connection in time")


async def test_name_is_looked_up_once_for_all_who_want_it(make_caller: MakeCaller) -> None:
    names = Names()
    names.may_answer.clear()
    async with Peer(answer) as peer, make_caller(look_up=names) as caller:
        url = peer.url.replace("127.0.0.1", "slow.example")
        calls = [asyncio.create_task(caller.call(post(url))) for _ in range(3)]
        await asyncio.sleep(0)
        calls[0].cancel()
        await asyncio.sleep(0)
        names.may_answer.set()
        ends = await asyncio.gather(*calls, return_exceptions=True)

    assert names.asked == ["slow.example"]
    assert [type(end) for end in ends] == [asyncio.CancelledError, Answered, Answered]


async def test_names_that_are_never_found_do_not_hold_up_others(make_caller: MakeCaller) -> None:
    names = Names()
    names.may_answer.clear()
    make = make_caller(look_up=names, max_connections=40, timeouts=seconds(connect=0.5))
    async with Peer(answer) as peer, make as caller:
        url = peer.url.replace("127.0.0.1", "slow.example")
        lost = [asyncio.create_task(caller.call(post(url))) for _ in range(30)]
        await asyncio.sleep(0)
        found = await caller.call(post(peer.url.replace("127.0.0.1", "quick.example")))
        assert not any(call.done() for call in lost), "they still wait"
        ends = await asyncio.gather(*lost)
        names.may_answer.set()

    assert isinstance(found, Answered)
    assert set(ends) == {NeverSent("no connection in time")}
