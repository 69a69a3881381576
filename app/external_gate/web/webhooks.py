"""`POST /webhooks/metronome`: bounded bytes in, an answer only after commit."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import lru_cache, partial
from typing import Any, Self

from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from external_gate.domain.errors import Unavailable
from external_gate.intake.pressure import LONGEST_ANSWER
from external_gate.intake.receive import Receiver
from external_gate.intake.signature import SignatureRefused
from external_gate.stores.store_records import Receipt
from external_gate.web.bodies import BodyTooLarge, BodyTooSlow, read_body
from external_gate.web.problems import problem

RETRY_AFTER_SECONDS = "5"
"""When Metronome may try again after a 503; it has a schedule of its own, others may heed this."""

_Answer = tuple[Message, Message]
"""Head and body."""


class MetronomeWebhook:
    """Receives what Metronome sends.

    200 only when the delivery is on disk (P1). 413 before the signature is looked at, 401 for what
    Metronome did not sign, 408 for a body that does not come, 503 when it cannot be made durable:
    unread when too many wait already, and when it takes too long; then it may be on disk in the
    end, and is a duplicate when it comes again.
    """

    def __init__(
        self,
        receiver: Receiver,
        *,
        body_limit_bytes: int,
        body_timeout_seconds: float,
        wake: Callable[[], None],
    ) -> None:
        self._receiver = receiver
        self._wake = wake
        self._limit_bytes = body_limit_bytes
        self._timeout_seconds = body_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery, as an application of its own: nothing between it and the server."""
        body = await self._body(receive)
        if not isinstance(body, bytes):
            await _give(send, body)
        elif self._receiver.sheds():
            await _give(send, _OVERLOADED)
        else:
            with _Bound(self._receiver.gives_up, partial(_give, send, _NOT_IN_TIME)) as bound:
                answer = await self._answer(_headers(scope), body)
            await (bound.given or _give(send, answer))

    async def _body(self, receive: Receive) -> bytes | _Answer:
        try:
            return await read_body(
                receive, limit_bytes=self._limit_bytes, timeout_seconds=self._timeout_seconds
            )
        except BodyTooLarge as error:
            self._receiver.turned_away("body_too_large")
            return _written(problem(413, str(error), headers={"Connection": "close"}))
        except BodyTooSlow as error:
            self._receiver.turned_away("body_too_slow")
            return _written(problem(408, str(error), headers={"Connection": "close"}))

    async def _answer(self, headers: Mapping[str, str], body: bytes) -> _Answer:
        try:
            recorded = await self._receiver.receive(headers, body)
        except SignatureRefused as refusal:
            return _written(problem(401, str(refusal), reason=refusal.reason))
        except Unavailable as error:
            return _later(str(error))
        self._wake()
        return _TOLD[recorded.receipt]


class _Bound:
    """Answers in time for a delivery that waits too long among many, and lets it go on."""

    __slots__ = ("_give", "_gives_up", "_timer", "given")

    def __init__(
        self, gives_up: Callable[[], bool], give: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._gives_up = gives_up
        self._give = give
        self.given: asyncio.Task[None] | None = None
        """The answer, once it was given."""

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LONGEST_ANSWER.total_seconds(), self._end)
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        if self._gives_up():
            self.given = asyncio.create_task(self._give())


def _headers(scope: Scope) -> dict[str, str]:
    """Give the headers by their lower-case names; of several with one name the first."""
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in reversed(scope["headers"])
    }


def _written(response: Response) -> _Answer:
    head = {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }
    return head, {"type": "http.response.body", "body": response.body}


async def _give(send: Send, answer: _Answer) -> None:
    for message in answer:
        await send(message)


@lru_cache(maxsize=16)
def _later(detail: str) -> _Answer:
    """Answer 503; kept, because in an overload thousands are told the same."""
    return _written(problem(503, detail, headers={"Retry-After": RETRY_AFTER_SECONDS}))


_OVERLOADED = _later(
    "more deliveries at once than are stored within a second: deliver it again later"
)

_NOT_IN_TIME = _later(
    "among so many it takes long to store it, and whether it is stored is not known yet: "
    "deliver it again later"
)

_TOLD = {receipt: _written(JSONResponse({"result": receipt})) for receipt in Receipt}
