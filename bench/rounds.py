"""Interleaved rounds: every contender takes its turns beside all the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from bench.plan import Plan
from bench.samples import Sample, merged

Measure = Callable[[float], Sample]
"""Measures one turn of about so many seconds."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who is measured."""

    name: str
    measure: Measure


Rounds = dict[str, list[Sample]]
"""Per contender one sample per round, in the order of the rounds."""


def race(contenders: Sequence[Contender], plan: Plan, *, tell: Callable[[str], None]) -> Rounds:
    """Measure all contenders in interleaved rounds, after a warm-up that is not counted."""
    # Reproducible turns, and others for every comparison of a run.
    turns = Random(f"{plan.seed} {[contender.name for contender in contenders]}")  # noqa: S311
    for contender in contenders:
        tell(f"warm-up: {contender.name}")
        contender.measure(plan.warm_up_seconds)
    rounds: Rounds = {contender.name: [] for contender in contenders}
    for number in range(1, plan.rounds + 1):
        tell(f"round {number} of {plan.rounds}")
        for name, sample in _one_round(contenders, plan, turns).items():
            rounds[name].append(sample)
    return rounds


def _one_round(contenders: Sequence[Contender], plan: Plan, turns: Random) -> dict[str, Sample]:
    slices: Rounds = {contender.name: [] for contender in contenders}
    for _ in range(plan.slices):
        for contender in turns.sample(contenders, len(contenders)):
            slices[contender.name].append(contender.measure(plan.slice_seconds))
    return {name: merged(samples) for name, samples in slices.items()}
