"""The store kit inside pytest: one case per test, one certification per store, one report."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from external_gate.domain.errors import Broken
from external_gate.testkit.certification import Report
from external_gate.testkit.report_forms import form_of, headline
from external_gate.testkit.store_checks.store_catalog import StoreCase
from external_gate.testkit.store_conformance import (
    play_store,
    store_cases,
    store_report,
    store_subject,
)
from external_gate.testkit.store_rig import StoreRig
from external_gate.testkit.violation import ScenarioResult


class StoreSuite:
    """Every certification of a store in one session of tests."""

    def __init__(self) -> None:
        self.cases = {case.id: case for case in store_cases()}
        self._played: dict[str, tuple[StoreRig, list[ScenarioResult]]] = {}

    def check(self, name: str, rig: StoreRig) -> "StoreCheck":
        """Give one case with a fresh rig. Raises `Broken` for what is no rig."""
        if not isinstance(rig, StoreRig):
            raise Broken("the fixture store_rig lacks store, start or stop; see testkit.StoreRig")
        return StoreCheck(self, self.cases[name], rig)

    def play(self, case: StoreCase, rig: StoreRig) -> ScenarioResult:
        """Play it now, in an event loop of its own; not from within another."""
        _, results = self._played.setdefault(store_subject(rig), (rig, []))
        result = asyncio.run(play_store(case, rig))
        results.append(result)
        return result

    def headlines(self) -> list[str]:
        """Give one line per store, and below it one for each of its findings."""
        lines = []
        for report in self._reports():
            lines.append(f"{report.subject}: {headline(report)}")
            lines += [f"  {finding.check.id}: {finding.sentence}" for finding in report.findings]
        return lines

    def write(self, path: Path) -> None:
        """Write the report; with several stores each gets a file with its class in the name."""
        reports = self._reports()
        for report in reports:
            extra = f"-{report.subject.rpartition('.')[2]}" if len(reports) > 1 else ""
            path.with_stem(f"{path.stem}{extra}").write_text(form_of(path)(report), "utf-8")

    def _reports(self) -> list[Report]:
        return [store_report(rig, results) for rig, results in self._played.values()]


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """One check of the kit, with the rig to play it on."""

    suite: StoreSuite
    case: StoreCase
    rig: StoreRig

    def must_hold(self) -> None:
        """Play it: fails the test with the finding, skips it when the rig cannot play it."""
        __tracebackhide__ = True
        result = self.suite.play(self.case, self.rig)
        if result.not_exercised is not None:
            pytest.skip(f"not exercised: {result.not_exercised}")
        for found in result.violations:
            check = self.case.check
            lines = [
                f"{found.sentence}  [{check.id}]",
                f"must: {check.demand}",
                f"cure: {check.cure}",
                *(f"  {line}" for line in found.trace),
            ]
            pytest.fail("\n".join(lines), pytrace=False)
