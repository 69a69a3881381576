"""The result of certifying a notice sink: every check, how it came out, and what shows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from external_gate.testkit.certification import Status
from external_gate.testkit.violation import ScenarioResult, Violation


@dataclass(frozen=True, slots=True)
class SinkCheck:
    """One demand on a notice sink."""

    id: str
    """Stable: reports of different versions are compared by it."""
    demand: str
    cure: str


SINK_CHECKS = (
    SinkCheck(
        "notice-arrives",
        "A notice that the receiver accepts is `Taken`.",
        "Return `Taken` for the receiver's own word that it has the notice.",
    ),
    SinkCheck(
        "bytes-unchanged",
        "The receiver gets the body and the message id as they are, at every try.",
        "Send `notice.body` and `notice.message_id`; never parse and write anew.",
    ),
    SinkCheck(
        "unclear-is-not-taken",
        "`Taken` is never said while nobody knows whether the notice arrived.",
        "Say `NotTaken` for timeouts, resets, 4xx and 5xx: told twice is harmless, lost is not.",
    ),
    SinkCheck(
        "does-not-give-up-by-itself",
        "`Gone` is said for nothing but the receiver's word that it wants no more.",
        "Say `NotTaken`; the core knows when three days are over.",
    ),
    SinkCheck(
        "no-hidden-retry",
        "One `deliver` sends at most once.",
        "Leave repeats to the core: it waits, and other endpoints do not wait for yours.",
    ),
    SinkCheck(
        "raises-nothing",
        "`deliver` raises nothing, whatever the other side does.",
        "Catch what your client raises, and say `NotTaken` with the cause.",
    ),
    SinkCheck(
        "comes-back-in-time",
        "`deliver` ends within `timeout_seconds`, whatever the other side does.",
        "Give `Timeouts.within(…)` of `endpoint.timeout_seconds` to the `Call`.",
    ),
    SinkCheck(
        "does-not-block",
        "The event loop goes on while an answer is awaited.",
        "Use `surroundings.caller`, or a thread for a client that blocks.",
    ),
    SinkCheck(
        "ends-when-cancelled",
        "A try whose task is cancelled ends at once.",
        "Let `CancelledError` pass; never catch `BaseException`.",
    ),
    SinkCheck(
        "keeps-notices-apart",
        "Notices sent at the same time arrive each as itself.",
        "Keep nothing about a notice in the instance.",
    ),
    SinkCheck(
        "only-way-out",
        "Every HTTP call goes through `surroundings.caller`.",
        "Use the caller instead of a client of your own: it has the limits and the redaction.",
    ),
    SinkCheck(
        "private-only-when-allowed",
        "With `allow_private = false` nothing is sent into a private network.",
        "Look the host up by `surroundings.resolve`, judge every address by `is_public`, and give "
        "the one that you chose to the `Call` as `connect_to`.",
    ),
    SinkCheck(
        "secrets-stay-out-of-causes",
        "No cause and no error repeats a secret.",
        "Say what failed without the request.",
    ),
    SinkCheck(
        "secrets-stay-out-of-logs",
        "No secret is logged.",
        "Log no request, no header and no settings.",
    ),
)
"""In the order of the report."""


@dataclass(frozen=True, slots=True)
class SinkFinding:
    """One fault of the sink, with its cure and the trace that shows it."""

    check: SinkCheck
    sentence: str
    trace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SinkReport:
    """What a certification came to."""

    subject: str
    parts: tuple[ScenarioResult, ...] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and a notice arrived at all."""
        return not self.findings and self.status("notice-arrives") is Status.PASSED

    @property
    def findings(self) -> tuple[SinkFinding, ...]:
        """Give one finding per check that failed."""
        return tuple(
            SinkFinding(check, first.sentence, first.trace)
            for check in SINK_CHECKS
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
        lines += [f"  {check.id:<28} {self.status(check.id)}" for check in SINK_CHECKS]
        for finding in self.findings:
            lines += ["", *_told(finding)]
        return "\n".join(lines) + "\n"

    def _violations(self, check_id: str) -> Iterator[Violation]:
        for part in self.parts:
            yield from (one for one in part.violations if one.check == check_id)


def _told(finding: SinkFinding) -> Sequence[str]:
    return [
        f"{finding.sentence}  [{finding.check.id}]",
        f"  must: {finding.check.demand}",
        f"  cure: {finding.check.cure}",
        *(f"    {line}" for line in finding.trace),
    ]
