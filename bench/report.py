"""The report: Markdown for people, JSON for machines. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from bench.outcome import Absolute, Outcome, Row
from bench.plan import Plan
from bench.samples import Range, range_of
from bench.verdicts import Finding, Target

HEAD = """# Performance

Written by `make bench`; do not edit. Every figure stands against a baseline of the same run: all
contenders of a row are alive at once and take their turns in shuffled order, so that what the
machine does besides meets all of them. **Only ratios mean anything**; absolute figures are context.
A/A is the same server started twice: how far it differed from itself. A verdict is about the median
of the rounds' own ratios, and *not resolved* when the target lies within the A/A spread around it
or, where nothing can be compared with itself, when the rounds do not agree about it.
Every notification is another one, validly signed; afterwards each acknowledged one is looked for
in the database.
"""

TABLE_HEAD = (
    "| measured | against | must reach | median | min–max | A/A | rounds | verdict |",
    "|---|---|---|---|---|---|---|---|",
)
CONTEXT_HEAD = ("| | per second | p50 ms | p99 ms |", "|---|---|---|---|")


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one run."""

    plan: Plan
    machine: Mapping[str, str]
    rows: Sequence[tuple[Row, Outcome]]

    def markdown(self) -> str:
        """Give the page."""
        parts = [HEAD, _machine(self.machine, self.plan)]
        parts += [_section(row, outcome) for row, outcome in self.rows]
        return "\n".join(parts)

    def document(self) -> dict[str, object]:
        """Give what JSON can say."""
        rows = [
            {"row": row.number, "title": row.title, **_document(outcome)}
            for row, outcome in self.rows
        ]
        return {"plan": asdict(self.plan), "machine": dict(self.machine), "rows": rows}


def _machine(machine: Mapping[str, str], plan: Plan) -> str:
    kind = "quick" if plan.quick else "full"
    size = (
        f"{kind}: {plan.rounds} rounds of {plan.seconds:g} s per contender in {plan.slices} turns, "
        f"seed {plan.seed}"
    )
    lines = [f"| {name} | {told} |" for name, told in {**machine, "Run": size}.items()]
    return "\n".join(["| | |", "|---|---|", *lines, ""])


def _section(row: Row, outcome: Outcome) -> str:
    lines = [f"## {row.number}. {row.title}", "", row.method, ""]
    if outcome.broken:
        lines += ["**Broken:**", "", "```text", outcome.broken, "```", ""]
    if outcome.findings:
        lines += [*TABLE_HEAD, *(_finding_line(finding) for finding in outcome.findings), ""]
    lines += [f"- {fact}" for fact in outcome.facts] + [""] * bool(outcome.facts)
    if row.limit and any(finding.is_open for finding in outcome.findings):
        lines += [f"**What stands in the way:** {row.limit}", ""]
    if outcome.absolutes:
        lines += ["Context only: median (min–max).", "", *CONTEXT_HEAD]
        lines += [*(_absolute_line(absolute) for absolute in outcome.absolutes), ""]
    return "\n".join(lines)


def _finding_line(finding: Finding) -> str:
    unit = finding.unit
    cells = (
        finding.measured,
        finding.against,
        _target(finding.target, unit),
        shown(finding.range.median, unit),
        f"{shown(finding.range.low)}–{shown(finding.range.high)}",
        _pair(finding.same),
        str(len(finding.rounds)),
        f"**{finding.verdict}**" if finding.target else str(finding.verdict),
    )
    return _line(cells)


def _absolute_line(absolute: Absolute) -> str:
    ranges = (absolute.per_second, absolute.p50_ms, absolute.p99_ms)
    return _line((absolute.name, *(_range(each) for each in ranges)))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _target(target: Target | None, unit: str) -> str:
    if target is None:
        return "–"
    return f"{'≥' if target.is_floor else '≤'} {shown(target.bound, unit)}"


def _pair(same: Sequence[float]) -> str:
    if not same:
        return "–"
    found = range_of(same)
    return f"{shown(found.low)} / {shown(found.median)} / {shown(found.high)}"


def _range(found: Range | None) -> str:
    if found is None:
        return "–"
    return f"{shown(found.median)} ({shown(found.low)}–{shown(found.high)})"


def shown(value: float, unit: str = "") -> str:
    """Write a figure with as many digits as it deserves."""
    decimals = 0 if value == 0 or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{decimals}f} {unit}".rstrip()


def _document(outcome: Outcome) -> dict[str, object]:
    found = [
        {
            **asdict(finding),
            "median": finding.range.median,
            "verdict": finding.verdict.value,
        }
        for finding in outcome.findings
    ]
    return {**asdict(outcome), "findings": found}
