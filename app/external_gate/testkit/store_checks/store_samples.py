"""Workflows, notifications and changes, as short to write as a test wants to read."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from external_gate.domain.charge import Charge, Payer
from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.identifiers import (
    AttemptKey,
    ContractId,
    CustomerId,
    InvoiceId,
    WorkflowId,
    attempt_key,
)
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.money import Money
from external_gate.domain.outcome import Answer, Declined, Succeeded
from external_gate.domain.workflow import Actor, Facts, HeldReason, State, Verdict, Workflow
from external_gate.stores.store import Store
from external_gate.stores.store_records import Change, Dossier, NewNotification, SignedDelivery

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)
PRICE = Money(1500, "USD")
W1, W2, W3 = WorkflowId("workflow-1"), WorkflowId("workflow-2"), WorkflowId("workflow-3")


def later(seconds: float) -> datetime:
    """Give an instant after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def facts(workflow_id: WorkflowId = W1, **other: Any) -> Facts:
    """Give what a notification says; every workflow has an invoice of its own."""
    told = Facts(
        workflow_id=workflow_id,
        workflow_type="spend",
        customer_id=CustomerId("customer-1"),
        contract_id=ContractId("contract-1"),
        invoice_id=InvoiceId(f"invoice-of-{workflow_id}"),
        total=Decimal(1500),
        currency="USD",
    )
    return replace(told, **other)


def received(workflow_id: WorkflowId = W1, *, at: datetime = NOW, **other: Any) -> Workflow:
    """Give a workflow as the intake begins it; `other` are facts."""
    return Workflow(
        facts=facts(workflow_id, **other),
        state=State.RECEIVED,
        received_at=at,
        updated_at=at,
        due_at=at,
    )


def told(
    workflow: Workflow | None,
    *,
    notification_id: str = "n-1",
    body: bytes | None = None,
    at: datetime = NOW,
    **other: Any,
) -> NewNotification:
    """Give a notification that begins `workflow`, or none; each id has a body of its own."""
    if body is None:
        body = f'{{"id":"{notification_id}"}}'.encode(errors="surrogatepass")
    notification = NewNotification(
        notification_id=notification_id,
        type="payment_gate.external_initiate",
        digest=hashlib.sha256(body).hexdigest(),
        body=body,
        signed_at=at,
        received_at=at,
        concerns_us=True,
        workflow=workflow,
    )
    return replace(notification, **other)


def initiate(workflow_id: WorkflowId = W1, **other: Any) -> NewNotification:
    """Give the notification that begins a workflow; `other` as for `received`."""
    workflow = received(workflow_id, **other)
    return told(workflow, notification_id=f"n-of-{workflow_id}", at=other.get("at", NOW))


async def begun(store: Store, workflow_id: WorkflowId = W1, **other: Any) -> None:
    """Record the notification that begins a workflow."""
    await store.record(initiate(workflow_id, **other))


async def caught_up(store: Store, brought: Iterable[NewNotification]) -> Sequence[SignedDelivery]:
    """Record what waits in the inbox, as a service does; `brought` says what each body means.

    Gives what waits all the same.
    """
    meant = {notification.body: notification for notification in brought}
    after = 0
    while waiting := await store.inbox(after=after, limit=100):
        for delivery in waiting:
            await store.record_from_inbox(delivery.number, meant[delivery.body])
        after = waiting[-1].number
    return await store.inbox(after=0, limit=100)


async def claimed(store: Store, workflow_id: WorkflowId = W1, *, now: datetime = NOW) -> Dossier:
    """Have one workflow leased."""
    return await store.acquire(workflow_id, owner="worker-1", now=now, lease=LEASE)


def attempt(workflow_id: WorkflowId = W1, number: int = 1, **other: Any) -> Attempt:
    """Give an attempt that may have been sent once."""
    charge = Charge(
        attempt_key=attempt_key(workflow_id, number),
        workflow_id=workflow_id,
        workflow_type="spend",
        customer_id=CustomerId("customer-1"),
        contract_id=ContractId("contract-1"),
        invoice_id=InvoiceId(f"invoice-of-{workflow_id}"),
        amount=PRICE,
        payer=Payer(customer="cus_1", payment_method="pm_1", gateway=None),
        description="Prepaid usage",
        metadata={"invoice_id": f"invoice-of-{workflow_id}"},
    )
    begun_at = NOW
    sent = Attempt(
        number=number,
        gateway="main",
        charge=charge,
        body=b'{"amount":1500}',
        created_at=begun_at,
        sends=1,
        first_sent_at=begun_at,
        send_deadline=later(10),
        last_possible_send=later(30),
    )
    return replace(sent, **other)


def key_of(workflow_id: WorkflowId = W1, number: int = 1) -> AttemptKey:
    """Give the key of an attempt."""
    return attempt_key(workflow_id, number)


def evidence(answer: Answer, *, at: datetime = NOW, send: int = 1) -> Evidence:
    """Give an answer to a charge."""
    return Evidence(source=Source.CHARGE, answer=answer, asked_at=at, at=at, send=send)


SUCCESS = evidence(Succeeded("ch_1", PRICE, "reference-1"), at=later(1))
DECLINE = evidence(Declined(code="card_declined"), at=later(1))


def path(*states: State, at: datetime = NOW) -> tuple[HistoryEntry, ...]:
    """Give the history of moves from state to state."""
    return tuple(
        HistoryEntry(at, Actor.ENGINE, "moved", from_state=one, to_state=next_one)
        for one, next_one in pairwise(states)
    )


def change(dossier: Dossier, *states: State, **other: Any) -> Change:
    """Give a change that moves a workflow through `states`; `other` are fields of the change."""
    after = dossier.workflow
    if states:
        after = replace(after, state=states[-1])
    if states and states[-1] is State.HELD:
        after = replace(after, held_reason=HeldReason.OPERATOR)
    saved = Change(
        fence=dossier.workflow.fence,
        after=after,
        newest_evidence=dossier.newest_evidence,
        history=path(dossier.workflow.state, *states),
        dossier=dossier,
    )
    return replace(saved, **other)


async def charging(
    store: Store, workflow_id: WorkflowId = W1, *, now: datetime = NOW, **other: Any
) -> Dossier:
    """Bring a workflow to the point at which its first charge may be on the wire, still leased."""
    await begun(store, workflow_id, **other)
    dossier = await claimed(store, workflow_id, now=now)
    sent = change(dossier, State.READY, State.CHARGING, attempts=(attempt(workflow_id),))
    return await store.save(sent)


async def paid(store: Store, workflow_id: WorkflowId = W1) -> Dossier:
    """Bring a workflow to proof of money taken, still leased."""
    dossier = await charging(store, workflow_id)
    answered = ((key_of(workflow_id), SUCCESS),)
    return await store.save(change(dossier, State.PAID, evidence=answered))


async def failed(
    store: Store, workflow_id: WorkflowId = W1, *, at: datetime = NOW, **other: Any
) -> None:
    """Bring a workflow to `cancelled` by a hard decline; `other` are facts."""
    dossier = await charging(store, workflow_id, now=at, at=at, **other)
    cancelled = replace(
        dossier.workflow,
        state=State.CANCELLED,
        verdict=Verdict.FAILED,
        updated_at=at,
        due_at=None,
    )
    answered = ((key_of(workflow_id), DECLINE),)
    moved = change(dossier, State.DECLINED, State.CANCELLED, evidence=answered, give_back=True)
    await store.save(replace(moved, after=cancelled))
