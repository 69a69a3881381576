"""What the latest full run has measured, and whether a run has lost a factor of it.

Kept beside the page: medians of ratios and of figures without a baseline, which mean the same on
most machines. Sizes differ between a quick and a full run, so numbers in names do not count; of
several that share a name then the worst is what is recorded.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.outcome import Outcome, Row
from bench.verdicts import GROSS, Finding

RECORD = Path("docs/performance.json")

Done = Sequence[tuple[Row, Outcome]]

_NUMBER = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True, slots=True)
class Loss:
    """A finding that is worse than it was recorded, by more than any noise."""

    finding: Finding
    recorded: float

    def __str__(self) -> str:
        """Write it for people."""
        now, finding = self.finding.range.median, self.finding
        return (
            f"gross loss: {finding.measured} against {finding.against}: "
            f"{now:,.2f} {finding.unit}, recorded were {self.recorded:,.2f}".replace("  ", " ")
        )


def record(done: Done, path: Path) -> None:
    """Write what was measured."""
    lines = {name: _worst(found) for name, found in sorted(_by_name(done).items())}
    path.write_text(json.dumps(lines, indent=2, ensure_ascii=False) + "\n")


def losses(done: Done, path: Path) -> list[Loss]:
    """Compare with what was recorded; what was not is passed over.

    A loss shows in every round: in one alone it may be noise.
    """
    recorded: Mapping[str, float] = json.loads(path.read_text())
    return [
        Loss(finding, recorded[name])
        for name, found in _by_name(done).items()
        if name in recorded
        for finding in found
        if _is_lost(finding, recorded[name])
    ]


def _is_lost(finding: Finding, recorded: float) -> bool:
    if finding.target is None or recorded <= 0:
        return False
    if finding.target.is_floor:
        return max(finding.rounds) * GROSS < recorded
    return min(finding.rounds) > recorded * GROSS


def _by_name(done: Done) -> Mapping[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for name, finding in _named(done):
        found.setdefault(name, []).append(finding)
    return found


def _named(done: Done) -> Iterator[tuple[str, Finding]]:
    for row, outcome in done:
        for finding in outcome.findings:
            if finding.target is not None and finding.rounds:
                what = f"{finding.measured} against {finding.against}"
                yield f"{row.number}: {_NUMBER.sub('n', what)}", finding


def _worst(found: Sequence[Finding]) -> float:
    medians = [finding.range.median for finding in found]
    is_floor = all(finding.target is not None and finding.target.is_floor for finding in found)
    return min(medians) if is_floor else max(medians)
