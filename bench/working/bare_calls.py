"""The three calls through the client of external-gate itself, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bench.faults import WrongAnswer
from bench.working.three_calls import Lanes, MakeCall
from bench.working.turn import CONCURRENCY, Place
from external_gate.assembly import SystemClock
from external_gate.outbound.calls import Answered, Call, Timeouts
from external_gate.outbound.transport import CallerMaker, Transport, WayOut


@asynccontextmanager
async def open_crew(place: Place) -> AsyncIterator[Lanes]:
    """Give lanes over one caller, whose places are as many as the lanes."""
    async with open_calling() as make_call:
        yield Lanes(place.outside_url, make_call)


@asynccontextmanager
async def open_calling(transport: Transport = "auto") -> AsyncIterator[MakeCall]:
    """Give a way to make calls by the client of external-gate."""
    caller = CallerMaker(WayOut(transport=transport)).make(
        SystemClock(),
        high_water=None,
        timeouts=Timeouts.within(timedelta(seconds=20)),
        max_connections=CONCURRENCY,
    )

    async def make_call(call: Call) -> int:
        end = await caller.call(call)
        if not isinstance(end, Answered):
            raise WrongAnswer(f"a call was not answered: {end.cause}")
        return end.status

    async with caller:
        yield make_call
