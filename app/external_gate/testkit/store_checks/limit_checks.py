"""What guards are told of one customer's charges: what counts, and what does not."""

from dataclasses import replace
from typing import Any

from external_gate.domain.charge import Payer
from external_gate.domain.evidence import Attempt
from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import (
    NOTHING_MORE,
    Defer,
    Deferral,
    GuardVerdict,
    Ledger,
)
from external_gate.domain.money import Money
from external_gate.domain.outcome import NotSent, Succeeded, Unknown
from external_gate.domain.workflow import State, Verdict
from external_gate.stores.store import Store
from external_gate.stores.store_records import GuardSpoke
from external_gate.testkit.store_checks.limit_samples import (
    DECLINES,
    ELSEWHERE,
    MONEY,
    NONE,
    ONE,
    charge_declined,
    charge_ended,
    charge_sent,
    ledger_told,
    refund,
)
from external_gate.testkit.store_checks.shortfall import refused, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    DECLINE,
    PRICE,
    SUCCESS,
    W1,
    W2,
    W3,
    attempt,
    begun,
    change,
    claimed,
    evidence,
    key_of,
    later,
)

LIMITS = Area(
    "limits",
    cure="Read what `Change.asked` asks for in the transaction that saves, after it has locked the "
    "customer, and count as the docstring of `Ledger` says.",
)
"""Caps, velocity and breakers are told the truth about a customer."""


@LIMITS.check()
async def customer_without_charges_has_spent_nothing(store: Store) -> None:
    same(await ledger_told(store, MONEY), NONE)


@LIMITS.check()
async def charge_on_the_wire_counts_at_its_latest_send(store: Store) -> None:
    await charge_sent(store)

    same(await ledger_told(store, MONEY), ONE)


@LIMITS.check(cases=(State.UNRESOLVED, State.PENDING, State.HELD, State.READY))
async def charge_counts_while_its_money_may_be_taken(store: Store, state: State) -> None:
    dossier = await charge_sent(store)
    lost = ((key_of(W2), evidence(Unknown("timeout"), at=later(1))),)
    await store.save(change(dossier, state, evidence=lost))

    same(await ledger_told(store, MONEY), ONE)


@LIMITS.check()
async def charge_counts_when_its_money_was_taken(store: Store) -> None:
    await charge_ended(store, await charge_sent(store), State.PAID, SUCCESS)

    same(await ledger_told(store, MONEY), ONE)


@LIMITS.check()
async def charge_counts_when_a_person_settled_it_as_paid(store: Store) -> None:
    dossier = await charge_sent(store)
    held = await store.save(change(dossier, State.HELD))
    settled = replace(held.workflow, state=State.PAID, held_reason=None, verdict=Verdict.PAID)
    await store.save(change(held, State.PAID, after=settled))

    same(await ledger_told(store, MONEY), ONE)


@LIMITS.check()
async def charge_that_is_dead_does_not_count(store: Store) -> None:
    await charge_declined(store, W2, 10)

    same(await ledger_told(store, MONEY), NONE)


@LIMITS.check()
async def money_that_was_taken_although_the_charge_was_dead_counts(store: Store) -> None:
    await charge_declined(store, W2, 10)
    await store.append_evidence(key_of(W2), [SUCCESS])  # the truth came late

    same(await ledger_told(store, MONEY), ONE)


@LIMITS.check()
async def soft_decline_of_a_workflow_that_then_paid_does_not_count(store: Store) -> None:
    dossier = await charge_sent(store)
    (first,) = dossier.attempts
    again = await store.save(
        change(
            dossier,
            State.READY,
            attempts=(replace(first, closed=True),),
            evidence=((key_of(W2), DECLINE),),
        )
    )
    second: Attempt = attempt(W2, 2, send_deadline=later(20))
    sent = await store.save(change(again, State.CHARGING, attempts=(second,)))
    paid = ((key_of(W2, 2), evidence(Succeeded("ch_2", PRICE), at=later(2))),)
    await store.save(change(sent, State.PAID, evidence=paid))

    same(await ledger_told(store, MONEY), Ledger(spent_minor=PRICE.minor, charges=(later(20),)))


@LIMITS.check(cases=(State.REFUNDED, State.DECLINED))
async def money_that_was_given_back_does_not_count(store: Store, end: State) -> None:
    paid = await charge_ended(store, await charge_sent(store), State.PAID, SUCCESS)
    asked = await store.save(change(await claimed(store, W2), State.REFUNDING))
    verdict = Verdict.FAILED if end is State.DECLINED else paid.workflow.verdict
    after = replace(asked.workflow, state=end, verdict=verdict)
    back = ((key_of(W2), refund()),)
    await store.save(change(asked, end, after=after, evidence=back))

    same(await ledger_told(store, MONEY), NONE)


@LIMITS.check()
async def charges_of_other_customers_do_not_count(store: Store) -> None:
    await charge_sent(store, W2, customer=ELSEWHERE)

    same(await ledger_told(store, MONEY), NONE)


@LIMITS.check()
async def charge_in_another_currency_is_a_charge_and_no_money(store: Store) -> None:
    await charge_sent(store, W2, amount=Money(99, "EUR"))

    same(await ledger_told(store, MONEY), Ledger(charges=(later(10),)))


