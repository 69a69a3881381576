"""The three calls through one shared httpx client as it comes: its own transport, its defaults."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from bench.working.three_calls import Lanes
from bench.working.turn import Place
from external_gate.outbound.calls import Call

PATIENCE_SECONDS = 60.0
"""The one default that is changed: its 5 s would end calls that the client itself keeps waiting."""


@asynccontextmanager
async def open_crew(place: Place) -> AsyncIterator[Lanes]:
    """Give lanes over the client."""
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:

        async def make_call(call: Call) -> int:
            answer = await client.request(
                call.method, call.url, headers=dict(call.headers), content=call.body
            )
            return answer.status_code

        yield Lanes(place.outside_url, make_call)
