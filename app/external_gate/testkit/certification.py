"""The result of a certification: every check scored, and one finding per cause."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from external_gate.testkit.checks import ALL, Check, explanations
from external_gate.testkit.violation import ScenarioResult, Violation


class Status(StrEnum):
    """How a check came out."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_EXERCISED = "not exercised"  # nothing tried it: neither good nor bad


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of the adapter, with its cure and the trace that shows it."""

    check: Check
    sentence: str
    scenario: str
    trace: tuple[str, ...]
    scenarios: tuple[str, ...]
    """Every scenario in which the check failed."""
    consequences: tuple[Violation, ...] = ()
    """Other checks that failed because of it, each with a trace of its own."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check, and how it came out."""

    check: Check
    status: Status
    scenarios: int
    """In how many scenarios it was tried."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a certification came to."""

    subject: str
    """What was certified: the class of the adapter, or of the store."""
    scenarios: tuple[ScenarioResult, ...]
    seeds: int = 0
    """How many whole lives were lived."""
    catalog: tuple[Check, ...] = field(default=ALL, repr=False)
    """Every check there is, in the order of the report."""
    checks: tuple[CheckResult, ...] = field(init=False)
    findings: tuple[Finding, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Score the checks and find the causes."""
        object.__setattr__(self, "checks", _scored(self.scenarios, self.catalog))
        object.__setattr__(self, "findings", _findings(self.scenarios, self.catalog))

    @property
    def passed(self) -> bool:
        """Whether nothing failed and something was tried."""
        statuses = {result.status for result in self.checks}
        return Status.FAILED not in statuses and Status.PASSED in statuses

    @property
    def money_was_counted(self) -> bool:
        """Whether the fake's books could be read, without which nothing about money is proven.

        True for what is not asked to move any.
        """
        counted = {"at-most-one-charge", "life-one-charge"}
        if not counted & {check.id for check in self.catalog}:
            return True
        return any(counted & result.exercised for result in self.scenarios)

    def count(self, status: Status, area: str | None = None) -> int:
        """Give how many checks came out so, in one area or in all."""
        return sum(
            result.status is status and area in (None, result.check.area) for result in self.checks
        )

    def areas(self) -> list[str]:
        """Give the areas in the order of the report."""
        return list(dict.fromkeys(check.area for check in self.catalog))

    def ends(self) -> dict[str, int]:
        """Give how many whole lives ended in which state."""
        counted: Counter[str] = Counter()
        for result in self.scenarios:
            counted.update(result.ends)
        return dict(sorted(counted.items()))


def _scored(
    scenarios: Sequence[ScenarioResult], catalog: Sequence[Check]
) -> tuple[CheckResult, ...]:
    tried: Counter[str] = Counter()
    for result in scenarios:
        tried.update(result.exercised)
    failed = {found.check for result in scenarios for found in result.violations}
    return tuple(
        CheckResult(check, _status(check.id, tried, failed), tried[check.id]) for check in catalog
    )


def _status(check_id: str, tried: Counter[str], failed: set[str]) -> Status:
    if check_id in failed:
        return Status.FAILED
    return Status.PASSED if tried[check_id] else Status.NOT_EXERCISED


def _findings(scenarios: Sequence[ScenarioResult], catalog: Sequence[Check]) -> tuple[Finding, ...]:
    by_check: dict[str, list[Violation]] = {}
    for result in scenarios:
        for found in result.violations:
            by_check.setdefault(found.check, []).append(found)
    failed = [check for check in catalog if check.id in by_check]
    roots = [check for check in failed if not explanations(check) & by_check.keys()]
    # A circle of explanations would leave nobody to blame.
    roots = roots or failed
    return tuple(_finding(root, roots, failed, by_check) for root in roots)


def _finding(
    root: Check,
    roots: Sequence[Check],
    failed: Sequence[Check],
    by_check: dict[str, list[Violation]],
) -> Finding:
    found = by_check[root.id]
    first = found[0]
    consequences = [
        by_check[check.id][0]
        for check in failed
        if check not in roots and _first_cause(check, roots, failed) is root
    ]
    return Finding(
        check=root,
        sentence=first.sentence,
        scenario=first.scenario,
        trace=first.trace,
        scenarios=tuple(dict.fromkeys(one.scenario for one in found)),
        consequences=tuple(consequences),
    )


def _first_cause(check: Check, roots: Sequence[Check], failed: Sequence[Check]) -> Check | None:
    """Follow the explanations to a root."""
    seen, waiting = {check.id}, [check]
    while waiting:
        reasons = explanations(waiting.pop(0))
        for cause in (one for one in failed if one.id in reasons):
            if cause in roots:
                return cause
            if cause.id not in seen:
                seen.add(cause.id)
                waiting.append(cause)
    return None
