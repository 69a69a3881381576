"""The rules before a charge. A new guard is one more function in `GUARDS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from external_gate.domain.ledger import Allow, Defer, GuardVerdict, Hold, Ledger, Refuse
from external_gate.domain.money import Money
from external_gate.domain.workflow import HeldReason, Workflow


class Approval(StrEnum):
    """What a person can allow."""

    AMOUNT = "amount"  # this amount, although it is above `guards.approval_above`
    SHADOW = "shadow"  # this charge, although shadow mode is on
    RESTORED = "restored"  # this send, although a restored database may have forgotten one


@dataclass(frozen=True, slots=True)
class GuardRules:
    """What the configuration says about guards; empty means no limit."""

    currencies: frozenset[str] = frozenset()
    largest: Mapping[str, Money] = field(default_factory=dict)
    approval_above: Mapping[str, Money] = field(default_factory=dict)
    paused: bool = False
    paused_gateways: frozenset[str] = frozenset()
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Intended:
    """The charge that is about to be saved as intent."""

    workflow: Workflow
    amount: Money
    gateway: str
    was_sent: bool
    """Whether any attempt of the workflow may have been sent: then nothing may be refused."""


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
    not_in_shadow,
)
"""In the order in which they are asked; the first that does not allow decides."""


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
