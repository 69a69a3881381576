"""The columns: one way into every state, driven through the real engine.

After the first send the first worker is left waiting for its answer: a second one took over when
its lease had ended. So an answer that comes late is a real one, from a worker that lost its lease.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from external_gate.domain.charge import Charge
from external_gate.domain.identifiers import InvoiceId
from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Answer,
    Declined,
    DeclineKind,
    NotFound,
    Pending,
    Succeeded,
    Undone,
    Unknown,
)
from external_gate.domain.workflow import State, Verdict
from external_gate.engine.operations import Person
from external_gate.guards.rules import GuardRules
from external_gate.metronome.billing import ReleaseAnswer, ReleaseResult
from tests.states.bench import WF, Bench, answer_line

ALICE = Person("alice", "has looked at it")
INVOICE = InvoiceId(f"inv-{WF}")
CEILING = GuardRules(largest={"USD": Money(1, "USD")})


@dataclass(frozen=True)
class Situation:
    """A state, reached in one certain way."""

    name: str
    state: State
    how: str
    drive: Callable[[Bench], Awaitable[None]]


def succeeded(charge: Charge) -> Answer:
    return Succeeded("ch_1", charge.amount, str(charge.attempt_key))


def declined_soft(_charge: Charge) -> Answer:
    return Declined(DeclineKind.SOFT, "insufficient_funds")


def declined_hard(_charge: Charge) -> Answer:
    return Declined(DeclineKind.HARD, "card_lost")


def pending(_charge: Charge) -> Answer:
    return Pending("ch_1")


def absent(_charge: Charge) -> Answer:
    return NotFound(conclusive=True)


async def received(bench: Bench) -> None:
    await bench.receive()


async def ready(bench: Bench) -> None:
    await bench.receive()
    bench.rule(GuardRules(paused=True))
    await bench.settle_down()
    bench.rule(GuardRules())


async def charging(bench: Bench) -> None:
    await bench.receive()
    await bench.settle_down()


async def unresolved(bench: Bench) -> None:
    await charging(bench)
    await bench.go_on()


async def unresolved_early(bench: Bench) -> None:
    await charging(bench)
    await answer_line(bench.gateway.lines[-1], Unknown("timeout"))


async def ready_again(bench: Bench) -> None:
    await charging(bench)
    bench.gateway.finds.append(absent)
    await bench.go_on()


async def ready_after_decline(bench: Bench) -> None:
    bench.configure(soft_decline_schedule=(timedelta(hours=1),))
    await charging(bench)
    bench.gateway.finds.append(declined_soft)
    await bench.go_on()
    bench.configure(soft_decline_schedule=())


async def charging_again(bench: Bench) -> None:
    await ready_again(bench)
    await bench.go_on()


async def waiting(bench: Bench) -> None:
    await charging(bench)
    bench.gateway.finds.append(pending)
    await bench.go_on()


async def paid(bench: Bench) -> None:
    await charging(bench)
    bench.gateway.finds.append(succeeded)
    await bench.go_on()


async def paid_calling(bench: Bench) -> None:
    bench.billing.stays_on_the_wire = True
    await paid(bench)
    bench.billing.stays_on_the_wire = False


async def declined(bench: Bench) -> None:
    await charging(bench)
    bench.gateway.finds.append(declined_hard)
    await bench.go_on()


async def declined_calling(bench: Bench) -> None:
    bench.billing.stays_on_the_wire = True
    await declined(bench)
    bench.billing.stays_on_the_wire = False


async def held_unsent(bench: Bench) -> None:
    await bench.receive()
    bench.rule(CEILING)
    await bench.settle_down()
    bench.rule(GuardRules())


async def held_unknown(bench: Bench) -> None:
    await unresolved(bench)
    await bench.go_on(hours=25)


async def held_by_a_person(bench: Bench) -> None:
    await waiting(bench)
    await bench.operations.hold(WF, ALICE)


async def held_mismatch(bench: Bench) -> None:
    await charging(bench)
    bench.gateway.finds.append(lambda c: Succeeded("ch_1", Money(1, "USD"), str(c.attempt_key)))
    await bench.go_on()


async def held_after_paid(bench: Bench) -> None:
    await paid(bench)
    bench.billing.says.append(ReleaseAnswer(ReleaseResult.REFUSED, "404"))
    await bench.go_on()


async def held_after_declined(bench: Bench) -> None:
    await declined(bench)
    bench.billing.says.append(ReleaseAnswer(ReleaseResult.REFUSED, "404"))
    await bench.go_on()


async def refunding(bench: Bench) -> None:
    await held_after_paid(bench)
    await bench.operations.refund(WF, ALICE)
    await bench.settle_down()


async def released(bench: Bench) -> None:
    await paid_calling(bench)
    bench.billing.apply(WF, Verdict.PAID)
    await answer_line(bench.billing.lines.pop(), ReleaseAnswer(ReleaseResult.DONE))


async def cancelled(bench: Bench) -> None:
    await declined_calling(bench)
    bench.billing.apply(WF, Verdict.FAILED)
    await answer_line(bench.billing.lines.pop(), ReleaseAnswer(ReleaseResult.DONE))


async def refunded(bench: Bench) -> None:
    await refunding(bench)
    bench.billing.void(INVOICE)
    bench.gateway.undos.append(Undone())
    await bench.go_on()


async def restored(bench: Bench) -> None:
    await bench.receive()
    await bench.store.mark_restored(bench.clock.now())


async def restored_again(bench: Bench) -> None:
    await ready_again(bench)
    await bench.store.mark_restored(bench.clock.now())


_S = State
RECEIVED = Situation("received", _S.RECEIVED, "the notification was recorded", received)
READY = Situation("ready", _S.READY, "prepared, but charging was paused; now it is not", ready)
READY_AGAIN = Situation(
    "ready · re-send", _S.READY, "the gateway has conclusively not seen the first send", ready_again
)
READY_NEXT = Situation(
    "ready · next attempt",
    _S.READY,
    "a soft decline, and the schedule has another attempt",
    ready_after_decline,
)
CHARGING = Situation("charging", _S.CHARGING, "the first send is on the wire", charging)
CHARGING_AGAIN = Situation(
    "charging · re-send", _S.CHARGING, "the same attempt is on the wire once more", charging_again
)
UNRESOLVED = Situation(
    "unresolved", _S.UNRESOLVED, "taken over in mid-call; the first lookup told nothing", unresolved
)
UNRESOLVED_EARLY = Situation(
    "unresolved · just sent", _S.UNRESOLVED, "the charge was answered: unknown", unresolved_early
)
PENDING = Situation("pending", _S.PENDING, "a lookup says: not final yet", waiting)
PAID = Situation("paid", _S.PAID, "a lookup found the money; the release got no answer", paid)
PAID_CALLING = Situation(
    "paid · first call", _S.PAID, "the first release call is on the wire", paid_calling
)
DECLINED = Situation(
    "declined", _S.DECLINED, "a lookup found a decline; the release got no answer", declined
)
DECLINED_CALLING = Situation(
    "declined · first call", _S.DECLINED, "the first release call is on the wire", declined_calling
)
HELD_UNSENT = Situation(
    "held · never sent",
    _S.HELD,
    "a guard held it (`guard`); its limit was raised since",
    held_unsent,
)
HELD_UNKNOWN = Situation(
    "held · unknown", _S.HELD, "lookups told nothing for 24 h (`unknown_charge`)", held_unknown
)
HELD_BY_A_PERSON = Situation(
    "held · by a person", _S.HELD, "a person held a pending charge (`operator`)", held_by_a_person
)
HELD_MISMATCH = Situation(
    "held · mismatch", _S.HELD, "another amount was taken (`proof_mismatch`)", held_mismatch
)
HELD_PAID = Situation(
    "held · charged",
    _S.HELD,
    "`paid` was refused, nothing proven (`release_refused`)",
    held_after_paid,
)
HELD_DECLINED = Situation(
    "held · declined",
    _S.HELD,
    "`failed` was refused, nothing proven (`release_refused`)",
    held_after_declined,
)
REFUNDING = Situation(
    "refunding", _S.REFUNDING, "a person asked for the refund; no answer yet", refunding
)
RELEASED = Situation("released", _S.RELEASED, "Metronome took `paid`", released)
CANCELLED = Situation("cancelled", _S.CANCELLED, "Metronome took `failed`", cancelled)
REFUNDED = Situation(
    "refunded", _S.REFUNDED, "the refund was confirmed, the invoice is void", refunded
)
RESTORED = Situation("received · restored", _S.RECEIVED, "our database is an older copy", restored)
RESTORED_AGAIN = Situation(
    "re-send · restored",
    _S.READY,
    "a re-send is owed, our database is an older copy",
    restored_again,
)

EVERY_STATE = (
    RECEIVED, READY, READY_AGAIN, READY_NEXT, CHARGING, UNRESOLVED, PENDING, PAID, DECLINED,
    HELD_UNSENT, HELD_UNKNOWN, HELD_MISMATCH, HELD_PAID, HELD_DECLINED, REFUNDING,
    RELEASED, CANCELLED, REFUNDED,
)  # fmt: skip
"""Every state, the ones that differ in what is known more than once."""

SPECIAL = (
    CHARGING_AGAIN, UNRESOLVED_EARLY, PAID_CALLING, DECLINED_CALLING, HELD_BY_A_PERSON, RESTORED,
    RESTORED_AGAIN,
)  # fmt: skip
"""Shown only where they differ from the others."""
