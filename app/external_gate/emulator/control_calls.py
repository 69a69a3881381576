"""The control API under /_emulator/: look into the books, move the clock, order misbehaviour."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from external_gate.emulator import payloads, releases
from external_gate.emulator.bookkeeping_view import books_shape, workflow_shape
from external_gate.emulator.books import Books
from external_gate.emulator.call import Reply
from external_gate.emulator.connections import can_drop
from external_gate.emulator.courier import Courier
from external_gate.emulator.decimal_json import parse_json
from external_gate.emulator.emulated_time import EmulatedTime, rfc3339
from external_gate.emulator.faults import Fault, FaultDesk
from external_gate.emulator.front_door import respond
from external_gate.emulator.records import Notification
from external_gate.emulator.refusals import Refusal, invalid
from external_gate.emulator.request_models import Model, read


class Order(BaseModel):
    """A body of the control API: a word that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid")


class ClockJump(Order):
    """POST /_emulator/clock."""

    advance_seconds: Annotated[Decimal, Field(ge=0, le=10 * 365 * 86_400)]


class NewTarget(Order):
    """POST /_emulator/webhook. No `url` stops deliveries; no `secret` keeps the present one."""

    url: Annotated[str, Field(pattern=r"^https?://[^/]+")] | None = None
    secret: Annotated[str, Field(min_length=1)] | None = None


class Expiry(Order):
    """POST /_emulator/workflows/{id}/expire."""

    void_invoice: bool = True
    disable: bool = True


class ActionRequired(Order):
    """POST /_emulator/workflows/{id}/action-required."""

    error_message: str = "three_d_secure_redirect"
    billing_provider: dict[str, object] | None = None


class RateCard(Order):
    """POST /_emulator/rate-cards."""

    rate_card_id: Annotated[str, Field(min_length=1)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    custom_units: dict[str, Annotated[Decimal, Field(gt=0)]] = {}


class AnyNotification(Order):
    """POST /_emulator/notifications."""

    type: Annotated[str, Field(min_length=1)] = "webhooks.test"
    id: str | None = None
    properties: dict[str, object] | None = None


@dataclass(slots=True)
class Controls:
    """Serve the control API. No token is needed: the emulator holds nothing worth protecting."""

    books: Books
    time: EmulatedTime
    faults: FaultDesk
    courier: Courier

    def routes(self) -> list[Route]:
        """List the control API."""
        return [
            self._route("GET", "/healthz", self._healthz),
            self._route("GET", "/books", self._show_books),
            self._route("GET", "/faults", self._show_faults),
            self._route("POST", "/faults", self._order_fault),
            self._route("DELETE", "/faults", self._clear_faults),
            self._route("POST", "/clock", self._advance_clock),
            self._route("POST", "/webhook", self._set_target),
            self._route("POST", "/rate-cards", self._set_currency),
            self._route("POST", "/notifications", self._send_anything),
            self._route("POST", "/invoices/{id}/void", self._void_invoice),
            self._route("POST", "/workflows/{id}/expire", self._expire),
            self._route("POST", "/workflows/{id}/redeliver", self._redeliver),
            self._route("POST", "/workflows/{id}/action-required", self._require_action),
        ]

    def _route(self, method: str, path: str, control: Callable[["_Ask"], object]) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                answer = control(_Ask(request, await request.body()))
            except Refusal as refusal:
                return respond(Reply(refusal.status, refusal.body()))
            self.courier.wake()
            return respond(Reply(body=answer))

        return Route(f"/_emulator{path}", endpoint, methods=[method])

    def _healthz(self, _ask: "_Ask") -> object:
        return {"status": "ok"}

    def _show_books(self, _ask: "_Ask") -> object:
        return books_shape(self.books, self.time)

    def _show_faults(self, _ask: "_Ask") -> object:
        orders = [fault.model_dump(exclude_unset=True) for fault in self.faults.orders]
        return {
            "faults": [
                order | {"times": f.times}
                for order, f in zip(orders, self.faults.orders, strict=True)
            ]
        }

    def _order_fault(self, ask: "_Ask") -> object:
        fault = ask.read(Fault)
        if fault.kind.startswith("drop") and fault.on != "webhook" and not can_drop(ask.request):
            raise invalid("this server cannot drop connections; run it with emulator.make_server")
        self.faults.orders.append(fault)
        return self._show_faults(ask)

    def _clear_faults(self, ask: "_Ask") -> object:
        self.faults.orders.clear()
        return self._show_faults(ask)

    def _advance_clock(self, ask: "_Ask") -> object:
        self.time.advance(timedelta(seconds=float(ask.read(ClockJump).advance_seconds)))
        return {"now": rfc3339(self.time.now())}

    def _set_target(self, ask: "_Ask") -> object:
        wanted = ask.read(NewTarget)
        self.courier.target.url = wanted.url
        self.courier.target.secret = wanted.secret or self.courier.target.secret
        return {"url": wanted.url}

    def _set_currency(self, ask: "_Ask") -> object:
        card = ask.read(RateCard)
        self.books.rate_cards.assigned[card.rate_card_id] = card.currency
        self.books.rate_cards.custom_units[card.rate_card_id] = dict(card.custom_units)
        return {"rate_cards": self.books.rate_cards.assigned}

    def _send_anything(self, ask: "_Ask") -> object:
        wanted = ask.read(AnyNotification)
        message_id = wanted.id or self.books.new_id()
        return self._queue(
            payloads.anything(wanted.type, message_id=message_id, properties=wanted.properties)
        )

    def _void_invoice(self, ask: "_Ask") -> object:
        releases.void_invoice(self.books, ask.id)
        return {"id": ask.id, "status": self.books.invoices[ask.id].status.value}

    def _expire(self, ask: "_Ask") -> object:
        wish = ask.read(Expiry)
        return workflow_shape(
            releases.expire(
                self.books, ask.id, void_invoice=wish.void_invoice, disable=wish.disable
            )
        )

    def _redeliver(self, ask: "_Ask") -> object:
        initiate = self.books.workflow(ask.id).initiate
        if initiate is None:
            raise invalid(f"Workflow {ask.id} has no payment gate and never asked for a payment")
        return self._queue(initiate)

    def _require_action(self, ask: "_Ask") -> object:
        wish = ask.read(ActionRequired)
        return self._queue(
            payloads.action_required(
                self.books.workflow(ask.id),
                message_id=self.books.new_id(),
                error_message=wish.error_message,
                billing_provider=wish.billing_provider,
            )
        )

    def _queue(self, notification: Notification) -> object:
        self.books.outbox.add(notification, now=self.time.now())
        return {"id": notification.id, "type": notification.type}


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request to the control API."""

    request: Request
    raw: bytes

    @property
    def id(self) -> str:
        return str(self.request.path_params["id"])

    def read(self, model: type[Model]) -> Model:
        try:
            body = parse_json(self.raw) if self.raw else {}
        except ValueError as failure:
            raise invalid(f"The body is not JSON: {failure}") from failure
        return read(model, body)
