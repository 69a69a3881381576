"""A certification as text for a terminal, JSON with a stable schema, and Markdown to commit."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from external_gate.testkit.certification import Finding, Report, Status

SCHEMA = "external-gate/certification/1"
"""Named in the JSON; fields may be added under it, none is renamed or removed."""

NO_BOOKS = "The books could not be read: nothing about money was counted. This is no certificate."


def as_text(report: Report) -> str:
    """Write it for a terminal, at most 100 columns where the facts allow it."""
    lines = [f"{report.subject}: {headline(report)}", ""]
    for area in report.areas():
        lines.append(f"  {area:<14} {_area_score(report, area)}")
    if report.ends():
        lines += ["", f"  {report.seeds} whole lives: {_ends(report)}"]
    if not report.money_was_counted:
        lines += ["", NO_BOOKS]
    for number, finding in enumerate(report.findings, 1):
        lines += ["", *_finding_text(number, finding)]
    skipped = list(_skipped(report))
    if skipped:
        lines += ["", "Not exercised:", *(f"  {line}" for line in skipped)]
    return "\n".join(lines) + "\n"


def as_json(report: Report) -> str:
    """Write it for programs."""
    said = {
        "schema": SCHEMA,
        "subject": report.subject,
        "passed": report.passed,
        "money_was_counted": report.money_was_counted,
        "score": {status.name.lower(): report.count(status) for status in Status},
        "seeds": report.seeds,
        "ends": report.ends(),
        "checks": [
            {
                "id": result.check.id,
                "area": result.check.area,
                "demand": result.check.demand,
                "status": result.status.value,
                "scenarios": result.scenarios,
            }
            for result in report.checks
        ],
        "findings": [_finding_fields(finding) for finding in report.findings],
        "scenarios": [
            {
                "id": result.scenario,
                "title": result.title,
                "promise": result.promise,
                "status": result.status,
                "reason": result.not_exercised,
                "failed_checks": [found.check for found in result.violations],
            }
            for result in report.scenarios
        ],
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def as_markdown(report: Report) -> str:
    """Write it to be committed: the same run gives the same text, without times and ports."""
    lines = [f"# Certification of `{report.subject}`", "", f"**{headline(report)}**", ""]
    if not report.money_was_counted:
        lines += [f"> {NO_BOOKS}", ""]
    lines += ["| area | passed | failed | not exercised |", "|---|---|---|---|"]
    for area in report.areas():
        counts = [str(report.count(status, area)) for status in Status]
        lines.append(f"| {area} | {' | '.join(counts)} |")
    if report.ends():
        lines += ["", f"{report.seeds} whole lives through faults: {_ends(report)}."]
    for number, finding in enumerate(report.findings, 1):
        lines += ["", *_finding_markdown(number, finding)]
    lines += [
        "",
        "## Checks",
        "",
        "| check | what is demanded | came out |",
        "|---|---|---|",
    ]
    for result in report.checks:
        lines.append(f"| `{result.check.id}` | {result.check.demand} | {result.status} |")
    skipped = list(_skipped(report))
    if skipped:
        lines += ["", "## Not exercised", "", *(f"- {line}" for line in skipped)]
    return "\n".join(lines) + "\n"


FORMS = {".md": as_markdown, ".json": as_json, ".txt": as_text}
"""By the ending of a file."""


def form_of(path: Path) -> Callable[[Report], str]:
    """Give the form that the ending of a file asks for; text in doubt."""
    return FORMS.get(path.suffix, as_text)


def headline(report: Report) -> str:
    """Give the result in one line."""
    tried = report.count(Status.PASSED) + report.count(Status.FAILED)
    word = "certified" if report.passed and report.money_was_counted else "not certified"
    score = f"{report.count(Status.PASSED)} of {tried} checks hold"
    left = report.count(Status.NOT_EXERCISED)
    extra = f", {left} not exercised" if left else ""
    found = len(report.findings)
    faults = f", {found} {'finding' if found == 1 else 'findings'}" if found else ""
    return f"{word}: {score}{extra}{faults}"


def _area_score(report: Report, area: str) -> str:
    passed, failed, left = (report.count(status, area) for status in Status)
    parts = [f"{passed} of {passed + failed} hold"] if passed + failed else []
    parts += [f"{left} not exercised"] if left else []
    return ", ".join(parts)


def _ends(report: Report) -> str:
    return ", ".join(f"{count} {end}" for end, count in report.ends().items())


def _finding_text(number: int, finding: Finding) -> list[str]:
    lines = [
        f"{number}. {finding.sentence}  [{finding.check.id}]",
        f"   must: {finding.check.demand}",
        f"   cure: {finding.check.cure}",
        f"   seen in {finding.scenario}{_others(finding)}:",
        *(f"     {line}" for line in finding.trace),
    ]
    for effect in finding.consequences:
        lines.append(f"   and so: {effect.sentence}  [{effect.check}, {effect.scenario}]")
        lines += [f"     {line}" for line in effect.trace]
    return lines


def _finding_markdown(number: int, finding: Finding) -> list[str]:
    lines = [
        f"## {number}. {finding.sentence}",
        "",
        f"Check `{finding.check.id}`: {finding.check.demand}",
        "",
        f"Cure: {finding.check.cure}",
        "",
        f"Seen in `{finding.scenario}`{_others(finding)}.",
        *_fenced(finding.trace),
    ]
    for effect in finding.consequences:
        lines += ["", f"And so (`{effect.check}`, `{effect.scenario}`): {effect.sentence}"]
        lines += _fenced(effect.trace)
    return lines


def _fenced(trace: tuple[str, ...]) -> list[str]:
    return ["", "```", *trace, "```"] if trace else []


def _others(finding: Finding) -> str:
    more = len(finding.scenarios) - 1
    return f" and {more} more" if more else ""


def _finding_fields(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check.id,
        "sentence": finding.sentence,
        "cure": finding.check.cure,
        "scenario": finding.scenario,
        "scenarios": list(finding.scenarios),
        "trace": list(finding.trace),
        "consequences": [
            {
                "check": effect.check,
                "scenario": effect.scenario,
                "sentence": effect.sentence,
                "trace": list(effect.trace),
            }
            for effect in finding.consequences
        ],
    }


def _skipped(report: Report) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for result in report.scenarios:
        if result.not_exercised is not None:
            reasons.setdefault(result.not_exercised, []).append(result.scenario)
    for reason, scenarios in reasons.items():
        shown = ", ".join(scenarios[:4]) + (
            f" and {len(scenarios) - 4} more" if scenarios[4:] else ""
        )
        yield f"{reason}: {shown}"
