"""The result of certifying a payer source: every check, how it came out, and what shows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from external_gate.testkit.certification import Status
from external_gate.testkit.violation import ScenarioResult, Violation


@dataclass(frozen=True, slots=True)
class PayerCheck:
    """One demand on a payer source."""

    id: str
    """Stable: reports of different versions are compared by it."""
    demand: str
    cure: str


CHECKS = (
    PayerCheck(
        "payer-is-found",
        "A known payer is found, exactly as recorded, however often it is asked for.",
        "Give the record's ids unchanged, through `checked_payer`.",
    ),
    PayerCheck(
        "nobody-is-none",
        "A customer for whom nobody pays is None.",
        "Return None when the source itself says that there is no payer; that is no error.",
    ),
    PayerCheck(
        "down-is-unavailable",
        "While the source cannot be asked, `Unavailable` is raised, and never None given.",
        "Raise `Unavailable` for timeouts, resets, 429 and 5xx: it is tried again by itself, "
        "but None holds the workflow for a person as if nobody paid.",
    ),
    PayerCheck(
        "strange-is-no-answer",
        "An answer that is not the source's own proves nothing: `Unavailable` or `Broken`.",
        "Believe an answer only with every field that you need; a 404 page of some proxy does "
        "not say that nobody pays.",
    ),
    PayerCheck(
        "broken-record-is-no-payer",
        "A record that cannot be used never becomes a payer.",
        "Make every payer by `checked_payer`, and turn its `BadInput` into None or `Unavailable`.",
    ),
    PayerCheck(
        "raises-only-ours",
        "`find` raises `Unavailable` or `Broken`, and nothing else.",
        "Catch what your client and your parser raise, and raise `Unavailable` from it.",
    ),
    PayerCheck(
        "comes-back-in-time",
        "`find` ends within `timeout_seconds`, whatever the other side does.",
        "Give `Timeouts.within(…)` of `settings.timeout_seconds` to the `Call`.",
    ),
    PayerCheck(
        "does-not-block",
        "The event loop goes on while an answer is awaited.",
        "Use `surroundings.caller`, or a thread for a client that blocks.",
    ),
    PayerCheck(
        "ends-when-cancelled",
        "A question whose task is cancelled ends at once.",
        "Let `CancelledError` pass; never catch `BaseException`.",
    ),
    PayerCheck(
        "keeps-questions-apart",
        "Questions asked at the same time get each their own answer.",
        "Keep nothing about a question in the instance.",
    ),
    PayerCheck(
        "question-unchanged",
        "The question is not changed.",
        "Copy the custom fields before you change them.",
    ),
    PayerCheck(
        "only-way-out",
        "Every HTTP call goes through `surroundings.caller`.",
        "Use the caller instead of a client of your own: it has the limits and the redaction.",
    ),
    PayerCheck(
        "secrets-stay-out-of-errors",
        "No error repeats a secret.",
        "Say what failed without the request, and raise without a cause that holds it.",
    ),
    PayerCheck(
        "secrets-stay-out-of-logs",
        "No secret is logged.",
        "Log no request, no header and no settings.",
    ),
)
"""In the order of the report."""


@dataclass(frozen=True, slots=True)
class PayerFinding:
    """One fault of the source, with its cure and the trace that shows it."""

    check: PayerCheck
    sentence: str
    trace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PayerReport:
    """What a certification came to."""

    subject: str
    parts: tuple[ScenarioResult, ...] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and a payer was found at all."""
        return not self.findings and self.status("payer-is-found") is Status.PASSED

    @property
    def findings(self) -> tuple[PayerFinding, ...]:
        """Give one finding per check that failed."""
        return tuple(
            PayerFinding(check, first.sentence, first.trace)
            for check in CHECKS
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
        lines += [f"  {check.id:<28} {self.status(check.id)}" for check in CHECKS]
        for finding in self.findings:
            lines += ["", *_told(finding)]
        return "\n".join(lines) + "\n"

    def _violations(self, check_id: str) -> Iterator[Violation]:
        for part in self.parts:
            yield from (one for one in part.violations if one.check == check_id)


def _told(finding: PayerFinding) -> Sequence[str]:
    return [
        f"{finding.sentence}  [{finding.check.id}]",
        f"  must: {finding.check.demand}",
        f"  cure: {finding.check.cure}",
        *(f"    {line}" for line in finding.trace),
    ]
