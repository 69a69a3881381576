"""What settings mean for the guards, the engine, the aftercare, the intake and its retention."""

from datetime import timedelta

from external_gate.domain.aftermath import FailureKind
from external_gate.engine.context import Policy
from external_gate.guards.rules import GuardRules
from external_gate.intake.signature import AgeLimits
from external_gate.outbound.calls import Timeouts
from external_gate.settings import Settings
from external_gate.thresholds.aftercare_policy import AftercarePolicy


def make_rules(settings: Settings) -> GuardRules:
    """Give the guards' rules."""
    guards = settings.guards
    return GuardRules(
        currencies=frozenset(guards.currencies),
        largest=guards.largest,
        approval_above=guards.approval_above,
        caps=guards.caps,
        velocity=guards.velocity,
        breaker_declines=guards.breaker_declines,
        paused=guards.paused,
        paused_gateways=frozenset(guards.paused_gateways),
        shadow=guards.shadow,
    )


def make_policy(settings: Settings) -> Policy:
    """Give the engine's policy."""
    return Policy(
        default_gateway=settings.routing.default,
        verify_invoice=settings.metronome.verify_invoice,
        unverified_unit=settings.metronome.unverified_unit,
        unit_overrides=settings.metronome.units,
        soft_decline_schedule=settings.retry.soft_decline_schedule,
        pending_deadline=timedelta(hours=settings.retry.pending_deadline_hours),
        refund_when_unreleasable=settings.retry.refund_when_unreleasable,
        second_person=settings.operators.second_person,
    )


def make_aftercare_policy(settings: Settings) -> AftercarePolicy:
    """Give what is done after failed payments."""
    knobs = settings.after_failed
    return AftercarePolicy(
        ways={
            FailureKind.SOFT: knobs.soft,
            FailureKind.HARD: knobs.hard,
            FailureKind.CUSTOMER_ACTION: knobs.customer_action,
            FailureKind.NO_DECLINE: knobs.no_decline,
        },
        schedule=knobs.schedule,
        limit=knobs.limit,
        payer_poll=timedelta(seconds=knobs.payer_poll_seconds),
    )


def make_age_limits(settings: Settings) -> AgeLimits:
    """Give which notifications are acted on, kept and refused, by their signed date."""
    knobs = settings.metronome
    return AgeLimits(
        future=timedelta(minutes=knobs.future_limit_minutes),
        act=timedelta(hours=knobs.act_limit_hours),
        keep=timedelta(hours=knobs.keep_limit_hours),
    )


def keep_others(settings: Settings) -> timedelta:
    """Give how long other notifications are kept: a late repetition must be known as one."""
    knobs = settings.metronome
    return timedelta(hours=max(knobs.keep_others_hours, knobs.keep_limit_hours))


def metronome_timeouts(settings: Settings) -> Timeouts:
    """Give how long each part of a call to Metronome may take."""
    knobs = settings.metronome
    return Timeouts(
        connect=timedelta(seconds=knobs.connect_timeout_seconds),
        read=timedelta(seconds=knobs.read_timeout_seconds),
        write=timedelta(seconds=knobs.read_timeout_seconds),
        pool=timedelta(seconds=knobs.connect_timeout_seconds),
        total=timedelta(seconds=knobs.total_timeout_seconds),
    )
