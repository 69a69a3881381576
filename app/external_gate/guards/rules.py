"""The rules before a charge. A new guard is one more function in `GUARDS`."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from external_gate.domain.charge import Payer
from external_gate.domain.ledger import (
    Allow,
    Asked,
    Defer,
    Deferral,
    GuardVerdict,
    Hold,
    Ledger,
    Refuse,
)
from external_gate.domain.limits import Cap, Velocity
from external_gate.domain.money import Money
from external_gate.domain.workflow import HeldReason, Workflow

BREAKER_WAITS = timedelta(days=1)
"""How long after its arrival a workflow may wait for another payment method before a person is
asked: as long as everything else is tried by itself."""

_LOOKS_EVERY_PART = 10
"""An open breaker is looked at again after a tenth of the time that has passed, so that a payer who
acts at once is charged at once, and one who does not costs few questions."""

_SOONEST, _LATEST = timedelta(minutes=1), timedelta(hours=1)


class Approval(StrEnum):
    """What a person can allow."""

    AMOUNT = "amount"  # this amount, although it is above `guards.approval_above`
    CAP = "cap"  # this charge, although the customer's is above `guards.caps` with it
    VELOCITY = "velocity"  # this charge, although the customer had as many as are allowed
    BREAKER = "breaker"  # this charge, although its payment method was declined again and again
    SHADOW = "shadow"  # this charge, although shadow mode is on
    RESTORED = "restored"  # this send, although a restored database may have forgotten one


@dataclass(frozen=True, slots=True)
class GuardRules:
    """What the configuration says about guards; empty means no limit."""

    currencies: frozenset[str] = frozenset()
    largest: Mapping[str, Money] = field(default_factory=dict)
    approval_above: Mapping[str, Money] = field(default_factory=dict)
    caps: Mapping[str, Cap] = field(default_factory=dict)
    velocity: Velocity | None = None
    breaker_declines: int = 0
    """Declines in a row of one payment method after which it is not charged; 0: there is none."""
    paused: bool = False
    paused_gateways: frozenset[str] = frozenset()
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Intended:
    """The charge that is about to be saved as intent."""

    workflow: Workflow
    amount: Money
    gateway: str
    payer: Payer
    at: datetime
    was_sent: bool
    """Whether any attempt of the workflow may have been sent: then nothing may be refused."""
    is_resend: bool = False
    """Whether this attempt may have been sent: it was counted and looked at then."""


Guard = Callable[[Intended, Ledger, GuardRules], GuardVerdict]


def pause(intended: Intended, _ledger: Ledger, rules: GuardRules) -> GuardVerdict:
    """Defer while everything, or this gateway, is paused."""
    if rules.paused:
        return Defer("charging is paused (guards.paused)")
    if intended.gateway in rules.paused_gateways:
        return Defer(f"gateway {intended.gateway!r} is paused (guards.paused_gateways)")
    return Allow()


def one_payment_per_invoice(
    _intended: Intended, ledger: Ledger, _rules: GuardRules
) -> GuardVerdict:
    """Hold when another workflow took, or may take, the money of the same invoice."""
    if ledger.invoice_taken_by is None:
        return Allow()
    return Hold(
        HeldReason.INVOICE_ALREADY_PAID,
        f"workflow {ledger.invoice_taken_by} has charged or may have charged this invoice",
    )


def currency_allowed(intended: Intended, _ledger: Ledger, rules: GuardRules) -> GuardVerdict:
    """Hold a currency that is not on the list, when there is one."""
    if not rules.currencies or intended.amount.currency in rules.currencies:
        return Allow()
    return Hold(HeldReason.GUARD, f"{intended.amount.currency} is not in guards.currencies")


def not_above_largest(intended: Intended, _ledger: Ledger, rules: GuardRules) -> GuardVerdict:
    """Hold an amount above the largest of its currency."""
    largest = rules.largest.get(intended.amount.currency)
    if largest is None or intended.amount.minor <= largest.minor:
        return Allow()
    return Hold(HeldReason.GUARD, f"{intended.amount} is above guards.largest of {largest}")


def approved(intended: Intended, _ledger: Ledger, rules: GuardRules) -> GuardVerdict:
    """Hold an amount that a person must allow first."""
    limit = rules.approval_above.get(intended.amount.currency)
    if limit is None or intended.amount.minor <= limit.minor:
        return Allow()
    if Approval.AMOUNT in intended.workflow.approvals:
        return Allow()
    return Hold(HeldReason.APPROVAL, f"{intended.amount} is above guards.approval_above of {limit}")


def within_cap(intended: Intended, ledger: Ledger, rules: GuardRules) -> GuardVerdict:
    """Hold what would bring a customer above the cap of its currency, a re-send as well."""
    cap = rules.caps.get(intended.amount.currency)
    if cap is None or Approval.CAP in intended.workflow.approvals:
        return Allow()
    if ledger.too_many:
        return Hold(HeldReason.CAP, f"more charges than can be counted for guards.caps ({cap})")
    if ledger.spent_minor + intended.amount.minor <= cap.amount.minor:
        return Allow()
    spent = Money(ledger.spent_minor, cap.amount.currency)
    return Hold(
        HeldReason.CAP,
        f"{intended.amount} on top of {spent} already charged, or on their way, is above "
        f"guards.caps of {cap}",
    )


def within_velocity(intended: Intended, ledger: Ledger, rules: GuardRules) -> GuardVerdict:
    """Defer a customer's charge until it is no longer one too many."""
    velocity = rules.velocity
    if velocity is None or intended.is_resend or Approval.VELOCITY in intended.workflow.approvals:
        return Allow()
    if len(ledger.charges) < velocity.charges and not ledger.too_many:
        return Allow()
    until = None
    if len(ledger.charges) >= velocity.charges:
        # Then the oldest of those that fill it has left the time that is looked at.
        oldest = ledger.charges[velocity.charges - 1]
        until = max(oldest + velocity.per, intended.at) + timedelta(milliseconds=1)
    return Defer(
        f"the customer has as many charges as guards.velocity allows ({velocity}): it goes on by "
        "itself, or approve it",
        until,
        Deferral.VELOCITY,
    )


