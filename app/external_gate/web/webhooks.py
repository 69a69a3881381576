"""`POST /webhooks/metronome`: bounded bytes in, an answer only after commit."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from external_gate.domain.errors import Unavailable
from external_gate.intake.receive import Receiver
from external_gate.intake.signature import SignatureRefused
from external_gate.web.bodies import BodyTooLarge, BodyTooSlow, read_body
from external_gate.web.problems import problem

RETRY_AFTER_SECONDS = "5"
"""When Metronome may try again after a 503; it has a schedule of its own, others may heed this."""


class MetronomeWebhook:
    """Receives what Metronome sends.

    200 only when the delivery is on disk (P1). 413 before the signature is looked at, 401 for what
    Metronome did not sign, 408 for a body that does not come, 503 when it cannot be made durable.
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

    async def receive(self, request: Request) -> Response:
        """Answer one delivery."""
        try:
            body = await read_body(
                request, limit_bytes=self._limit_bytes, timeout_seconds=self._timeout_seconds
            )
            recorded = await self._receiver.receive(request.headers, body)
        except BodyTooLarge as error:
            self._receiver.turned_away("body_too_large")
            return problem(413, str(error), headers={"Connection": "close"})
        except BodyTooSlow as error:
            self._receiver.turned_away("body_too_slow")
            return problem(408, str(error), headers={"Connection": "close"})
        except SignatureRefused as refusal:
            return problem(401, str(refusal), reason=refusal.reason)
        except Unavailable as error:
            self._receiver.turned_away("not_durable")
            return problem(503, str(error), headers={"Retry-After": RETRY_AFTER_SECONDS})
        self._wake()
        return JSONResponse({"result": recorded.receipt})
