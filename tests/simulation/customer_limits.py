"""Worlds of few customers with caps, velocity and breakers; and the cap held against the truth."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from external_gate.domain.limits import Cap, Velocity
from external_gate.domain.money import Money
from tests.simulation.refusing_guard import WorldRules
from tests.simulation.troubles import CLOCK_AHEAD_AT_MOST
from tests.simulation.truth import Fate, Place, Try
from tests.simulation.world import World

PROMISE = "cap"

MARGIN = CLOCK_AHEAD_AT_MOST + timedelta(minutes=1)
"""A clock that is ahead lets charges leave the cap's time as much too early."""


def with_limits(world: World, rules: WorldRules) -> WorldRules:
    """Add limits: each world has a cap, and some have velocity and a breaker."""
    draw = world.chances.random
    per = timedelta(hours=draw.choice((1, 2, 8, 48)))
    cap = Cap(Money(draw.randint(20_000, 100_000), "USD"), per)
    velocity = Velocity(draw.randint(1, 3), timedelta(minutes=draw.choice((5, 60, 600))))
    return replace(
        rules,
        caps={"USD": cap},
        velocity=velocity if draw.random() < 0.4 else None,
        breaker_declines=draw.choice((0, 0, 1, 2, 3)),
    )


def judge_cap(world: World, cap: Cap, fates: Iterable[Fate]) -> None:
    """See that one customer's money, by when its requests left us, is never above the cap.

    Left aside: what a person approved or answers for, what a gateway took against its word, and all
    of it once restored books have forgotten charges.
    """
    if world.truth.was_restored:
        return
    counted = [
        one
        for fate in fates
        if not (fate.persons or fate.gateway_broke_its_word or _is_approved(world, fate))
        for one in fate.tries
        if one.place is Place.TAKEN
    ]
    window = (cap.per - MARGIN).total_seconds()
    for last in counted:
        spent = sum(one.amount.minor for one in counted if _is_within(one, last, window))
        about = f"{spent} within {cap.per} is above the cap of {cap}: {last.charge_id}"
        world.truth.must(PROMISE, spent <= cap.amount.minor, about)


def _is_within(one: Try, last: Try, window: float) -> bool:
    return last.left_at - window < one.left_at <= last.left_at


def _is_approved(world: World, fate: Fate) -> bool:
    row = world.database.reader.execute(
        "SELECT approvals FROM workflows WHERE workflow_id = ?", (fate.workflow_id,)
    ).fetchone()
    return row is not None and '"cap"' in row[0]
