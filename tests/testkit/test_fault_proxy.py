"""The fault proxy on real sockets: what reaches the fake, and what the adapter is told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from external_gate.outbound.calls import (
    Answered,
    Call,
    CallEnd,
    NeverSent,
    SentUnanswered,
    Timeouts,
)
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.testkit import FakeServer, WireAnswer, WireRequest, json_answer
from external_gate.testkit.fault_proxy import FaultProxy
from external_gate.testkit.kit_clock import KitClock
from external_gate.testkit.proxy_faults import BEFORE_EFFECT, SILENT, ProxyFault

IMPATIENT = Timeouts.within(timedelta(seconds=0.3))
PATIENT = Timeouts.within(timedelta(seconds=10))


class Echo:
    """A fake that counts and says what it was asked."""

    def __init__(self) -> None:
        self.requests: list[WireRequest] = []

    async def respond(self, request: WireRequest) -> WireAnswer:
        self.requests.append(request)
        return json_answer(201, {"said": request.body.decode(), "number": len(self.requests)})


class Line:
    """A caller, a proxy and a fake in a row."""

    def __init__(self, fake: Echo, proxy: FaultProxy, caller: HttpxCaller) -> None:
        self.fake, self.proxy, self._caller = fake, proxy, caller

    async def call(
        self, *faults: ProxyFault, body: bytes = b"hello", timeouts: Timeouts = PATIENT
    ) -> CallEnd:
        await self.proxy.script(faults)
        call = Call("POST", f"{self.proxy.url}/pay", {"piggy-key": "k1"}, body, timeout=timeouts)
        end = await self._caller.call(call)
        await self.proxy.idle()
        return end


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    fake = Echo()
    server = FakeServer(fake.respond)
    proxy = FaultProxy(f"{await server.start()}/base", key_header="Piggy-Key")
    await proxy.start()
    clock = KitClock(waits=True)
    async with HttpxCaller(clock, high_water=None, timeouts=PATIENT, max_connections=4) as caller:
        yield Line(fake, proxy, caller)
    await proxy.stop()
    await server.stop()


async def test_without_a_script_calls_pass_and_are_told(line: Line) -> None:
    end = await line.call()

    assert isinstance(end, Answered)
    assert (end.status, end.body) == (201, b'{"said": "hello", "number": 1}')
    assert line.fake.requests[0].path == "/base/pay"
    told = line.proxy.trace[0].line()
    assert told == "1. POST /base/pay  key=k1  fake: 201; adapter got 201"


@pytest.mark.parametrize("fault", [fault for fault in ProxyFault if fault is not ProxyFault.SLOW])
async def test_every_fault_keeps_its_word_about_the_effect(line: Line, fault: ProxyFault) -> None:
    timeouts = IMPATIENT if fault in SILENT else PATIENT

    end = await line.call(fault, timeouts=timeouts)

    doubled = fault in {ProxyFault.DUPLICATE, ProxyFault.DUPLICATE_AT_ONCE}
    effects = 0 if fault in BEFORE_EFFECT else 2 if doubled else 1
    assert len(line.fake.requests) == effects
    if fault is ProxyFault.REFUSE:
        assert isinstance(end, NeverSent)
        assert not line.proxy.trace
    else:
        assert line.proxy.trace[0].fault is fault
        assert line.proxy.trace[0].forwarded == effects
        told = line.proxy.trace[0].answer_status
        assert told == (end.status if isinstance(end, Answered) else told)
    passed = await line.call()
    assert isinstance(passed, Answered)
    assert passed.status == 201


@pytest.mark.parametrize(
    "fault",
    [
        ProxyFault.DROP_BEFORE_EFFECT,
        ProxyFault.DROP_AFTER_EFFECT,
        ProxyFault.CLOSE_AFTER_EFFECT,
        ProxyFault.HOLD_BEFORE_EFFECT,
        ProxyFault.HOLD_AFTER_EFFECT,
        ProxyFault.TRUNCATE,
        ProxyFault.DRIP,
        ProxyFault.HUGE,
    ],
)
async def test_these_faults_leave_the_caller_without_an_answer(
    line: Line, fault: ProxyFault
) -> None:
    end = await line.call(fault, timeouts=IMPATIENT if fault in SILENT else PATIENT)

    assert isinstance(end, SentUnanswered)


async def test_script_goes_call_by_call_and_then_everything_passes(line: Line) -> None:
    await line.call(ProxyFault.ERROR_500_BEFORE, ProxyFault.BUSY_429)
    call = Call("POST", f"{line.proxy.url}/pay", {}, b"x", timeout=PATIENT)
    second, third = await line._caller.call(call), await line._caller.call(call)

    assert isinstance(second, Answered)
    assert (second.status, second.headers["retry-after"]) == (429, "7")
    assert isinstance(third, Answered)
    assert third.status == 201


async def test_older_answer_is_that_of_another_call(line: Line) -> None:
    await line.call(body=b"first")

    end = await line.call(ProxyFault.REPLAY_OLDER, body=b"second")

    assert isinstance(end, Answered)
    assert b'"said": "first"' in end.body


async def test_redirect_leads_back_to_the_proxy(line: Line) -> None:
    end = await line.call(ProxyFault.REDIRECT)

    assert isinstance(end, Answered)
    assert (end.status, end.headers["location"]) == (307, f"{line.proxy.url}/pay")


async def test_preparations_are_struck_by_nothing() -> None:
    fake = Echo()
    server = FakeServer(fake.respond)
    proxy = FaultProxy(await server.start(), is_preparation=lambda _, path: path == "/token")
    await proxy.start()
    clock = KitClock(waits=True)
    async with HttpxCaller(clock, high_water=None, timeouts=PATIENT, max_connections=4) as caller:
        await proxy.script([ProxyFault.ERROR_500_BEFORE])
        ends = [
            await caller.call(Call("POST", f"{proxy.url}{path}", {}, b"", timeout=PATIENT))
            for path in ("/token", "/pay")
        ]
    await proxy.stop()
    await server.stop()

    assert [end.status for end in ends if isinstance(end, Answered)] == [201, 500]
    assert [call.moves_money for call in proxy.trace] == [False, True]


async def test_held_call_ends_when_the_caller_goes(line: Line) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()

    await line.call(ProxyFault.HOLD_AFTER_EFFECT, timeouts=IMPATIENT)

    assert loop.time() - began < 3


async def test_clock_of_the_engine_moves_instead_of_waiting() -> None:
    clock = KitClock(waits=False)

    await clock.sleep(timedelta(days=3))

    assert clock.now() - datetime.now(UTC) > timedelta(days=2, hours=23)
