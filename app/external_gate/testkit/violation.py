"""What a scenario found: violations of checks, each with the trace that shows it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from external_gate.testkit.call_trace import TracedCall
from external_gate.testkit.rig import Taking


@dataclass(frozen=True, slots=True)
class Violation:
    """One check that did not hold in one scenario."""

    check: str
    scenario: str
    sentence: str
    """What happened, in one sentence."""
    trace: tuple[str, ...] = ()
    """The calls, then the fake's books, one per line."""


@dataclass(slots=True)
class ScenarioResult:
    """How one scenario went."""

    scenario: str
    title: str
    promise: str
    exercised: set[str] = field(default_factory=set)
    """The checks that were tried."""
    violations: list[Violation] = field(default_factory=list)
    not_exercised: str | None = None
    """Why it was not played; None when it was."""
    seconds: float = 0.0
    ends: dict[str, int] = field(default_factory=dict)
    """Of a whole-life scenario: how many workflows ended in which state."""

    @property
    def status(self) -> str:
        """Give `passed`, `failed` or `not exercised`."""
        if self.not_exercised is not None:
            return "not exercised"
        return "failed" if self.violations else "passed"


class Notebook:
    """Gathers what one scenario finds; the same check is written down once."""

    def __init__(self, result: ScenarioResult, secrets: Sequence[str]) -> None:
        self.result = result
        self._secrets = [secret for secret in secrets if secret]

    def tried(self, *checks: str) -> None:
        """Write down that checks were tried."""
        self.result.exercised.update(checks)

    def must(
        self,
        check: str,
        holds: bool,  # noqa: FBT001 - the question itself
        sentence: str,
        calls: Sequence[TracedCall] = (),
        books: Sequence[Taking] | None = None,
    ) -> bool:
        """Try a check, and write down when it does not hold; gives `holds` back."""
        self.tried(check)
        known = any(found.check == check for found in self.result.violations)
        if not holds and not known:
            trace = tuple(self.masked(line) for line in _trace_lines(calls, books))
            self.result.violations.append(
                Violation(check, self.result.scenario, self.masked(sentence), trace)
            )
        return holds

    def holds_secret(self, text: str) -> bool:
        """Tell whether a text holds one of the rig's secrets."""
        return any(secret in text for secret in self._secrets)

    def masked(self, text: str) -> str:
        """Give a text without the rig's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "********")
        return text


def _trace_lines(calls: Sequence[TracedCall], books: Sequence[Taking] | None) -> list[str]:
    lines = [call.line() for call in calls]
    if books is not None:
        lines.append(f"the fake's books: {_told(books)}")
    return lines


def _told(books: Sequence[Taking]) -> str:
    if not books:
        return "no money was taken"
    return "; ".join(
        f"{one.amount} taken as {one.charge_id} for {one.attempt_key}"
        + (f" and given back {one.refunds} times" if one.refunds > 1 else "")
        + (" and given back" if one.refunds == 1 else "")
        for one in books
    )
