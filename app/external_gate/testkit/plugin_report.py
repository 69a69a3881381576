"""What certifying a payer source or a notice sink comes to: each check, and what shows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from external_gate.testkit.certification import Status
from external_gate.testkit.violation import ScenarioResult, Violation


@dataclass(frozen=True, slots=True)
class PluginCheck:
    """One demand on a plugin."""

    id: str
    """Stable: reports of different versions are compared by it."""
    demand: str
    cure: str


@dataclass(frozen=True, slots=True)
class PluginFinding:
    """One fault of the plugin, with its cure and the trace that shows it."""

    check: PluginCheck
    sentence: str
    trace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PluginReport:
    """What a certification came to; a kind of plugin adds its checks."""

    checks: ClassVar[Sequence[PluginCheck]]
    """In the order of the report."""
    proof: ClassVar[str]
    """The check without which nothing was shown: it must have been tried, and have passed."""

    subject: str
    parts: tuple[ScenarioResult, ...] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and what the plugin is for was seen at all."""
        return not self.findings and self.status(self.proof) is Status.PASSED

    @property
    def findings(self) -> tuple[PluginFinding, ...]:
        """Give one finding per check that failed."""
        return tuple(
            PluginFinding(check, first.sentence, first.trace)
            for check in self.checks
            if (first := next(self._violations(check.id), None))
        )

    def status(self, check_id: str) -> Status:
        """Tell how a check came out."""
        if next(self._violations(check_id), None):
            return Status.FAILED
        tried = any(check_id in part.exercised for part in self.parts)
        return Status.PASSED if tried else Status.NOT_EXERCISED

    def as_text(self) -> str:
        """Write it for a terminal."""
        lines = [f"{self.subject}: {'certified' if self.passed else 'not certified'}", ""]
        lines += [f"  {check.id:<28} {self.status(check.id)}" for check in self.checks]
        for finding in self.findings:
            lines += ["", *_told(finding)]
        return "\n".join(lines) + "\n"

    def _violations(self, check_id: str) -> Iterator[Violation]:
        for part in self.parts:
            yield from (one for one in part.violations if one.check == check_id)


def _told(finding: PluginFinding) -> Sequence[str]:
    return [
        f"{finding.sentence}  [{finding.check.id}]",
        f"  must: {finding.check.demand}",
        f"  cure: {finding.check.cure}",
        *(f"    {line}" for line in finding.trace),
    ]
