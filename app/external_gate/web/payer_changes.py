"""`POST /api/v1/payers/{customer_id}/changed`: the host application says that a payer changed."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from external_gate.domain.clock import Clock
from external_gate.domain.errors import Unavailable
from external_gate.domain.identifiers import CustomerId
from external_gate.observe import events
from external_gate.stores.store import Store
from external_gate.web.bearer import Bearers, Caller
from external_gate.web.bodies import BodyTooLarge, BodyTooSlow, read_body
from external_gate.web.problems import problem

PATH = "/api/v1/payers/{customer_id}/changed"

RETRY_AFTER_SECONDS = "5"
"""When the host may try again after a 503."""

LONGEST_ID = 200
"""Characters; Metronome's ids have 36."""


class PayerChanges:
    """Takes the word of operators and programs.

    202 only when it is on disk; the body does not matter. 413 over the limit, 408 for a body that
    does not come, 401 without a good token, 403 for a viewer's, 404 for a customer of whom no
    workflow was ever received, 503 when the host should try again.
    """

    def __init__(
        self,
        store: Store,
        bearers: Bearers,
        clock: Clock,
        *,
        body_limit_bytes: int,
        body_timeout_seconds: float,
    ) -> None:
        self._store = store
        self._bearers = bearers
        self._clock = clock
        self._limit_bytes = body_limit_bytes
        self._timeout_seconds = body_timeout_seconds

    async def receive(self, request: Request) -> Response:
        """Answer one request."""
        try:
            await read_body(
                request.receive,
                limit_bytes=self._limit_bytes,
                timeout_seconds=self._timeout_seconds,
            )
        except BodyTooLarge as error:
            return problem(413, str(error), headers={"Connection": "close"})
        except BodyTooSlow as error:
            return problem(408, str(error), headers={"Connection": "close"})
        caller = self._bearers.caller(request.headers)
        if caller is None:
            events.log().warning(events.PAYER_CHANGE_REFUSED, reason="no_good_token")
            return problem(
                401,
                "send a token of [operators] as Authorization: Bearer …; make one with "
                "external-gate operators token",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if not caller.may_act:
            events.log().warning(events.PAYER_CHANGE_REFUSED, reason="viewer", who=caller.name)
            return problem(403, f"{caller.name} may only look: it needs the role operator")
        return await self._note(CustomerId(request.path_params["customer_id"]), caller)

    async def _note(self, customer_id: CustomerId, caller: Caller) -> Response:
        try:
            is_known = _is_an_id(customer_id) and await self._store.note_payer_change(
                customer_id, at=self._clock.now(), told_by=caller.name
            )
        except Unavailable as error:
            return problem(503, str(error), headers={"Retry-After": RETRY_AFTER_SECONDS})
        if not is_known:
            return problem(404, "no workflow of this customer was ever received here")
        events.log().info(events.PAYER_CHANGE_NOTED, customer_id=customer_id, who=caller.name)
        return JSONResponse({"result": "noted"}, status_code=202)


def _is_an_id(customer_id: str) -> bool:
    return len(customer_id) <= LONGEST_ID and customer_id.isprintable()
