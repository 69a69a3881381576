"""What guards, time and people do: the other rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from external_gate.domain.errors import Refused
from external_gate.domain.ledger import Allow, GuardVerdict, Ledger, Refuse
from external_gate.domain.limits import Cap, Velocity
from external_gate.domain.money import Money
from external_gate.domain.outcome import NotSent, Unknown
from external_gate.domain.workflow import State, Verdict
from external_gate.engine.operations import Person
from external_gate.guards import rules as guards
from external_gate.guards.rules import GuardRules, Intended
from tests.engine.world import LEASE
from tests.states.bench import WF, Bench, Impossible
from tests.states.gateway_events import Event, Rows, said, taken_over
from tests.states.metronome_events import notification
from tests.states.situations import ALICE, CEILING, absent, declined_hard

BOB = Person("bob", "has looked as well")
FLOOR = {"USD": Money(1, "USD")}
CAP = {"USD": Cap(Money(1, "USD"), timedelta(days=1))}


@contextmanager
def one_more_guard(bench: Bench, verdict: GuardVerdict) -> Iterator[list[Intended]]:
    """Ask one more guard, before the others; gives what it was asked about.

    It speaks to one bench only: others run beside it.
    """
    bench.rule(replace(bench.engine.rules))
    rules = bench.engine.rules
    asked: list[Intended] = []

    def guard(intended: Intended, _ledger: Ledger, asked_for: GuardRules) -> GuardVerdict:
        if asked_for is not rules or intended.workflow.workflow_id != WF:
            return Allow()
        asked.append(intended)
        return verdict

    guards.GUARDS = (guard, *guards.GUARDS)
    try:
        yield asked
    finally:
        guards.GUARDS = tuple(known for known in guards.GUARDS if known is not guard)


def guarded(rules: GuardRules, verdict: GuardVerdict | None = None) -> Event:
    """Let the guards judge the next send under these rules."""

    async def event(bench: Bench) -> None:
        bench.rule(rules)
        with one_more_guard(bench, verdict or Allow()) as asked:
            await bench.go_on()
        if not asked:
            raise Impossible("nothing is about to be sent")

    return event


async def _another_is_told(bench: Bench, **facts: str) -> None:
    """Another workflow of the same customer is told, and worked on."""
    now = bench.clock.now()
    aside = (await bench.store.acquire(WF, owner="aside", now=now, lease=LEASE)).workflow
    await bench.receive("other", **facts)
    await bench.settle_down("another")
    await bench.store.give_back([(WF, aside.fence)], due_at=aside.due_at)


async def too_many_charges(bench: Bench) -> None:
    """Another charge of the customer is on the wire, and one an hour is allowed."""
    await _another_is_told(bench)
    await guarded(GuardRules(velocity=Velocity(1, timedelta(hours=1))))(bench)


async def method_declined(bench: Bench) -> None:
    """The payment method was declined for another workflow, and once is enough."""
    bench.gateway.says.appendleft(declined_hard)
    await _another_is_told(bench)
    await guarded(GuardRules(breaker_declines=1))(bench)


async def invoice_taken(bench: Bench) -> None:
    """Another workflow of the same invoice has a charge on the wire."""
    await _another_is_told(bench, invoice_id=f"inv-{WF}")
    if await bench.state("other") is not State.CHARGING:
        raise Impossible("it is the other one that is held")
    with one_more_guard(bench, Allow()) as asked:
        await bench.go_on()
    if not asked:
        raise Impossible("nothing is about to be sent")


GUARDS: Rows = (
    ("Allow", guarded(GuardRules())),
    ("Defer: charging is paused", guarded(GuardRules(paused=True))),
    ("Defer: its gateway is paused", guarded(GuardRules(paused_gateways=frozenset({"main"})))),
    ("Defer: as many charges as the velocity allows", too_many_charges),
    ("Defer: the payment method was declined too often", method_declined),
    ("Hold: currency not on the list", guarded(GuardRules(currencies=frozenset({"EUR"})))),
    ("Hold: above the largest amount", guarded(CEILING)),
    ("Hold: needs approval", guarded(GuardRules(approval_above=FLOOR))),
    ("Hold: above the customer's cap", guarded(GuardRules(caps=CAP))),
    ("Hold: shadow mode", guarded(GuardRules(shadow=True))),
    ("Hold: the invoice has another workflow's charge", invoice_taken),
    ("Refuse", guarded(GuardRules(), Refuse("never"))),
)


async def due(bench: Bench) -> None:
    """The next look is due, and nobody tells anything."""
    if (await bench.workflow()).due_at is None:
        raise Impossible("nothing is ever due")
    await bench.go_on()


async def a_day(bench: Bench) -> None:
    await due(bench)
    await bench.go_on(hours=25)


async def a_day_not_sent(bench: Bench) -> None:
    """For a day no send leaves this machine."""
    sent = bench.gateway.charges_sent()
    bench.gateway.always_says = said(NotSent("connection refused"))
    await a_day(bench)
    if bench.gateway.charges_sent() == sent:
        raise Impossible("nothing is sent")


async def ten_resends(bench: Bench) -> None:
    """No send is answered, and each time the gateway has not seen it."""
    sent = bench.gateway.charges_sent()
    bench.gateway.always_says = said(Unknown("timeout"))
    bench.gateway.always_finds = absent
    for _ in range(60):
        workflow = await bench.workflow()
        if workflow.state not in {State.RECEIVED, State.READY, State.CHARGING, State.UNRESOLVED}:
            break
        await bench.go_on(seconds=30)
    if bench.gateway.charges_sent() == sent:
        raise Impossible("nothing is sent")


async def window_over(bench: Bench) -> None:
    """Half the gateway's window passes; the gateway has conclusively not seen the charge."""
    bench.can(window=timedelta(hours=2))
    bench.gateway.always_finds = absent
    if (await bench.workflow()).due_at is None:
        raise Impossible("nothing is ever due")
    if (await bench.workflow()).state is State.CHARGING:
        await bench.go_on()
    bench.clock.advance(minutes=61)
    await bench.settle_down("next")


