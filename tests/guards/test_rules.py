"""The rules before a charge: what each one holds, and what all of them together may never do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import (
    NOTHING_MORE,
    Allow,
    Defer,
    Deferral,
    GuardVerdict,
    Hold,
    Ledger,
    Refuse,
)
from external_gate.domain.limits import Cap, Velocity
from external_gate.domain.money import Money
from external_gate.domain.workflow import Facts, HeldReason, State, Workflow
from external_gate.guards import rules as guards
from external_gate.guards.rules import (
    GUARDS,
    Approval,
    GuardRules,
    Intended,
    ask,
    deferred_by,
    judge,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FACTS = Facts(
    WorkflowId("wf"),
    "spend",
    CustomerId("cus"),
    ContractId("con"),
    InvoiceId("inv"),
    Decimal(1500),
    "USD",
)
HOUR = timedelta(hours=1)
PAYER = Payer("cus_1", "pm_1")
FREE = Ledger()
TAKEN = Ledger(invoice_taken_by=WorkflowId("another"))


def intended(
    minor: int = 1500,
    *,
    currency: str = "USD",
    gateway: str = "main",
    approvals: frozenset[str] = frozenset(),
    was_sent: bool = False,
    is_resend: bool = False,
    at: datetime = NOON,
) -> Intended:
    workflow = Workflow(FACTS, State.READY, received_at=NOON, updated_at=NOON, approvals=approvals)
    return Intended(
        workflow, Money(minor, currency), gateway, PAYER, at, was_sent, is_resend=is_resend
    )


def usd(minor: int) -> dict[str, Money]:
    return {"USD": Money(minor, "USD")}


def test_no_rules_allow_everything() -> None:
    assert judge(intended(10**12), FREE, GuardRules()) == Allow()


def test_pause_defers_and_never_holds() -> None:
    verdict = judge(intended(), FREE, GuardRules(paused=True))

    assert verdict == Defer("charging is paused (guards.paused)")


def test_pause_of_one_gateway_leaves_the_others_alone() -> None:
    rules = GuardRules(paused_gateways=frozenset({"main"}))

    assert isinstance(judge(intended(gateway="main"), FREE, rules), Defer)
    assert judge(intended(gateway="spare"), FREE, rules) == Allow()


@pytest.mark.parametrize("was_sent", [False, True])
def test_invoice_is_not_paid_by_two_workflows(was_sent: bool) -> None:
    verdict = judge(intended(was_sent=was_sent), TAKEN, GuardRules(paused=True))

    assert isinstance(verdict, Hold)
    assert verdict.held_reason is HeldReason.INVOICE_ALREADY_PAID
    assert "another" in verdict.detail


@pytest.mark.parametrize(("currency", "held"), [("USD", False), ("EUR", True)])
def test_currency_that_is_not_listed_is_held(currency: str, held: bool) -> None:
    rules = GuardRules(currencies=frozenset({"USD"}))

    verdict = judge(intended(currency=currency), FREE, rules)

    assert isinstance(verdict, Hold) is held


@pytest.mark.parametrize(("minor", "held"), [(1500, False), (1501, True)])
def test_amount_above_the_largest_is_held_to_the_cent(minor: int, held: bool) -> None:
    verdict = judge(intended(minor), FREE, GuardRules(largest=usd(1500)))

    assert isinstance(verdict, Hold) is held
    if isinstance(verdict, Hold):
        assert verdict == Hold(HeldReason.GUARD, "15.01 USD is above guards.largest of 15.00 USD")


def test_largest_amount_of_another_currency_does_not_count() -> None:
    rules = GuardRules(largest=usd(1), approval_above=usd(1))

    assert judge(intended(currency="EUR"), FREE, rules) == Allow()


@pytest.mark.parametrize(
    ("minor", "approvals", "reason"),
    [
        (1500, frozenset(), None),
        (1501, frozenset(), HeldReason.APPROVAL),
        (1501, frozenset({"shadow", "restored"}), HeldReason.APPROVAL),
        (1501, frozenset({"amount"}), None),
    ],
)
def test_amount_above_the_limit_waits_for_its_approval(
    minor: int, approvals: frozenset[str], reason: HeldReason | None
) -> None:
    verdict = judge(
        intended(minor, approvals=approvals), FREE, GuardRules(approval_above=usd(1500))
    )

    assert (verdict.held_reason if isinstance(verdict, Hold) else None) is reason


def test_approval_of_the_amount_does_not_lift_the_largest() -> None:
    rules = GuardRules(largest=usd(1000), approval_above=usd(500))

    verdict = judge(intended(approvals=frozenset({Approval.AMOUNT})), FREE, rules)

    assert isinstance(verdict, Hold)
    assert verdict.held_reason is HeldReason.GUARD


@pytest.mark.parametrize(("approvals", "held"), [(set(), True), ({"shadow"}, False)])
def test_shadow_mode_charges_only_what_a_person_retried(approvals: set[str], held: bool) -> None:
    verdict = judge(intended(approvals=frozenset(approvals)), FREE, GuardRules(shadow=True))

    assert isinstance(verdict, Hold) is held


def test_shadow_speaks_last_so_that_it_shows_what_would_have_been_charged() -> None:
    rules = GuardRules(shadow=True, approval_above=usd(1))

    verdict = judge(intended(), FREE, rules)

    assert isinstance(verdict, Hold)
    assert verdict.held_reason is HeldReason.APPROVAL
    assert GUARDS[-1] is guards.not_in_shadow


def cap(minor: int) -> Cap:
    return Cap(Money(minor, "USD"), timedelta(days=1))


CAPPED = GuardRules(caps={"USD": cap(5000)})
TWO_AN_HOUR = GuardRules(velocity=Velocity(2, HOUR))
THREE_DECLINES = GuardRules(breaker_declines=3)


@pytest.mark.parametrize(("spent", "held"), [(3500, False), (3501, True)])
def test_customer_is_not_charged_above_the_cap_to_the_cent(spent: int, held: bool) -> None:
    verdict = judge(intended(1500), Ledger(spent_minor=spent), CAPPED)

    assert isinstance(verdict, Hold) is held
    if isinstance(verdict, Hold):
        assert verdict.held_reason is HeldReason.CAP
        assert verdict.detail == (
            "15.00 USD on top of 35.01 USD already charged, or on their way, is above guards.caps "
            "of 50.00 per 1d"
        )


def test_cap_of_another_currency_does_not_count() -> None:
    assert judge(intended(9999, currency="EUR"), Ledger(spent_minor=9999), CAPPED) == Allow()


def test_customer_who_cannot_be_counted_is_held_and_not_guessed() -> None:
    verdict = judge(intended(1), Ledger(too_many=True), CAPPED)

    assert isinstance(verdict, Hold)
    assert verdict.held_reason is HeldReason.CAP


def test_re_send_is_held_by_the_cap_too_because_its_money_moves_only_now() -> None:
    again = intended(1500, was_sent=True, is_resend=True)

    assert isinstance(judge(again, Ledger(spent_minor=4000), CAPPED), Hold)


def test_one_charge_too_many_waits_until_the_oldest_is_old_enough() -> None:
    sent = (NOON - timedelta(minutes=1), NOON - timedelta(minutes=20))

    verdict = judge(intended(), Ledger(charges=sent), TWO_AN_HOUR)

    assert isinstance(verdict, Defer)
    assert verdict.by is Deferral.VELOCITY
    assert verdict.until == NOON + timedelta(minutes=40, milliseconds=1)
    assert judge(intended(), Ledger(charges=sent[:1]), TWO_AN_HOUR) == Allow()


@pytest.mark.parametrize("rules", [TWO_AN_HOUR, THREE_DECLINES])
def test_re_send_is_no_further_charge(rules: GuardRules) -> None:
    ledger = Ledger(charges=(NOON, NOON), declines=3)

    assert isinstance(judge(intended(was_sent=True), ledger, rules), Defer)
    assert judge(intended(was_sent=True, is_resend=True), ledger, rules) == Allow()


def test_method_that_was_declined_again_and_again_is_left_alone() -> None:
    assert judge(intended(), Ledger(declines=2), THREE_DECLINES) == Allow()

    verdict = judge(intended(), Ledger(declines=3), THREE_DECLINES)

    assert isinstance(verdict, Defer)
    assert verdict.by is Deferral.BREAKER
    assert "pm_1 of cus_1 was declined 3 times in a row" in verdict.reason
    assert "give the payer another one" in verdict.reason


@pytest.mark.parametrize(
    ("waited", "looks_after"),
    [
        (timedelta(0), timedelta(minutes=1)),
        (timedelta(hours=-5), timedelta(minutes=1)),  # a clock that was set back
        (timedelta(hours=5), timedelta(minutes=30)),
        (timedelta(hours=23), timedelta(hours=1)),
    ],
)
def test_open_breaker_is_looked_at_ever_more_seldom(
    waited: timedelta, looks_after: timedelta
) -> None:
    charge = intended(at=NOON + waited)

    verdict = judge(charge, Ledger(declines=3), THREE_DECLINES)

    assert isinstance(verdict, Defer)
    assert verdict.until == charge.at + looks_after


def test_open_breaker_is_held_for_a_person_after_a_day() -> None:
    verdict = judge(intended(at=NOON + timedelta(days=1)), Ledger(declines=3), THREE_DECLINES)

    assert isinstance(verdict, Hold)
    assert verdict.held_reason is HeldReason.BREAKER


@pytest.mark.parametrize(
    ("approval", "rules"),
    [
        (Approval.CAP, CAPPED),
        (Approval.VELOCITY, TWO_AN_HOUR),
        (Approval.BREAKER, THREE_DECLINES),
    ],
)
def test_each_limit_is_lifted_by_its_own_approval_alone(
    approval: Approval, rules: GuardRules
) -> None:
    ledger = Ledger(spent_minor=9999, charges=(NOON, NOON), declines=3)
    others = frozenset(set(Approval) - {approval})

    assert judge(intended(approvals=frozenset({approval})), ledger, rules) == Allow()
    assert judge(intended(approvals=others), ledger, rules) != Allow()


def test_workflows_of_one_payment_method_wait_for_the_same_breaker() -> None:
    other = replace(intended(), payer=Payer("cus_1", "pm_2"))

    marks = {deferred_by(Deferral.BREAKER, charge) for charge in (intended(1), intended(2), other)}

    assert len(marks) == 2
    assert all(mark.startswith("breaker:") and "pm_" not in mark for mark in marks)
    assert deferred_by(Deferral.PAUSE, other) == "pause"


amounts = st.integers(1, 4)
limits = st.dictionaries(st.just("USD"), amounts.map(lambda minor: Money(minor, "USD")))
all_rules = st.builds(
    GuardRules,
    currencies=st.frozensets(st.sampled_from(["USD", "EUR"])),
    largest=limits,
    approval_above=limits,
    caps=st.dictionaries(st.just("USD"), amounts.map(cap)),
    velocity=st.none() | st.integers(1, 3).map(lambda charges: Velocity(charges, HOUR)),
    breaker_declines=st.integers(0, 3),
    paused=st.booleans(),
    paused_gateways=st.frozensets(st.sampled_from(["main", "spare"])),
    shadow=st.booleans(),
)
charges = st.builds(
    intended,
    amounts,
    currency=st.sampled_from(["USD", "EUR"]),
    gateway=st.sampled_from(["main", "spare"]),
    approvals=st.frozensets(st.sampled_from([approval.value for approval in Approval])),
    was_sent=st.booleans(),
    is_resend=st.booleans(),
    at=st.integers(0, 30).map(lambda hours: NOON + hours * HOUR),
)
ledgers = st.builds(
    Ledger,
    invoice_taken_by=st.none() | st.just(WorkflowId("another")),
    spent_minor=st.integers(0, 4),
    charges=st.lists(st.integers(0, 59), max_size=3).map(
        lambda minutes: tuple(NOON - timedelta(minutes=m) for m in sorted(minutes))
    ),
    too_many=st.booleans(),
    declines=st.integers(0, 3),
)


@given(charges, ledgers, all_rules)
def test_charge_is_allowed_only_when_no_guard_objects(
    charge: Intended, ledger: Ledger, rules: GuardRules
) -> None:
    spoken = [guard(charge, ledger, rules) for guard in GUARDS]
    objections = [verdict for verdict in spoken if not isinstance(verdict, Allow)]

    assert judge(charge, ledger, rules) == (objections[0] if objections else Allow())


@given(charges, ledgers, all_rules)
def test_breach_holds_or_defers_and_never_fails_a_customer(
    charge: Intended, ledger: Ledger, rules: GuardRules
) -> None:
    assert isinstance(judge(charge, ledger, rules), Allow | Defer | Hold)


@given(charges, ledgers, all_rules)
def test_emptier_rules_never_object_more(
    charge: Intended, ledger: Ledger, rules: GuardRules
) -> None:
    if judge(charge, ledger, rules) == Allow():
        for emptier in (
            replace(rules, currencies=frozenset()),
            replace(rules, largest={}),
            replace(rules, approval_above={}),
            replace(rules, caps={}),
            replace(rules, velocity=None),
            replace(rules, breaker_declines=0),
            replace(rules, paused_gateways=frozenset()),
        ):
            assert judge(charge, ledger, emptier) == Allow()


@given(charges, ledgers, all_rules)
def test_deferred_charge_is_looked_at_again_later_and_within_its_limit(
    charge: Intended, ledger: Ledger, rules: GuardRules
) -> None:
    verdict = judge(charge, ledger, rules)

    if isinstance(verdict, Defer) and verdict.until is not None:
        assert charge.at < verdict.until <= charge.at + HOUR + timedelta(milliseconds=1)


@given(charges, ledgers, all_rules)
def test_allowed_charges_of_one_customer_never_add_up_to_more_than_the_cap(
    charge: Intended, ledger: Ledger, rules: GuardRules
) -> None:
    limit = rules.caps.get(charge.amount.currency)
    if limit is None or Approval.CAP in charge.workflow.approvals:
        return
    if judge(charge, ledger, rules) == Allow():
        assert ledger.spent_minor + charge.amount.minor <= limit.amount.minor
        assert not ledger.too_many


@given(charges, all_rules)
def test_nothing_is_asked_for_that_no_rule_needs(charge: Intended, rules: GuardRules) -> None:
    asked = ask(charge, rules)

    limit = rules.caps.get(charge.amount.currency)
    assert asked.spent_since == (None if limit is None else charge.at - limit.per)
    velocity = rules.velocity
    assert asked.charges_since == (None if velocity is None else charge.at - velocity.per)
    assert (asked.payer is not None) == bool(rules.breaker_declines)
    emptied = replace(rules, caps={}, velocity=None, breaker_declines=0)
    assert ask(charge, emptied) == NOTHING_MORE


def refuse(_intended: Intended, _ledger: Ledger, _rules: GuardRules) -> GuardVerdict:
    return Refuse("never again")


@pytest.mark.parametrize(
    ("was_sent", "verdict"),
    [(False, Refuse("never again")), (True, Hold(HeldReason.GUARD, "never again"))],
)
def test_refusal_after_a_send_is_not_failed_while_money_may_be_taken(
    monkeypatch: pytest.MonkeyPatch, was_sent: bool, verdict: GuardVerdict
) -> None:
    monkeypatch.setattr(guards, "GUARDS", (*GUARDS, refuse))

    assert judge(intended(was_sent=was_sent), FREE, GuardRules()) == verdict
