"""The payer as the host application names it, in any language: build, send, parse.

`POST {url}` with `{"customer_id","contract_id","workflow_id","custom_fields":{}}` →
`200 {"customer","payment_method","gateway"}`, the last two optional; nobody pays:
`404 {"status":"no_payer"}`. With a secret, the question is signed by the Standard Webhooks scheme.
"""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Literal, Self, TypeVar, assert_never

from pydantic import BaseModel, ConfigDict, ValidationError

from external_gate.domain.charge import Payer
from external_gate.domain.clock import Clock
from external_gate.domain.errors import BadInput, Broken, Unavailable
from external_gate.outbound.calls import (
    Answered,
    Call,
    CallEnd,
    Caller,
    NeverSent,
    SentUnanswered,
    Timeouts,
)
from external_gate.outbound.standard_webhooks import secret_key, sign
from external_gate.payers.payer_source import PayerQuestion, PayerSurroundings, checked_payer
from external_gate.settings.model import PayersSettings


def new_message_id() -> str:
    """Give a fresh id for one signed question."""
    return f"msg_{uuid.uuid4().hex}"


class HttpPayers:
    """Asks the host application once per question; an empty `secret` leaves it unsigned.

    Raises `Broken` for a secret that cannot sign.
    """

    def __init__(
        self,
        caller: Caller,
        clock: Clock,
        *,
        url: str,
        secret: str,
        timeout: timedelta,
        message_id: Callable[[], str] = new_message_id,
    ) -> None:
        if secret:
            secret_key(secret)
        self._caller = caller
        self._clock = clock
        self._url = url
        self._secret = secret
        self._timeouts = Timeouts.within(timeout)
        self._message_id = message_id

    @classmethod
    def from_settings(cls, settings: PayersSettings, surroundings: PayerSurroundings) -> Self:
        """Take address, secret and timeout."""
        return cls(
            surroundings.caller,
            surroundings.clock,
            url=settings.url,
            secret=settings.secret.get_secret_value(),
            timeout=timedelta(seconds=settings.timeout_seconds),
        )

    async def find(self, question: PayerQuestion) -> Payer | None:
        """Ask; `Broken` when we are refused, `Unavailable` for every answer that is none."""
        body = build(question)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._secret:
            now = self._clock.now()
            headers |= sign(self._secret, message_id=self._message_id(), timestamp=now, body=body)
        call = Call("POST", self._url, headers, body, timeout=self._timeouts)
        return parse(await self._caller.call(call))


def build(question: PayerQuestion) -> bytes:
    """Write a question. Pure."""
    fields = {
        "customer_id": question.customer_id,
        "contract_id": question.contract_id,
        "workflow_id": question.workflow_id,
        "custom_fields": question.custom_fields(),
    }
    return json.dumps(fields).encode("ascii")


def parse(end: CallEnd) -> Payer | None:
    """Read how a question ended. Pure; errors repeat nothing of the answer."""
    match end:
        case NeverSent(cause) | SentUnanswered(cause):
            raise Unavailable(f"payers.url could not be asked: {cause}")
        case Answered(200):
            return _payer(end.body)
        case Answered(401 | 403):
            raise Broken(f"payers.url refuses us with {end.status}; mend payers.secret on one side")
        case Answered(404):
            # A strange 404 is a wrong address or a half-finished deployment: it proves nothing.
            _read(_NoPayer, end.body, status=404)
            return None
        case Answered():
            raise Unavailable(f"payers.url answered {end.status}")
        case _:
            assert_never(end)


def _payer(body: bytes) -> Payer:
    told = _read(_TheirPayer, body, status=200)
    try:
        return checked_payer(
            customer=told.customer,
            payment_method=told.payment_method or "",
            gateway=told.gateway or "",
        )
    except BadInput as error:
        raise Unavailable(f"payers.url answered 200 with an unusable payer: {error}") from error


class _Strict(BaseModel):
    # Names that we do not know are refused: a misspelled payment_method would charge another one.
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class _TheirPayer(_Strict):
    customer: str
    payment_method: str | None = None
    gateway: str | None = None


class _NoPayer(_Strict):
    model_config = ConfigDict(extra="ignore")  # whatever else is said, nobody pays

    status: Literal["no_payer"]


Shape = TypeVar("Shape", bound=_Strict)


def _read(shape: type[Shape], body: bytes, *, status: int) -> Shape:
    try:
        return shape.model_validate(json.loads(body, object_pairs_hook=_without_repeats))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # Names are said when they are ours; theirs could be anything.
        place = first["loc"][0] if first["loc"] else ""
        where = f"{place}: " if place in shape.model_fields else ""
        flaw = where + first["msg"]
        # Without a cause: it would carry their names.
        raise Unavailable(f"payers.url answered {status}, but not as agreed: {flaw}") from None
    except (ValueError, RecursionError) as error:
        raise Unavailable(f"payers.url answered {status} with unreadable JSON") from error


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):  # of two values neither is the true one
        raise ValueError("a name stands twice in one object")
    return fields
