"""What a campaign was to do and what it came to, written for somebody who was not there."""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.chaos.verdict import Verdict
from tests.chaos.weather import RECEIVERS, WORKERS
from tests.crashes.judgement import Harm


@dataclass(frozen=True)
class Plan:
    """How much, how fast, and which course of troubles."""

    workflows: int = 20_000
    per_second: float = 30.0
    seed: int = 1

    @property
    def storm_seconds(self) -> float:
        """Give how long things go wrong: as long as workflows are opened."""
        return self.workflows / self.per_second


@dataclass
class Outcome:
    """What a campaign came to."""

    plan: Plan
    verdict: Verdict = field(default_factory=Verdict)
    struck: Counter[str] = field(default_factory=Counter)
    started_again: Counter[str] = field(default_factory=Counter)
    storm_seconds: float = 0.0
    calm_seconds: float = 0.0
    """How long it took after the storm until everything was over."""


def written(outcome: Outcome, *, began: datetime) -> str:
    """Write a report in Markdown."""
    found = outcome.verdict
    lines = [
        "# Campaign of chaos",
        "",
        *_table(("", ""), _circumstances(outcome, began)),
        "## What must never happen",
        "",
        *_table(("what", "times"), ((harm.value, found.harms[harm]) for harm in Harm)),
        f"## Complaints: {len(found.complaints)}",
        "",
        *(f"- {complaint}" for complaint in found.complaints),
        *([""] if found.complaints else []),
        f"## Workflows by their end: {found.ends.total()}",
        "",
        *_counted("end", found.ends),
        f"## Troubles: {outcome.struck.total()}",
        "",
        *_counted("trouble", outcome.struck),
        *_counted("started again by their supervisor", outcome.started_again),
    ]
    return "\n".join(lines)


def _circumstances(outcome: Outcome, began: datetime) -> Iterable[tuple[str, object]]:
    found, plan = outcome.verdict, outcome.plan
    return (
        ("workflows", found.workflows),
        ("seed of the troubles", plan.seed),
        ("processes", f"{len(WORKERS)} workers, {len(RECEIVERS)} receivers, one PostgreSQL"),
        ("began", f"{began:%Y-%m-%d %H:%M} UTC"),
        ("storm", f"{outcome.storm_seconds:.0f} s"),
        ("until everything was over", f"{outcome.calm_seconds:.0f} s"),
        ("times money was taken", found.charges),
        ("of them without a usable first answer", found.lost_answers),
        ("workflows whose charge was unknown for a while", found.unresolved),
        ("most claims of one workflow", found.most_claims),
        ("deliveries of Metronome", found.deliveries),
        ("of them not answered 2xx, and sent again", found.refused),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
    )


def _counted(what: str, counted: Mapping[str, int]) -> list[str]:
    most_first = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return _table((what, "times"), most_first) if counted else []


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    lines = (head, ("---",) * len(head), *rows)
    return [*(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines), ""]
