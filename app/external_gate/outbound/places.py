"""A bounded number of calls at once, and a way to wait until all of them have ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from external_gate.domain.errors import Unavailable


class NoFreePlace(Unavailable):
    """Every place stayed taken, or the places are closed; nothing was begun."""


class Places:
    """Lend out at most `limit` places, first come first served; for one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = asyncio.Semaphore(limit)
        self._closed = False

    @asynccontextmanager
    async def one(self, wait: timedelta) -> AsyncIterator[None]:
        """Hold one place; raises `NoFreePlace` when none becomes free within `wait`."""
        await self._take(wait)
        try:
            yield
        finally:
            self._free.release()

    async def aclose(self) -> None:
        """Lend nothing more and wait until every place has been given back. May be repeated."""
        self._closed = True
        for _ in range(self._limit):
            await self._free.acquire()
        for _ in range(self._limit):
            self._free.release()

    async def _take(self, wait: timedelta) -> None:
        self._refuse_when_closed()
        if not self._free.locked():
            await self._free.acquire()  # at once: no timer is needed
            return
        try:
            async with asyncio.timeout(wait.total_seconds()):
                await self._free.acquire()
        except TimeoutError as error:
            sentence = f"all {self._limit} connections stayed busy for {wait.total_seconds():g} s"
            raise NoFreePlace(sentence) from error
        try:
            self._refuse_when_closed()
        except NoFreePlace:
            self._free.release()
            raise

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise NoFreePlace("the caller is closed")
