"""Whether a target is met, and whether the run can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.samples import Range, range_of

GROSS = 3.0
"""A figure that is worse than it was by this factor, in every round, is no noise."""


class Verdict(StrEnum):
    """What a comparison says about its target."""

    MET = "met"
    MISSED = "missed"
    NOT_RESOLVED = "not resolved"
    NO_TARGET = "–"


@dataclass(frozen=True, slots=True)
class Target:
    """A bound that a figure must keep."""

    bound: float
    is_floor: bool

    def holds_for(self, value: float) -> bool:
        """Tell whether a value keeps the bound; the bound itself does."""
        return value >= self.bound if self.is_floor else value <= self.bound


def at_least(bound: float) -> Target:
    """Give a floor."""
    return Target(bound, is_floor=True)


def at_most(bound: float) -> Target:
    """Give a ceiling."""
    return Target(bound, is_floor=False)


def spread(same: Sequence[float]) -> float:
    """Give the factor, 1 or more, by which a server differed at most from itself."""
    return max((max(ratio, 1 / ratio) for ratio in same), default=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the table: a figure per round, and what it must reach."""

    measured: str
    against: str
    unit: str
    """`×` for ratios; else the unit of an absolute figure."""
    rounds: tuple[float, ...]
    target: Target | None
    same: tuple[float, ...] = ()
    """The A/A pair: the ratio of a server to itself in the same rounds. Empty for exact counts."""

    @property
    def range(self) -> Range:
        """Median, least and greatest over the rounds."""
        return range_of(self.rounds)

    @property
    def verdict(self) -> Verdict:
        """What the median says, unless the target lies within the A/A spread around it.

        Where there is no pair, the rounds have to agree.
        """
        if self.target is None:
            return Verdict.NO_TARGET
        median, factor = self.range.median, spread(self.same)
        if median / factor < self.target.bound < median * factor:
            return Verdict.NOT_RESOLVED
        if not self.same and len({self.target.holds_for(each) for each in self.rounds}) > 1:
            return Verdict.NOT_RESOLVED
        return Verdict.MET if self.target.holds_for(median) else Verdict.MISSED

    @property
    def is_open(self) -> bool:
        """Tell whether it has a target that it was not seen to meet."""
        return self.verdict in {Verdict.MISSED, Verdict.NOT_RESOLVED}
