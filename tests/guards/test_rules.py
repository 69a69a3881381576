"""The rules before a charge: what each one holds, and what all of them together may never do."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import Allow, Defer, GuardVerdict, Hold, Ledger, Refuse
from external_gate.domain.money import Money
from external_gate.domain.workflow import Facts, HeldReason, State, Workflow
from external_gate.guards import rules as guards
from external_gate.guards.rules import GUARDS, Approval, GuardRules, Intended, judge

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


amounts = st.integers(1, 4)
limits = st.dictionaries(st.just("USD"), amounts.map(lambda minor: Money(minor, "USD")))
all_rules = st.builds(
    GuardRules,
    currencies=st.frozensets(st.sampled_from(["USD", "EUR"])),
    largest=limits,
    approval_above=limits,
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
)
ledgers = st.sampled_from([FREE, TAKEN])


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
            replace(rules, paused_gateways=frozenset()),
        ):
            assert judge(charge, ledger, emptier) == Allow()


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
