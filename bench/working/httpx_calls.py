"""The three calls through the fallback of external-gate, its caller over httpx."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.working.bare_calls import open_calling
from bench.working.three_calls import Lanes
from bench.working.turn import Place


@asynccontextmanager
async def open_crew(place: Place) -> AsyncIterator[Lanes]:
    """Give lanes over one caller."""
    async with open_calling("httpx") as make_call:
        yield Lanes(place.outside_url, make_call)
