"""One play for every move of the transition table: how it comes about in a real process.

A move is a pair of the table and who makes it. A new state, or a new actor, needs a play here the
day it is born: `test_every_move_has_a_play` says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from external_gate.domain.workflow import Actor, State
from tests.crashes.company import HOST_SECRET
from tests.crashes.launcher import DEFERRED_MINOR, DEFERRED_THEN_REFUSED_MINOR, REFUSED_MINOR
from tests.crashes.stage import Stage

Move = tuple[State, State, Actor]

_E, _P = Actor.ENGINE, Actor.PERSON
_S = State
DAY_AND_MORE = 25 * 3600


@dataclass(frozen=True)
class Play:
    """How one workflow goes its way, and where it ends when nobody dies."""

    name: str
    act: Callable[[Stage], None]
    ends: str
    """The state at the end, with the reason where it is `held`."""
    moves: frozenset[Move]
    """The moves for which it stands; it makes others on its way."""
    knobs: Mapping[str, object] = field(default_factory=dict, compare=False)
    """Of the service's configuration."""


PLAYS: dict[str, Play] = {}


def play(
    ends: str, *moves: Move, **knobs: object
) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Make a play of a function, named after it."""

    def add(act: Callable[[Stage], None]) -> Callable[[Stage], None]:
        name = act.__name__.replace("_", " ")
        PLAYS[name] = Play(name, act, ends, frozenset(moves), knobs)
        return act

    return add


@play(
    "released",
    (_S.RECEIVED, _S.READY, _E),
    (_S.READY, _S.CHARGING, _E),
    (_S.CHARGING, _S.PAID, _E),
    (_S.PAID, _S.RELEASED, _E),
)
def charged(stage: Stage) -> None:
    stage.begin("pm_ok")


@play("released", rushed=True)
def charged_in_a_rush(stage: Stage) -> None:
    """What Metronome delivers goes to the inbox first."""
    stage.begin("pm_ok")


@play("released")
def charged_by_a_host_without_keys(stage: Stage) -> None:
    """The one that forgives nothing: every repeat takes the money again."""
    stage.begin("pm_keyless", gateway="keyless")


@play("released")
def answer_lost_by_a_host_without_keys(stage: Stage) -> None:
    stage.company.host.misbehave("charge", "drop_after")
    stage.begin("pm_keyless", gateway="keyless")


@play("cancelled", (_S.CHARGING, _S.DECLINED, _E), (_S.DECLINED, _S.CANCELLED, _E))
def declined(stage: Stage) -> None:
    stage.begin("pm_decline_hard")


@play("cancelled", (_S.RECEIVED, _S.DECLINED, _E))
def refused_by_a_guard(stage: Stage) -> None:
    stage.begin(amount=str(REFUSED_MINOR))


@play("cancelled", (_S.READY, _S.DECLINED, _E))
def deferred_then_refused_by_a_guard(stage: Stage) -> None:
    stage.begin(amount=str(DEFERRED_THEN_REFUSED_MINOR))


@play("cancelled", (_S.RECEIVED, _S.HELD, _E), (_S.HELD, _S.DECLINED, _P))
def no_such_gateway_then_settled_as_failed(stage: Stage) -> None:
    stage.begin(gateway="nowhere")
    stage.until_been(_S.HELD)
    stage.act("settle failed")


@play("released", (_S.RECEIVED, _S.HELD, _P), (_S.HELD, _S.READY, _P))
def held_before_the_invoice_could_be_read(stage: Stage) -> None:
    stage.company.metronome.misbehave("invoice", "status", status=503, times=1000)
    stage.begin()
    stage.until_tries(5)
    stage.act("hold")
    stage.company.metronome.behave()
    stage.act("retry")


@play("released", (_S.READY, _S.HELD, _P))
def deferred_and_held(stage: Stage) -> None:
    stage.begin(amount=str(DEFERRED_MINOR))
    stage.until_been(_S.READY)
    stage.act("hold")
    stage.act("retry")


@play("held invoice_void", (_S.UNRESOLVED, _S.READY, _E), (_S.READY, _S.HELD, _E))
def voided_before_the_next_send(stage: Stage) -> None:
    stage.begin("pm_drop_before")
    stage.until_been(_S.UNRESOLVED)
    stage.void_invoice()


@play("released")
def request_lost(stage: Stage) -> None:
    stage.begin("pm_drop_before")


@play("released", (_S.CHARGING, _S.UNRESOLVED, _E), (_S.UNRESOLVED, _S.PAID, _E))
def answer_lost(stage: Stage) -> None:
    stage.begin("pm_drop_after")


@play("cancelled", (_S.UNRESOLVED, _S.DECLINED, _E))
def decline_lost(stage: Stage) -> None:
    stage.company.host.misbehave("charge", "drop_after")
    stage.begin("pm_decline_hard")


@play("released", (_S.UNRESOLVED, _S.PENDING, _E))
def pending_lost(stage: Stage) -> None:
    stage.company.host.misbehave("charge", "drop_after")
    stage.begin("pm_pending")
    stage.until_been(_S.PENDING)
    stage.finish("succeeded")


@play("released", (_S.UNRESOLVED, _S.HELD, _E), (_S.HELD, _S.PAID, _P))
def wrong_amount_found_then_settled_as_paid(stage: Stage) -> None:
    stage.company.host.misbehave("charge", "drop_after")
    stage.begin("pm_wrong_amount")
    stage.until_been(_S.HELD)
    stage.act("settle paid")


@play("released", (_S.UNRESOLVED, _S.HELD, _P), (_S.HELD, _S.UNRESOLVED, _P))
def held_while_unknown(stage: Stage) -> None:
    stage.company.host.misbehave("lookup", "error_before", times=1000)
    stage.begin("pm_drop_after")
    stage.until_been(_S.UNRESOLVED)
    stage.until_tries(5)
    stage.act("hold")
    stage.company.host.mend()
    stage.act("retry")


@play("held misconfigured", (_S.CHARGING, _S.HELD, _E))
def we_were_refused(stage: Stage) -> None:
    stage.begin("pm_rejected")


@play("cancelled", (_S.CHARGING, _S.READY, _E), retry='soft_decline_schedule = ["1s"]')
def soft_decline_tried_again(stage: Stage) -> None:
    stage.begin("pm_decline_soft")


@play("released", (_S.CHARGING, _S.PENDING, _E), (_S.PENDING, _S.PAID, _E))
def pending_then_paid(stage: Stage) -> None:
    stage.begin("pm_pending")
    stage.until_been(_S.PENDING)
    stage.finish("succeeded")


@play("released", secret=HOST_SECRET)
def told_by_the_gateway(stage: Stage) -> None:
    """The host has asked for a day of silence: if its notice is lost, nobody looks."""
    stage.begin("pm_pending_long")
    stage.until_told(_S.PENDING)
    stage.finish("succeeded")
    stage.until_told(_S.PAID)


@play("cancelled", (_S.PENDING, _S.DECLINED, _E))
def pending_then_declined(stage: Stage) -> None:
    stage.begin("pm_pending")
    stage.until_been(_S.PENDING)
    stage.finish("declined")


@play("cancelled", retry="pending_deadline_hours = 1")
def cancelled_at_the_deadline(stage: Stage) -> None:
    stage.begin("pm_pending")
    stage.until_been(_S.PENDING)
    stage.jump(2 * 3600)


@play("released", (_S.PENDING, _S.READY, _E), retry='soft_decline_schedule = ["1s"]')
def pending_then_soft_decline_tried_again(stage: Stage) -> None:
    stage.begin("pm_pending_soft")
    stage.until_been(_S.PENDING)
    stage.finish("declined")
    stage.until_charges(2)
    stage.finish("succeeded")


@play("cancelled", (_S.PENDING, _S.UNRESOLVED, _E))
def decline_found_too_early_to_be_believed(stage: Stage) -> None:
    stage.begin("pm_pending", gateway="forgetful")
    stage.until_been(_S.PENDING)
    stage.finish("declined")


@play(
    "cancelled",
    (_S.PENDING, _S.HELD, _E),
    (_S.HELD, _S.REFUNDING, _P),
    (_S.REFUNDING, _S.DECLINED, _E),
)
def wrong_amount_in_the_end_then_refunded(stage: Stage) -> None:
    stage.begin("pm_pending_wrong")
    stage.until_been(_S.PENDING)
    stage.finish("succeeded")
    stage.until_been(_S.HELD)
    stage.act("refund")


@play("released", (_S.PENDING, _S.HELD, _P), (_S.HELD, _S.PENDING, _P))
def held_while_pending(stage: Stage) -> None:
    stage.begin("pm_pending")
    stage.until_been(_S.PENDING)
    stage.act("hold")
    stage.act("retry")
    stage.finish("succeeded")


@play("refunded", (_S.PAID, _S.HELD, _E), (_S.REFUNDING, _S.REFUNDED, _E))
def expired_then_refunded(stage: Stage) -> None:
    stage.begin("pm_pending")
    stage.until_been(_S.PENDING)
    stage.expire(void_invoice=True)
    stage.finish("succeeded")
    stage.until_been(_S.HELD)
    stage.act("refund")


@play("refunded", (_S.PAID, _S.REFUNDING, _E), retry="refund_when_unreleasable = true")
def expired_and_refunded_unasked(stage: Stage) -> None:
    stage.begin("pm_pending")
    stage.until_been(_S.PENDING)
    stage.expire(void_invoice=True)
    stage.finish("succeeded")


@play("released", (_S.PAID, _S.HELD, _P))
def held_while_paid_is_owed(stage: Stage) -> None:
    stage.company.metronome.misbehave("release", "rate_limited", retry_after=3600)
    stage.begin()
    stage.until_answered_by_metronome()
    stage.act("hold")
    stage.act("retry")


@play("cancelled", (_S.DECLINED, _S.HELD, _P))
def held_while_failed_is_owed(stage: Stage) -> None:
    stage.company.metronome.misbehave("release", "rate_limited", retry_after=3600)
    stage.begin("pm_decline_hard")
    stage.until_answered_by_metronome()
    stage.act("hold")
    stage.act("retry")


@play("held release_refused", (_S.DECLINED, _S.HELD, _E))
def expired_before_failed_was_told(stage: Stage) -> None:
    stage.begin("pm_pending")
    stage.until_been(_S.PENDING)
    stage.expire(void_invoice=False)
    stage.finish("declined")


@play("held refund_refused", (_S.REFUNDING, _S.HELD, _E))
def refunded_too_late(stage: Stage) -> None:
    stage.company.metronome.misbehave("release", "rate_limited", retry_after=3600, times=2)
    stage.begin("pm_no_refund")
    stage.until_answered_by_metronome()
    stage.act("hold")
    stage.act("refund")
    stage.until_been(_S.REFUNDING)


@play("released", (_S.HELD, _S.PAID, _E))
def found_after_a_day(stage: Stage) -> None:
    stage.company.host.misbehave("lookup", "error_before", times=1000)
    stage.begin("pm_drop_after")
    stage.until_been(_S.UNRESOLVED)
    stage.jump(DAY_AND_MORE)
    stage.until_been(_S.HELD)
    stage.company.host.mend()
    stage.until_answered_twice()


@play("cancelled", (_S.HELD, _S.DECLINED, _E))
def found_declined_after_a_day(stage: Stage) -> None:
    stage.company.host.misbehave("charge", "drop_after")
    stage.company.host.misbehave("lookup", "error_before", times=1000)
    stage.begin("pm_decline_hard")
    stage.until_been(_S.UNRESOLVED)
    stage.jump(DAY_AND_MORE)
    stage.until_been(_S.HELD)
    stage.company.host.mend()
    stage.until_answered_twice()


@play("released", lease_seconds=4, timeout_seconds=3)
def hold_asked_for_while_the_charge_is_on_the_wire(stage: Stage) -> None:
    """The host hangs, so that the lease is renewed and the hold has to wait for the call's end."""
    stage.begin("pm_hang_after")
    stage.until_been(_S.CHARGING)
    stage.act("hold")
    stage.until_been(_S.HELD)
    stage.act("retry")


@play("released")
def stopped_in_mid_charge(stage: Stage) -> None:
    """The host is slow and an orchestrator stops the service: the charge ends, and is handed on."""
    stage.begin("pm_slow")
    stage.until_been(_S.CHARGING)
    stage.company.drain()


def _lied_to(stage: Stage) -> None:
    stage.company.host.misbehave("charge", "drop_after")
    stage.begin("pm_liar")


LIE = Play("lied to", _lied_to, "released", frozenset())
"""A host that breaks its word takes the money twice: no play of ours, but the sweep must see it."""