async def restored(bench: Bench) -> None:
    """Our database turns out to be an older copy; lookups tell nothing."""
    if not await bench.store.mark_restored(bench.clock.now()):
        raise Impossible("it has ended")
    await due(bench)


TIME: Rows = (
    ("whoever has it claimed is lost; another worker takes over", taken_over),
    ("due; nobody tells anything", due),
    ("… for 24 h", a_day),
    ("nothing leaves this machine for 24 h", a_day_not_sent),
    ("ten re-sends: none answered, none seen by the gateway", ten_resends),
    ("half the key's window is over, the gateway has not seen it", window_over),
    ("the database is an older copy; lookups tell nothing", restored),
)


async def retry(bench: Bench) -> None:
    await bench.operations.retry(WF, ALICE)


async def retry_unknown(bench: Bench) -> None:
    await bench.operations.retry(WF, ALICE, accept_unknown=True)


async def approve(bench: Bench) -> None:
    await bench.operations.approve(WF, ALICE)


async def hold(bench: Bench) -> None:
    await bench.operations.hold(WF, ALICE)


async def hold_while_claimed(bench: Bench) -> None:
    """A worker is at it; the hold takes effect when the next save or claim sees it."""
    if (await bench.workflow()).state is not State.CHARGING and not bench.billing.lines:
        now = bench.clock.now()
        await bench.store.acquire(WF, owner="busy", now=now, lease=LEASE)
    await bench.operations.hold(WF, ALICE)
    bench.clock.advance(seconds=61)
    await bench.settle_down("next")


def settle(verdict: Verdict, *people: Person, accept_unknown: bool = False) -> Event:
    """Let people settle one after the other; several where a second person is wanted."""

    async def event(bench: Bench) -> None:
        bench.configure(second_person=len(people) > 1)
        for number, person in enumerate(people):
            if number and (await bench.workflow()).state is not State.HELD:
                break
            await bench.operations.settle(
                WF, verdict, person, evidence="a statement", accept_unknown=accept_unknown
            )

    return event


async def settle_alone(bench: Bench) -> None:
    """One person settles where two are wanted."""
    bench.configure(second_person=True)
    await bench.operations.settle(
        WF, Verdict.PAID, ALICE, evidence="a statement", accept_unknown=True
    )


async def refund(bench: Bench) -> None:
    await bench.operations.refund(WF, ALICE)


async def refund_by_hand(bench: Bench) -> None:
    await bench.operations.refund_by_hand(WF, ALICE, evidence="refund re_1")


P, F = Verdict.PAID, Verdict.FAILED
ACTS: Rows = (
    ("`retry`", retry),
    ("`retry --accept-unknown`", retry_unknown),
    ("`approve`", approve),
    ("`hold`", hold),
    ("`settle paid`", settle(P, ALICE)),
    ("`settle failed`", settle(F, ALICE)),
    ("`settle paid --accept-unknown`", settle(P, ALICE, accept_unknown=True)),
    ("`settle failed --accept-unknown`", settle(F, ALICE, accept_unknown=True)),
    ("`refund`", refund),
    ("`refund --by-hand`", refund_by_hand),
)
PEOPLE: Rows = (
    *ACTS,
    ("`hold` while a worker has it, and then its lease ends", hold_while_claimed),
    ("`settle paid --accept-unknown`, two wanted, one came", settle_alone),
    ("… and another one agrees", settle(P, ALICE, BOB, accept_unknown=True)),
)


async def refused_or_held(bench: Bench) -> None:
    """Ask for a hold while a call is on the wire."""
    try:
        await bench.operations.hold(WF, ALICE)
    except Refused as error:
        raise Impossible(str(error)) from error


async def mark_restored(bench: Bench) -> None:
    await bench.store.mark_restored(bench.clock.now())


BEFORE_THE_ANSWER: Sequence[tuple[str, Event]] = (
    ("`hold`", refused_or_held),
    ("the same workflow with another total", notification(total="1600")),
    ("the database is found to be an older copy", mark_restored),
)
