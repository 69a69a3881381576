"""From signed bytes to a durable row: verify, read, record in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from external_gate.domain.clock import Clock
from external_gate.domain.errors import BadInput, Unavailable
from external_gate.domain.forwarding import Forwarding
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import Actor, Facts, HeldReason, State, Workflow
from external_gate.intake import envelope, signature
from external_gate.intake.envelope import Envelope
from external_gate.intake.pressure import Pressure
from external_gate.intake.signature import (
    SIGNATURE_HEADERS,
    AgeLimits,
    Freshness,
    SignatureRefused,
)
from external_gate.stores.store import Store
from external_gate.stores.store_records import NewNotification, Recorded, SignedDelivery


class IntakeObserver(Protocol):
    """Hears of every delivery; must neither raise nor block."""

    def acknowledged(self, receipt: str, age: timedelta) -> None:
        """A validly signed delivery is durable; its sender is told so, unless that was too late."""
        ...

    def recorded(
        self,
        recorded: Recorded,
        kind: str,
        age: timedelta,
        flaw: str | None,
        *,
        held: HeldReason | None = None,
    ) -> None:
        """It was recorded: at once, or after a rush. `kind` is the notification's type.

        `held` says why the workflow that it begins waits for a person; None when it does not.
        """
        ...

    def refused(self, reason: str, age: timedelta | None, *, only_the_date: bool) -> None:
        """A delivery was turned away; with `only_the_date` our clock is the suspect."""
        ...

    def shed(self, reason: str, untold: int) -> None:
        """One was told to come again because too many wait, `overloaded` or `not_in_time`.

        `untold` is as `Pressure.shed` gives it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Receiver:
    """Receives Metronome's notifications."""

    store: Store
    secrets: Sequence[str]
    limits: AgeLimits
    clock: Clock
    observer: IntakeObserver
    forwarding: Forwarding = field(default_factory=Forwarding)
    pressure: Pressure = field(default_factory=Pressure)

    async def receive(self, headers: Mapping[str, str], body: bytes) -> Recorded:
        """Make one delivery durable; header names are lower case.

        Returns after commit, however long that takes. Raises `SignatureRefused` (nothing was
        stored) and `Unavailable` (nothing was stored; Metronome will try again).
        """
        now = self.clock.now()
        try:
            verified = signature.verify(
                headers, body, secrets=self.secrets, now=now, limits=self.limits
            )
        except SignatureRefused as refusal:
            self.observer.refused(
                refusal.reason, refusal.age, only_the_date=refusal.signature_valid
            )
            raise
        delivery = SignedDelivery(body, verified.signed_at, now, headers)
        notification = self._notification(delivery, verified.freshness)
        among = self.pressure.begin()
        try:
            recorded = await self.store.record(notification)
        except Unavailable:
            self.turned_away("not_durable")
            raise
        finally:
            self.pressure.end()
        self.pressure.learn(among, self.clock.now() - now)
        self.observer.acknowledged(recorded.receipt, verified.age)
        if recorded.waits:
            self.pressure.leave()
        else:
            self._tell(recorded, notification)
        return recorded

    def sheds(self) -> bool:
        """Tell whether who delivers now is to be told to come again, unread; counts it.

        Too many wait for their commit already. Not even the signature is looked at: in an overload
        every microsecond that goes into turning away is one less for taking in.
        """
        if self.pressure.is_too_much:
            self._shed("overloaded")
            return True
        return False

    def gives_up(self) -> bool:
        """Tell whether who has waited for `LONGEST_ANSWER` is to be told to come again; counts it.

        Only the answer is given up: `receive` goes on, and what it keeps will be known when it
        comes again.
        """
        if self.pressure.is_crowd:
            self._shed("not_in_time")
            return True
        return False

    async def record_entry(self, entry: SignedDelivery) -> Recorded | None:
        """Record a delivery that waited in the inbox; None when another process did it meanwhile.

        Raises as `Store.record_from_inbox`; the entry stays then.
        """
        freshness = signature.freshness_of(entry.received_at - entry.signed_at, self.limits)
        notification = self._notification(entry, freshness)
        recorded = await self.store.record_from_inbox(entry.number, notification)
        self.pressure.take()
        if recorded is not None:
            self._tell(recorded, notification)
        return recorded

    def turned_away(self, reason: str) -> None:
        """Count a delivery of which nothing was kept: its body too large or too slow, no disk."""
        self.observer.refused(reason, None, only_the_date=False)

    async def replay(self, number: int, *, who: str, reason: str) -> Recorded:
        """Read a kept notification again and begin the workflow that it did not begin before.

        `who` asked for it and the `reason` go into the workflow's history (P8).
        Raises `BadInput` when there is no such notification, or when it still begins none.
        """
        kept = await self.store.notification(number)
        if kept is None:
            raise BadInput(f"no notification {number} is kept here")
        read = envelope.read(kept.body)
        workflow = _workflow(read, Freshness.ACT, self.clock.now())
        if workflow is None or read.facts is None:
            raise BadInput(
                f"notification {number} ({kept.type or 'no type'}) begins no workflow: "
                f"{read.flaw or 'only payment_gate.external_initiate does'}"
            )
        entry = HistoryEntry(
            workflow.updated_at,
            Actor.PERSON,
            "replayed",
            reason,
            who,
            facts={"notification": str(number)},
        )
        return await self.store.begin(number, workflow, entry=entry)

    def _shed(self, reason: str) -> None:
        self.observer.shed(reason, self.pressure.shed(self.clock.now()))

    def _notification(self, delivery: SignedDelivery, freshness: Freshness) -> NewNotification:
        read = envelope.read(delivery.body)
        wanted_by = self.forwarding.wanted_by(read.type)
        return NewNotification(
            notification_id=read.notification_id,
            type=read.type,
            digest=read.digest,
            body=delivery.body,
            signed_at=delivery.signed_at,
            received_at=delivery.received_at,
            concerns_us=concerns_us(read),
            flaw=read.flaw,
            workflow=_workflow(read, freshness, delivery.received_at),
            report=read.report,
            forward_to=wanted_by,
            headers=_passed_on(delivery.headers) if wanted_by else {},
        )

    def _tell(self, recorded: Recorded, notification: NewNotification) -> None:
        age = notification.received_at - notification.signed_at
        held = notification.workflow.held_reason if notification.workflow else None
        self.observer.recorded(recorded, notification.type, age, notification.flaw, held=held)


