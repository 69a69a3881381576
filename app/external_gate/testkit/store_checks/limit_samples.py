"""One customer's charges, brought as far as each check of limits needs them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from external_gate.domain.charge import Payer
from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.identifiers import CustomerId, WorkflowId
from external_gate.domain.ledger import (
    Asked,
    Defer,
    GuardVerdict,
    Ledger,
)
from external_gate.domain.money import Money
from external_gate.domain.outcome import Undone
from external_gate.domain.workflow import State, Verdict
from external_gate.stores.store import Store
from external_gate.stores.store_records import Dossier, GuardSpoke
from external_gate.testkit.store_checks.shortfall import only, refused
from external_gate.testkit.store_checks.store_samples import (
    DECLINE,
    NOW,
    PRICE,
    W1,
    W2,
    attempt,
    begun,
    change,
    claimed,
    later,
)

HOUR = timedelta(hours=1)
OURS, ELSEWHERE = CustomerId("customer-1"), CustomerId("customer-2")
PAYER = Payer("cus_1", "pm_1")
MONEY = Asked(spent_since=NOW - HOUR, currency="USD", charges_since=NOW - HOUR, charges=10)
DECLINES = Asked(gateway="main", payer=PAYER, declines=10)
NONE = Ledger()
ONE = Ledger(spent_minor=PRICE.minor, charges=(later(10),))


async def ledger_told(store: Store, asked: Asked, **facts: Any) -> Ledger:
    """Give what the guards of W1 are told; its save is refused."""
    await begun(store, W1, **facts)
    dossier = await claimed(store, W1)
    heard: list[Ledger] = []

    def judge(ledger: Ledger) -> GuardVerdict:
        heard.append(ledger)
        return Defer("asked")

    with refused(GuardSpoke):
        await store.save(change(dossier, State.READY, State.CHARGING, judge=judge, asked=asked))
    return only(heard)


async def charge_sent(
    store: Store,
    workflow_id: WorkflowId = W2,
    *,
    customer: CustomerId = OURS,
    amount: Money = PRICE,
    payer: Payer = PAYER,
    **fields: Any,
) -> Dossier:
    """Bring a workflow to its first charge, as it is frozen with these fields."""
    await begun(store, workflow_id, customer_id=customer)
    sent = attempt(workflow_id, **fields)
    charge = replace(sent.charge, customer_id=customer, amount=amount, payer=payer)
    dossier = await claimed(store, workflow_id)
    begins = (replace(sent, charge=charge),)
    return await store.save(change(dossier, State.READY, State.CHARGING, attempts=begins))


async def charge_ended(
    store: Store, dossier: Dossier, state: State, piece: Evidence, **after: Any
) -> Dossier:
    """Let the charge come to an end: dead with `declined`, else with its money."""
    (sent,) = dossier.attempts
    dead = state is State.DECLINED
    moved = change(
        dossier,
        state,
        attempts=(replace(sent, closed=dead),),
        evidence=((sent.charge.attempt_key, piece),),
    )
    verdict = Verdict.FAILED if dead else Verdict.PAID
    return await store.save(
        replace(moved, after=replace(moved.after, verdict=verdict, **after), give_back=True)
    )


async def charge_declined(store: Store, workflow_id: WorkflowId, at: float, **fields: Any) -> None:
    """Let a workflow's charge be declined, sent at the latest so many seconds after `NOW`."""
    sent = {"send_deadline": later(at), **fields}
    await charge_ended(
        store, await charge_sent(store, workflow_id, **sent), State.DECLINED, DECLINE
    )


def refund() -> Evidence:
    """Give the proof that money was given back."""
    return Evidence(Source.REFUND, Undone(), later(3), later(3))
