"""The sandbox as an adapter: steered by the payer's payment method, answered from its books."""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import ClassVar, TypeVar, assert_never

from external_gate.domain.charge import Capabilities, Charge, ChargeRequest, SentCharge
from external_gate.domain.errors import BadInput, Broken, Refused, Unavailable
from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.money import LARGEST_MINOR, Money
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Outcome,
    Pending,
    Succeeded,
    TooLate,
    Undo,
    Undone,
    UndoUnknown,
    Unknown,
)
from external_gate.gateways.gateway import GatewayNotice, Surroundings
from external_gate.gateways.sandbox.sandbox_books import Books, Entry, Order, Patience
from external_gate.gateways.sandbox.sandbox_settings import SandboxSettings, capabilities_of
from external_gate.gateways.sandbox.scripts import MISCONFIGURED, Booking, decline_of, script_of

Result = TypeVar("Result")

CANCELLED = Declined(DeclineKind.HARD, "cancelled", "the charge was cancelled")


class SandboxGateway:
    """A pretend gateway that keeps every promise, and loses answers when it is asked to.

    Raises `Broken` when the folder of the books is not there.
    """

    settings_model: ClassVar[type[SandboxSettings]] = SandboxSettings

    def __init__(self, settings: SandboxSettings, surroundings: Surroundings) -> None:
        path = settings.books.absolute()
        if not path.parent.is_dir():
            key = f"gateways.{surroundings.name}.books"
            raise Broken(f"{key}: the folder {path.parent} is not there; make it")
        patience = Patience(settings.pending_lookups, timedelta(seconds=settings.pending_seconds))
        self._books = Books(path, patience)
        self._capabilities = capabilities_of(settings)
        self._half_delay = timedelta(seconds=settings.delay_seconds) / 2
        self._longest_seconds = settings.timeout_seconds - settings.delay_seconds
        self._clock = surroundings.clock
        # One thread, so that calls queue here and not at the lock of the file.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-books")

    @property
    def capabilities(self) -> Capabilities:
        """Give what the sandbox promises."""
        return self._capabilities

    def build(self, charge: Charge) -> bytes:
        """Make the order that the sandbox reads. Pure."""
        order = {
            "attempt_key": charge.attempt_key,
            "workflow_id": charge.workflow_id,
            "payment_method": charge.payer.payment_method,
            "minor": charge.amount.minor,
            "currency": charge.amount.currency,
        }
        return json.dumps(order).encode()

    async def charge(self, request: ChargeRequest) -> Outcome:
        """Take half of the delay, book the charge, take the other half, then answer or not."""
        if self._clock.now() >= request.not_after:
            return NotSent("send deadline passed")
        try:
            order = _read_order(request.body, key=request.charge.attempt_key)
        except BadInput as error:
            return Misconfigured(str(error))
        if order.payment_method == MISCONFIGURED:
            return Misconfigured("the sandbox was told to refuse us")
        await self._clock.sleep(self._half_delay)
        try:
            entry, is_new = await self._book(
                partial(self._books.charge, order, now=self._clock.now())
            )
        except Unavailable as error:
            return Unknown(str(error))
        await self._clock.sleep(self._half_delay)
        return _charge_answer(entry, order, is_new=is_new)

    async def lookup(self, sent: SentCharge) -> Outcome | NotFound:
        """Look into the books; a pending charge may become final by being looked at."""
        look = partial(self._books.look, sent.charge.attempt_key, now=self._clock.now())
        try:
            entry = await self._book(look)
        except Unavailable as error:
            return Unknown(str(error))
        if entry is None or entry.booking is Booking.LOST:
            return NotFound(conclusive=True)
        return _outcome(entry)

    async def cancel(self, sent: SentCharge) -> Undo:
        """Stop a charge that took no money, and burn its key."""
        order = _order_of(sent.charge)
        try:
            entry = await self._book(partial(self._books.cancel, order, now=self._clock.now()))
        except Unavailable as error:
            return UndoUnknown(str(error))
        if entry.booking in {Booking.CANCELLED, Booking.DECLINED}:
            return Undone()
        return TooLate("money was taken")

    async def refund(self, sent: SentCharge) -> Undo:
        """Give back the charge, if money was taken."""
        refund = partial(self._books.refund, sent.charge.attempt_key, now=self._clock.now())
        try:
            entry = await self._book(refund)
        except Unavailable as error:
            return UndoUnknown(str(error))
        if entry is not None and entry.booking is Booking.REFUNDED:
            return Undone()
        return TooLate("no money was taken")

    def parse_notification(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 # of the contract
        body: bytes,  # noqa: ARG002 # of the contract
        url: str,  # noqa: ARG002 # of the contract
    ) -> Sequence[GatewayNotice]:
        """Refuse: the sandbox sends none."""
        raise Refused("the sandbox sends no notifications")

    async def _book(self, work: Callable[[], Result]) -> Result:
        """Do `work` beside the event loop; it is done wholly or not at all, also when cancelled.

        Raises `Unavailable` when the books cannot be used, or not in time.
        """
        working = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            async with asyncio.timeout(self._longest_seconds):
                return await working
        except TimeoutError as error:
            raise Unavailable("the sandbox's books were not free in time") from error
        except sqlite3.Error as error:
            raise Unavailable(f"the sandbox's books cannot be used: {error}") from error


def _read_order(body: bytes, *, key: AttemptKey) -> Order:
    """Read the bytes as a gateway would, that has nothing else; raises `BadInput`."""
    try:
        said = json.loads(body)
        order = Order(
            attempt_key=said["attempt_key"],
            workflow_id=said["workflow_id"],
            payment_method=said["payment_method"],
            amount=Money(said["minor"], said["currency"]),
            body_digest=hashlib.sha256(body).hexdigest(),
        )
    except (ValueError, KeyError, TypeError, RecursionError, BadInput) as error:
        raise BadInput("the sandbox cannot read the order") from error
    texts: list[object] = [order.attempt_key, order.workflow_id, order.payment_method]
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise BadInput("the sandbox cannot read the order")
    if not 0 < order.amount.minor <= LARGEST_MINOR:
        raise BadInput("the sandbox does not charge such an amount")
    if order.attempt_key != key:
        raise BadInput("the order carries another key than the charge")
    return order


def _order_of(charge: Charge) -> Order:
    return Order(
        attempt_key=charge.attempt_key,
        workflow_id=charge.workflow_id,
        payment_method=charge.payer.payment_method,
        amount=charge.amount,
        body_digest=None,
    )


def _charge_answer(entry: Entry, order: Order, *, is_new: bool) -> Outcome:
    if entry.order.body_digest not in (None, order.body_digest):
        return Unknown("key reuse: the key came before with another body")
    lost = script_of(order.payment_method).answer_lost
    return Unknown(lost) if is_new and lost else _outcome(entry)


def _outcome(entry: Entry) -> Outcome:
    """Give what an entry means to whoever asks now."""
    charge_id = f"sandbox-{entry.number}"
    match entry.booking:
        case Booking.SUCCEEDED | Booking.REFUNDED:
            # Refunded money was taken once: that is what was asked.
            return Succeeded(charge_id, entry.order.amount, reference=entry.order.attempt_key)
        case Booking.PENDING:
            return Pending(charge_id)
        case Booking.DECLINED:
            return replace(decline_of(entry.order.payment_method), charge_id=charge_id)
        case Booking.CANCELLED:
            return CANCELLED
        case Booking.LOST:
            return Unknown("the request was lost on its way")
        case _:
            assert_never(entry.booking)