_PASSED_ON = frozenset({*SIGNATURE_HEADERS, "content-type"})


def _passed_on(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Give the headers by which a receiver proves and reads what is passed on, as they came."""
    return {
        name: value
        for name, value in headers.items()
        if name in _PASSED_ON and value.isascii() and value.isprintable()
    }


def concerns_us(read: Envelope) -> bool:
    """Tell whether a notification is the gate's, or may be because its type cannot be read."""
    return read.is_gate or (read.flaw is not None and not read.type)


def _workflow(read: Envelope, freshness: Freshness, now: datetime) -> Workflow | None:
    """Give the workflow that a notification begins: `received`, or held with what is wrong."""
    if read.facts is not None:
        facts = Facts(
            workflow_id=WorkflowId(read.facts.workflow_id),
            workflow_type=read.facts.workflow_type,
            customer_id=CustomerId(read.facts.customer_id),
            contract_id=ContractId(read.facts.contract_id),
            invoice_id=InvoiceId(read.facts.invoice_id),
            total=read.facts.total,
            currency=read.facts.currency,
        )
        if freshness is Freshness.STALE:
            return _held(facts, HeldReason.STALE, "delivered later than it is acted on", now)
        return Workflow(facts, State.RECEIVED, received_at=now, updated_at=now, due_at=now)
    if read.workflow_id is not None and read.flaw is not None and concerns_us(read):
        facts = Facts(
            workflow_id=WorkflowId(read.workflow_id),
            workflow_type="",
            customer_id=CustomerId(read.customer_id or ""),
            contract_id=ContractId(read.contract_id or ""),
            invoice_id=InvoiceId(read.invoice_id or ""),
            total=None,
            currency="",
        )
        return _held(facts, HeldReason.MISSHAPEN, read.flaw, now)
    return None


def _held(facts: Facts, reason: HeldReason, detail: str, now: datetime) -> Workflow:
    return Workflow(
        facts,
        State.HELD,
        received_at=now,
        updated_at=now,
        held_reason=reason,
        held_detail=detail,
    )