def breaker(intended: Intended, ledger: Ledger, rules: GuardRules) -> GuardVerdict:
    """Defer a charge of a payment method that was declined again and again; hold it after a day.

    Another payment method of the payer has declines of its own: with it the charge is made.
    """
    declines = rules.breaker_declines
    if not declines or intended.is_resend or ledger.declines < declines:
        return Allow()
    if Approval.BREAKER in intended.workflow.approvals:
        return Allow()
    method = intended.payer.payment_method or "the default payment method"
    why = (
        f"{method} of {intended.payer.customer} was declined {ledger.declines} times in a row "
        f"(guards.breaker_declines): give the payer another one, or approve this charge"
    )
    waited = intended.at - intended.workflow.received_at
    if waited >= BREAKER_WAITS:
        return Hold(HeldReason.BREAKER, why)
    pause = min(max(waited / _LOOKS_EVERY_PART, _SOONEST), _LATEST)
    return Defer(why, intended.at + pause, Deferral.BREAKER)


def not_in_shadow(intended: Intended, _ledger: Ledger, rules: GuardRules) -> GuardVerdict:
    """Hold everything in shadow mode, after all other guards have spoken."""
    if not rules.shadow or Approval.SHADOW in intended.workflow.approvals:
        return Allow()
    return Hold(HeldReason.SHADOW, f"{intended.amount} would have been charged; shadow mode is on")


GUARDS: tuple[Guard, ...] = (
    one_payment_per_invoice,
    pause,
    currency_allowed,
    not_above_largest,
    approved,
    breaker,
    within_cap,
    within_velocity,
    not_in_shadow,
)
"""In the order in which they are asked; the first that does not allow decides."""


def ask(intended: Intended, rules: GuardRules) -> Asked:
    """Give what the rules want to know of the customer's other charges; nothing without rules."""
    cap, velocity = rules.caps.get(intended.amount.currency), rules.velocity
    has_breaker = bool(rules.breaker_declines)
    return Asked(
        spent_since=None if cap is None else intended.at - cap.per,
        currency="" if cap is None else cap.amount.currency,
        charges_since=None if velocity is None else intended.at - velocity.per,
        charges=0 if velocity is None else velocity.charges,
        gateway=intended.gateway if has_breaker else "",
        payer=intended.payer if has_breaker else None,
        declines=rules.breaker_declines,
    )


def deferred_by(deferral: Deferral, intended: Intended) -> str:
    """Give how a workflow remembers what it waits for; workflows of one payment method agree."""
    if deferral is not Deferral.BREAKER:
        return deferral.value
    named = (intended.gateway, intended.payer.customer, intended.payer.payment_method)
    mark = hashlib.sha256("\0".join(named).encode()).hexdigest()[:16]
    return f"{deferral}:{mark}"


def judge(intended: Intended, ledger: Ledger, rules: GuardRules) -> GuardVerdict:
    """Ask every guard. Once anything may have been sent, a refusal becomes a hold (P4)."""
    for guard in GUARDS:
        verdict = guard(intended, ledger, rules)
        if isinstance(verdict, Allow):
            continue
        if isinstance(verdict, Refuse) and intended.was_sent:
            return Hold(HeldReason.GUARD, verdict.reason)
        return verdict
    return Allow()
