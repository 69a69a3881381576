"""One timer for a whole call: each wait may take so long, and all of them together `total`."""

import asyncio
from datetime import timedelta
from types import TracebackType
from typing import Self

from external_gate.domain.errors import Unavailable


class OutOfPatience(Unavailable):
    """A wait took too long; the sentence says which."""


class Patience:
    """Bounds what is awaited while it is entered; one timer costs less than one for each wait.

    Raises `OutOfPatience` where the wait was, as `asyncio.timeout` does.
    """

    def __init__(self, total: timedelta) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + total.total_seconds()
        self._timer = asyncio.timeout_at(self._end)
        self._until = self._end
        self._sentence = ""

    def allow(self, wait: timedelta, sentence: str) -> None:
        """Begin a wait of at most `wait`; `sentence` says what it means when that is not enough."""
        self._sentence = sentence
        self._until = min(self._end, self._loop.time() + wait.total_seconds())
        self._timer.reschedule(self._until)

    async def __aenter__(self) -> Self:
        await self._timer.__aenter__()
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._timer.__aexit__(error_type, error, traceback)
        except TimeoutError:
            if self._until < self._end:
                raise OutOfPatience(self._sentence) from None
            raise OutOfPatience("the call took longer than its total timeout") from None
