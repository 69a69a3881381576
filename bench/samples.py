"""What one turn of a contender gave, and what several of them give together."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """What was done in a stretch of time."""

    count: int
    seconds: float
    latencies_us: Sequence[int] = ()
    """Of each of what was counted, in any order; empty where nobody waits for an answer."""

    @property
    def rate(self) -> float:
        """How much was done per second."""
        return self.count / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float) -> float:
        """Give the latency that `share` of all answers did not exceed, in milliseconds."""
        ordered = sorted(self.latencies_us)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1_000

    @property
    def p50_ms(self) -> float:
        """Half of the answers came within this."""
        return self.percentile_ms(0.5)

    @property
    def p99_ms(self) -> float:
        """All answers but one in a hundred came within this."""
        return self.percentile_ms(0.99)


Figure = Callable[[Sample], float]
"""What is compared of two samples, such as `rate_of`."""


def rate_of(sample: Sample) -> float:
    """Give a sample's rate, as a figure to compare."""
    return sample.rate


def cost_of(sample: Sample) -> float:
    """Give the microseconds that each of what was done took, as a figure to compare."""
    return sample.seconds * MICROSECONDS / sample.count


def p99_of(sample: Sample) -> float:
    """Give a sample's p99, as a figure to compare."""
    return sample.p99_ms


def merged(samples: Iterable[Sample]) -> Sample:
    """Give what several turns of one contender come to."""
    gathered = list(samples)
    return Sample(
        sum(sample.count for sample in gathered),
        sum(sample.seconds for sample in gathered),
        [latency for sample in gathered for latency in sample.latencies_us],
    )


def ratios(over: Sequence[Sample], under: Sequence[Sample], figure: Figure) -> tuple[float, ...]:
    """Give one ratio per round; only samples of the same round are compared."""
    pairs = zip(over, under, strict=True)
    return tuple(figure(above) / figure(below) for above, below in pairs)


@dataclass(frozen=True, slots=True)
class Range:
    """A figure over all rounds."""

    median: float
    low: float
    high: float


def range_of(values: Sequence[float]) -> Range:
    """Give median, least and greatest."""
    return Range(statistics.median(values), min(values), max(values))
