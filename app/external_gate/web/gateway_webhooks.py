"""`POST /webhooks/gateways/{name}`: bounded bytes in, an answer only after commit."""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from external_gate.domain.errors import BadInput, Refused, Unavailable
from external_gate.intake.gateway_notices import NoticeReceiver, UnknownGateway
from external_gate.stores.store_records import NoticeReceipt, NoticeTaken
from external_gate.web.bodies import BodyTooLarge, BodyTooSlow, read_body
from external_gate.web.problems import problem

RETRY_AFTER_SECONDS = "5"
"""When a gateway may try again after a 503; most have a schedule of their own."""

LONGEST_DETAIL = 300
"""Characters of an adapter's own sentence that go into an answer."""

IGNORED = "ignored"
"""The result of a good notification that says nothing about a charge."""


class GatewayWebhook:
    """Receives what gateways send.

    200 only when everything is on disk, also for what fits no attempt of ours. 413 before the
    signature is looked at, 404 for a gateway that is not configured, 401 for what it did not sign
    and for one that takes none, 400 for what cannot be read, 408 for a body that does not come, 503
    when the gateway should try again.
    """

    def __init__(
        self,
        receiver: NoticeReceiver,
        *,
        body_limit_bytes: int,
        body_timeout_seconds: float,
        wake: Callable[[], None],
    ) -> None:
        self._receiver = receiver
        self._wake = wake
        self._limit_bytes = body_limit_bytes
        self._timeout_seconds = body_timeout_seconds

    async def receive(self, request: Request) -> Response:
        """Answer one notification."""
        name = request.path_params["name"]
        try:
            body = await read_body(
                request.receive,
                limit_bytes=self._limit_bytes,
                timeout_seconds=self._timeout_seconds,
            )
        except BodyTooLarge as error:
            self._receiver.turned_away(name, "body_too_large")
            return problem(413, str(error), headers={"Connection": "close"})
        except BodyTooSlow as error:
            self._receiver.turned_away(name, "body_too_slow")
            return problem(408, str(error), headers={"Connection": "close"})
        return await self._record(name, request, body)

    async def _record(self, name: str, request: Request, body: bytes) -> Response:
        try:
            taken = await self._receiver.receive(name, request.headers, body, url=str(request.url))
        except UnknownGateway as error:
            return problem(404, str(error))
        except Refused as error:
            return problem(401, _line(error))
        except BadInput as error:
            return problem(400, _line(error))
        except Unavailable as error:
            return problem(503, str(error), headers={"Retry-After": RETRY_AFTER_SECONDS})
        if any(result.is_evidence or result.look_asked for result in taken):
            self._wake()
        return JSONResponse(_answer(taken))


def _answer(taken: Sequence[NoticeTaken]) -> dict[str, object]:
    """Give one word for the whole, the best news first, and one for each notice where several."""
    results = [result.receipt for result in taken]
    whole = next((receipt for receipt in NoticeReceipt if receipt in results), IGNORED)
    return {"result": whole} | ({"notices": results} if len(results) > 1 else {})


def _line(error: Exception) -> str:
    """Give a sentence of an adapter's, which may repeat what came from outside, as one line."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(error))
    return text[:LONGEST_DETAIL]
