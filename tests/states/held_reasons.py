"""One way into `held` for every reason, driven through the real engine and the real intake."""

import json
from collections.abc import Mapping
from datetime import timedelta

from external_gate.domain.money import Money, Unit
from external_gate.domain.outcome import Misconfigured, NotSent, TooLate
from external_gate.domain.workflow import HeldReason, State
from external_gate.guards.rules import GuardRules
from external_gate.intake.receive import Receiver
from external_gate.intake.signature import AgeLimits, http_date, sign
from external_gate.stores.store_records import Recorded
from tests.states import metronome_events as told
from tests.states import situations as at
from tests.states.bench import WF, Bench
from tests.states.gateway_events import ANSWERS, NOTICES, Event, refund, said
from tests.states.other_events import (
    CAP,
    a_day_not_sent,
    guarded,
    hold,
    invoice_taken,
    method_declined,
    restored,
)
from tests.states.situations import Situation

R = HeldReason
FACTS: Mapping[str, object] = {
    "workflow_type": "spend",
    "workflow_id": WF,
    "customer_id": "cust",
    "contract_id": "contract",
    "invoice_id": at.INVOICE,
    "invoice_total": 1500,
    "invoice_currency": "USD",
}


class Deaf:
    """An observer of the intake that hears nothing."""

    def acknowledged(self, receipt: str, age: timedelta) -> None: ...

    def recorded(
        self,
        recorded: Recorded,
        kind: str,
        age: timedelta,
        flaw: str | None,
        *,
        held: HeldReason | None = None,
    ) -> None: ...

    def refused(self, reason: str, age: timedelta | None, *, only_the_date: bool) -> None: ...

    def shed(self, reason: str, untold: int) -> None: ...


async def deliver(bench: Bench, *, age: timedelta, **facts: object) -> None:
    """Deliver a signed notification to the real intake."""
    kind = "payment_gate.external_initiate"
    body = json.dumps({"id": "n-1", "type": kind, "properties": {**FACTS, **facts}}).encode()
    date = http_date(bench.clock.now() - age)
    headers = {
        "x-metronome-date": date,
        "metronome-webhook-signature": sign("secret", date=date, body=body),
    }
    receiver = Receiver(bench.store, ["secret"], AgeLimits(), bench.clock, Deaf())
    await receiver.receive(headers, body)


async def stale(bench: Bench) -> None:
    await deliver(bench, age=timedelta(days=4))


async def misshapen(bench: Bench) -> None:
    await deliver(bench, age=timedelta(0), invoice_total="a lot")


async def nothing_to_charge(bench: Bench) -> None:
    await bench.receive(total="0")
    await bench.settle_down()


async def unknown_customer(bench: Bench) -> None:
    bench.configure(verify_invoice=False, unverified_unit=Unit.CENTS)
    bench.billing.knows_customers = False
    await bench.receive()
    await bench.settle_down()


async def misconfigured(bench: Bench) -> None:
    bench.gateway.says.append(said(Misconfigured("the api key is unknown")))
    await at.charging(bench)


async def unreachable(bench: Bench) -> None:
    bench.gateway.always_says = said(NotSent("connection refused"))
    await at.received(bench)
    await a_day_not_sent(bench)


def _row(rows: tuple[tuple[str, Event], ...], name: str) -> Event:
    return dict(rows)[name]


def _after(situation: Situation, *events: Event) -> Event:
    async def drive(bench: Bench) -> None:
        await situation.drive(bench)
        for event in events:
            await event(bench)

    return drive


def _trouble(name: str, situation: Situation = at.RECEIVED) -> Event:
    return _after(situation, _row(told.PREPARING, name))


WAYS: Mapping[HeldReason, tuple[str, Event]] = {
    R.STALE: ("a delivery that is four days old", stale),
    R.MISSHAPEN: ("a total that is no number", misshapen),
    R.CONFLICTING: (
        "another total, while `ready`",
        _after(at.READY, told.notification(total="1600")),
    ),
    R.INVOICE_MISMATCH: (
        "the invoice has another total",
        _trouble("the invoice has another total"),
    ),
    R.INVOICE_VOID: ("the invoice is void", _trouble("the invoice is void")),
    R.INVOICE_MISSING: ("the invoice is not there for 10 min", _trouble("… for 10 min")),
    R.INVOICE_ALREADY_PAID: (
        "another workflow of the invoice is charging",
        _after(at.RECEIVED, invoice_taken),
    ),
    R.AMOUNT: ("a total of 0", nothing_to_charge),
    R.NO_PAYER: ("nobody names a payer", _trouble("nobody names a payer")),
    R.UNKNOWN_CUSTOMER: ("invoices are not read, the customer is not there", unknown_customer),
    R.UNKNOWN_GATEWAY: (
        "the payer names an unknown gateway",
        _trouble("the payer names an unknown gateway"),
    ),
    R.NOT_CAPABLE: (
        "the gateway does not charge this currency",
        _trouble("the gateway does not charge this currency"),
    ),
    R.GUARD: ("above the largest amount", at.held_unsent),
    R.APPROVAL: (
        "above the amount that needs approval",
        _after(at.RECEIVED, guarded(GuardRules(approval_above={"USD": Money(1, "USD")}))),
    ),
    R.CAP: ("above the customer's cap", _after(at.RECEIVED, guarded(GuardRules(caps=CAP)))),
    R.BREAKER: (
        "the payment method was declined before, and is still the same after a day",
        _after(at.RECEIVED, method_declined, lambda bench: bench.go_on(hours=25)),
    ),
    R.SHADOW: ("shadow mode", _after(at.RECEIVED, guarded(GuardRules(shadow=True)))),
    R.UNREACHABLE: ("no send left this machine for 24 h", unreachable),
    R.MISCONFIGURED: ("the gateway refused our key", misconfigured),
    R.REQUEST_CHANGED: (
        "a re-send would have other bytes",
        _trouble("the request's bytes would be others", at.READY_AGAIN),
    ),
    R.UNKNOWN_CHARGE: ("lookups told nothing for 24 h", at.held_unknown),
    R.PROOF_MISMATCH: ("a lookup found another amount", at.held_mismatch),
    R.CONTRADICTION: (
        "a notice of a decline, then the answer: succeeded",
        _after(at.CHARGING, _row(NOTICES, "Declined hard"), _row(ANSWERS, "Succeeded")),
    ),
    R.RESTORED: (
        "an older copy of the database, and lookups tell nothing for 15 min",
        _after(at.RECEIVED, restored, lambda bench: bench.go_on(minutes=16)),
    ),
    R.RELEASE_REFUSED: ("charged; the release was refused, nothing proven", at.held_after_paid),
    R.REFUND_REFUSED: (
        "the refund came too late",
        _after(at.REFUNDING, refund(TooLate("settled"))),
    ),
    R.OPERATOR: ("a person held a pending charge", _after(at.PENDING, hold)),
}
"""How each reason is reached here, in words, and the run that does it."""

REASONS = tuple(
    Situation(f"`{reason}`", State.HELD, how, drive) for reason, (how, drive) in WAYS.items()
)
