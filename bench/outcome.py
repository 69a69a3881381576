"""What the rows of the table find out, and what a row is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.rounds import Rounds
from bench.samples import Figure, Range, Sample, range_of, ratios
from bench.verdicts import Finding, Target
from bench.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Absolute:
    """One contender's own figures: context only, they differ from hour to hour."""

    name: str
    per_second: Range
    p50_ms: Range | None
    p99_ms: Range | None


@dataclass(slots=True)
class Outcome:
    """What one row has found out so far."""

    findings: list[Finding] = field(default_factory=list)
    absolutes: list[Absolute] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    """Sentences for the report, such as what could not be measured."""
    broken: str = ""
    """Why the row came to nothing; empty when it did not."""

    def compare(
        self,
        over: Sequence[Sample],
        under: Sequence[Sample],
        *,
        figure: Figure,
        measured: str,
        against: str,
        target: Target | None,
        same: tuple[Sequence[Sample], Sequence[Sample]],
    ) -> None:
        """Add a ratio of two contenders of one race; `same` is its A/A pair."""
        finding = Finding(
            measured=measured,
            against=against,
            unit="×",
            rounds=ratios(over, under, figure),
            target=target,
            same=ratios(*same, figure),
        )
        self.findings.append(finding)

    def show(self, rounds: Rounds, *, where: str = "") -> None:
        """Add the absolute figures of a race."""
        for name, samples in rounds.items():
            absolute = Absolute(
                f"{name}{where}",
                range_of([sample.rate for sample in samples]),
                _over(samples, lambda sample: sample.p50_ms),
                _over(samples, lambda sample: sample.p99_ms),
            )
            self.absolutes.append(absolute)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    number: int
    title: str
    method: str
    """How it is measured, for the report."""
    measure: Callable[[Workshop, Outcome], None]
    """Adds to the outcome as it goes. Raises `Fault`; `Unmeasured` ends the row quietly."""
    limit: str = ""
    """What stands in the way of its targets, as its facts show; told when one is not met."""


def _over(samples: Sequence[Sample], figure: Figure) -> Range | None:
    if not all(sample.latencies_us for sample in samples):
        return None
    return range_of([figure(sample) for sample in samples])