@LIMITS.check(
    cases=(
        ({"charges_since": later(10.001)}, replace(ONE, charges=())),
        ({"spent_since": later(10.001)}, replace(ONE, spent_minor=0)),
    )
)
async def charge_of_before_the_time_asked_for_does_not_count(
    store: Store, other: dict[str, Any], told: Ledger
) -> None:
    await charge_sent(store)
    since = {"spent_since": later(10), "charges_since": later(10)} | other

    same(await ledger_told(store, replace(MONEY, **since)), told)


@LIMITS.check()
async def own_charge_does_not_count(store: Store) -> None:
    dossier = await charge_sent(store, W1)
    heard: list[Ledger] = []

    def judge(ledger: Ledger) -> GuardVerdict:
        heard.append(ledger)
        return Defer("asked")

    with refused(GuardSpoke):
        await store.save(change(dossier, State.READY, judge=judge, asked=MONEY))
    same(heard, [NONE])


@LIMITS.check()
async def newest_charges_come_first_and_no_more_than_asked_for(store: Store) -> None:
    for number, workflow_id in enumerate((W3, W2, WorkflowId("workflow-4"))):
        await charge_sent(store, workflow_id, send_deadline=later(10 + number))

    told = await ledger_told(store, replace(MONEY, charges=2))

    same(told, Ledger(spent_minor=3 * PRICE.minor, charges=(later(12), later(11))))


@LIMITS.check()
async def nothing_is_told_that_was_not_asked_for(store: Store) -> None:
    await charge_declined(store, W2, 10)
    await charge_sent(store, W3)

    same(await ledger_told(store, NOTHING_MORE), NONE)


@LIMITS.check()
async def declines_of_a_payment_method_are_counted_since_it_last_paid(store: Store) -> None:
    await charge_declined(store, WorkflowId("w-1"), 1)
    paid = await charge_sent(store, WorkflowId("w-2"), send_deadline=later(2))
    success = evidence(Succeeded("ch_w-2", PRICE), at=later(2))
    await charge_ended(store, paid, State.PAID, success)
    await charge_declined(store, WorkflowId("w-3"), 3)
    await charge_declined(store, WorkflowId("w-4"), 4)

    same(await ledger_told(store, DECLINES), Ledger(declines=2))


@LIMITS.check()
async def declines_are_counted_up_to_the_number_asked_for(store: Store) -> None:
    for number in (1, 2, 3):
        await charge_declined(store, WorkflowId(f"w-{number}"), number)

    same(await ledger_told(store, replace(DECLINES, declines=2)), Ledger(declines=2))


@LIMITS.check()
async def declines_of_another_method_gateway_or_customer_do_not_count(store: Store) -> None:
    await charge_declined(store, WorkflowId("w-1"), 1, payer=Payer("cus_1", "pm_2"))
    await charge_declined(store, WorkflowId("w-2"), 2, payer=Payer("cus_2", "pm_1"))
    await charge_declined(store, WorkflowId("w-3"), 3, gateway="second")
    await charge_declined(store, WorkflowId("w-4"), 4, customer=ELSEWHERE)

    same(await ledger_told(store, DECLINES), NONE)


@LIMITS.check()
async def charge_without_an_end_is_no_decline_and_ends_no_row_of_them(store: Store) -> None:
    await charge_declined(store, WorkflowId("w-1"), 1)
    await charge_sent(store, WorkflowId("w-2"), send_deadline=later(2))
    unsent = await charge_sent(store, WorkflowId("w-3"), send_deadline=later(3))
    left = ((key_of(WorkflowId("w-3")), evidence(NotSent("refused"), at=later(3))),)
    await store.save(change(unsent, State.READY, evidence=left))
    turning = await charge_sent(store, WorkflowId("w-4"), send_deadline=later(4))
    may_turn = ((key_of(WorkflowId("w-4")), DECLINE),)
    await store.save(change(turning, State.PENDING, evidence=may_turn))

    same(await ledger_told(store, DECLINES), Ledger(declines=1))


@LIMITS.check(
    cure="Count `deferred_by` of unfinished workflows in `counts`, by what it begins with."
)
async def what_guards_let_wait_is_counted(store: Store) -> None:
    waiting = {
        "a": "pause",
        "p": "pause",
        "b": "breaker:1",
        "c": "breaker:1",
        "d": "breaker:2",
        "e": "",
    }
    for name, deferred_by in waiting.items():
        await begun(store, WorkflowId(name))
        dossier = await claimed(store, WorkflowId(name))
        after = replace(dossier.workflow, state=State.READY, deferred_by=deferred_by)
        saved = await store.save(change(dossier, State.READY, after=after))
        same(saved.workflow.deferred_by, deferred_by)
    held = change(await claimed(store, WorkflowId("d"), now=later(60)), State.HELD)
    await store.save(held)
    # The version before knows nothing of what is waited for, and leaves it when it charges.
    left = change(await claimed(store, WorkflowId("a"), now=later(60)), State.CHARGING)
    await store.save(replace(left, after=replace(left.after, deferred_by="breaker:3")))

    counts = await store.counts()

    same(counts.deferred, {Deferral.PAUSE: 1, Deferral.BREAKER: 2})
    same(counts.breakers_open, 2)
