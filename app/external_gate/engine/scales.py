"""What a decision about an attempt rests on: evidence folded, and what its gateway allows. Pure."""

from dataclasses import dataclass
from random import Random

from external_gate.domain.charge import Capabilities, Idempotency
from external_gate.domain.evidence import Attempt
from external_gate.domain.standing import Standing, Untouched, WeWereRefused, standing_of
from external_gate.engine import retry
from external_gate.engine.context import Engine, Policy
from external_gate.engine.draft import Draft


@dataclass(frozen=True, slots=True)
class Scales:
    """What a decision rests on beside the evidence."""

    capabilities: Capabilities
    policy: Policy
    random: Random
    standing: Standing
    can_resend: bool
    """Whether the same attempt may be sent again: idempotency, window and number of sends."""
    can_ask: bool
    """Whether anything is left that could tell what became of the charge."""


def standing_in(engine: Engine, draft: Draft, attempt: Attempt) -> Standing:
    """Fold an attempt's evidence under its gateway's capabilities, at the draft's instant."""
    return standing_of(
        attempt,
        engine.capabilities(attempt.gateway),
        now=draft.now,
        sends_uncertain=draft.after.restored_at is not None,
    )


def may_have_forgotten(draft: Draft) -> bool:
    """Tell whether restored books may lack a send, because nobody has asked the gateways yet.

    They are asked before every send; so what was sent since the restore was asked about.
    """
    restored_at = draft.after.restored_at
    sent = [attempt.send_deadline for attempt in draft.attempts if attempt.send_deadline]
    return restored_at is not None and not any(deadline > restored_at for deadline in sent)


def may_resend(engine: Engine, draft: Draft, attempt: Attempt) -> bool:
    """Tell whether the rules allow the same attempt on the wire once more."""
    if attempt.first_sent_at is None:
        return True
    capabilities = engine.capabilities(attempt.gateway)
    if isinstance(standing_in(engine, draft, attempt), Untouched | WeWereRefused):
        return True
    latest = engine.high_water.latest(draft.now)
    return (
        capabilities.idempotency is not Idempotency.NONE
        and latest - attempt.first_sent_at < capabilities.usable_window
        and attempt.sends <= retry.MOST_RESENDS
    )
