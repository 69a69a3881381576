"""What the pytest plugin plays: every scenario as a test, and the report of a session."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from external_gate.domain.errors import BadInput
from external_gate.testkit.certification import Report
from external_gate.testkit.certifying import Trial, subject_of
from external_gate.testkit.checks import BY_ID
from external_gate.testkit.report_forms import form_of, headline
from external_gate.testkit.rig import Rig
from external_gate.testkit.scenario import Scenario, read_scenarios, shipped_scenarios
from external_gate.testkit.violation import ScenarioResult
from external_gate.testkit.whole_life import SCENARIO


class Suite:
    """Every certification of one session of tests. Raises `pytest.UsageError` for bad options."""

    def __init__(self, *, folders: Sequence[Path], seeds: int) -> None:
        try:
            own = [scenario for folder in folders for scenario in read_scenarios(folder)]
        except BadInput as error:
            raise pytest.UsageError(str(error)) from error
        self.scenarios: dict[str, Scenario | None] = {
            scenario.id: scenario for scenario in [*shipped_scenarios(), *own]
        }
        """By id; None stands for the whole lives."""
        if seeds > 0:
            self.scenarios[SCENARIO] = None
        self._seeds = range(seeds)
        self._trials: dict[str, Trial] = {}
        self._runner = asyncio.Runner()

    def scenario(self, name: str, rig: Rig) -> "GatewayScenario":
        """Give one scenario with a fresh rig."""
        return GatewayScenario(self, name, rig)

    def play(self, name: str, rig: Rig) -> ScenarioResult:
        """Play it now; not from within an event loop."""
        scenario, subject = self.scenarios[name], subject_of(rig)
        if subject not in self._trials:
            self._trials[subject] = self._runner.run(_new_trial())
        trial = self._trials[subject]
        work = trial.live(rig, self._seeds) if scenario is None else trial.play(rig, scenario)
        return self._runner.run(work)

    def headlines(self) -> list[str]:
        """Give one line per adapter, and below it one for each of its findings."""
        lines = []
        for report in self._reports():
            lines.append(f"{report.subject}: {headline(report)}")
            lines += [f"  {finding.check.id}: {finding.sentence}" for finding in report.findings]
        return lines

    def write(self, path: Path) -> None:
        """Write the report; with several adapters each gets a file with its class in the name."""
        reports = self._reports()
        form = form_of(path)
        for report in reports:
            extra = f"-{report.subject.rpartition('.')[2]}" if len(reports) > 1 else ""
            path.with_stem(f"{path.stem}{extra}").write_text(form(report), "utf-8")

    def close(self) -> None:
        """End every trial."""
        for trial in self._trials.values():
            self._runner.run(trial.aclose())
        self._runner.close()

    def _reports(self) -> list[Report]:
        return [trial.report(subject) for subject, trial in self._trials.items()]


@dataclass(frozen=True, slots=True)
class GatewayScenario:
    """One scenario of the kit, with the rig to play it on."""

    suite: Suite
    name: str
    rig: Rig

    def must_hold(self) -> None:
        """Play it: fails the test with every finding, skips it when it is not exercised."""
        __tracebackhide__ = True
        result = self.suite.play(self.name, self.rig)
        if result.not_exercised is not None:
            pytest.skip(f"not exercised: {result.not_exercised}")
        if result.violations:
            pytest.fail("\n\n".join(_told(result)), pytrace=False)


def _told(result: ScenarioResult) -> list[str]:
    return [
        "\n".join(
            [
                f"{found.sentence}  [{found.check}]",
                f"must: {BY_ID[found.check].demand}",
                f"cure: {BY_ID[found.check].cure}",
                *(f"  {line}" for line in found.trace),
            ]
        )
        for found in result.violations
    ]


async def _new_trial() -> Trial:
    return Trial()
