"""Certifies an adapter: plays every scenario on a fresh rig, lives whole lives, and reports."""

from collections.abc import Callable, Sequence
from uuid import uuid4

from external_gate.testkit.certification import Report
from external_gate.testkit.log_ears import listening
from external_gate.testkit.playing import play
from external_gate.testkit.rig import Rig
from external_gate.testkit.scenario import Scenario, shipped_scenarios
from external_gate.testkit.stage import SharedCaller
from external_gate.testkit.violation import ScenarioResult
from external_gate.testkit.whole_life import SCENARIO, TITLE, live

DEFAULT_SEEDS = range(40)
"""Whole lives in an ordinary certification; they take some ten seconds."""

MakeRig = Callable[[], Rig]
Heard = Callable[[ScenarioResult], None]


async def certify(
    make_rig: MakeRig,
    *,
    scenarios: Sequence[Scenario] | None = None,
    seeds: Sequence[int] = DEFAULT_SEEDS,
    run: str | None = None,
    heard: Heard | None = None,
) -> Report:
    """Certify the adapter of a rig.

    `make_rig` gives a fresh rig at every call: the rig's class will do. `scenarios` are those of
    the kit unless given; add your own with `[*shipped_scenarios(), *read_scenarios(folder)]`.
    `seeds` are whole lives, none for an empty sequence. `run` makes keys that no other run has, a
    random word unless given. `heard` is told every result as it comes.

    Raises `Broken` when the rig or the adapter cannot be made at all. Whatever the adapter then
    does ends in the report.
    """
    trial = Trial(run=run)
    try:
        for scenario in shipped_scenarios() if scenarios is None else scenarios:
            result = await trial.play(make_rig(), scenario)
            if heard:
                heard(result)
        if seeds:
            result = await trial.live(make_rig(), seeds)
            if heard:
                heard(result)
    finally:
        await trial.aclose()
    return trial.report(subject_of(make_rig()))


class Trial:
    """A certification scenario by scenario, for those who run tests; in one event loop.

    Every rig that is handed in must be fresh.
    """

    def __init__(self, *, run: str | None = None) -> None:
        self._run = run or uuid4().hex[:12]
        self._caller = SharedCaller()
        self._results: list[ScenarioResult] = []
        self._seeds = 0

    async def play(self, rig: Rig, scenario: Scenario) -> ScenarioResult:
        """Play one scenario."""
        heard = ScenarioResult(scenario.id, scenario.title, scenario.promise)
        with listening(heard, rig.secrets):
            name = f"{self._run}-{scenario.id}"
            result = await play(rig, scenario, name=name, caller=self._caller)
            heard.not_exercised = result.not_exercised
        return self._keep(result, heard)

    async def live(self, rig: Rig, seeds: Sequence[int]) -> ScenarioResult:
        """Live one whole life per seed."""
        self._seeds += len(seeds)
        heard = ScenarioResult(SCENARIO, TITLE, "P2")
        with listening(heard, rig.secrets):
            result = await live(rig, seeds, name=f"{self._run}-life", caller=self._caller)
            heard.not_exercised = result.not_exercised
        return self._keep(result, heard)

    def report(self, subject: str) -> Report:
        """Report on everything so far."""
        return Report(subject, tuple(self._results), seeds=self._seeds)

    async def aclose(self) -> None:
        """End it."""
        await self._caller.aclose()

    def _keep(self, result: ScenarioResult, heard: ScenarioResult) -> ScenarioResult:
        result.exercised |= heard.exercised
        result.violations += heard.violations
        self._results.append(result)
        return result


def subject_of(rig: Rig) -> str:
    """Name what a rig certifies: `module.Class` of the adapter."""
    adapter: object = rig.adapter
    module, name = getattr(adapter, "__module__", "?"), getattr(adapter, "__qualname__", "?")
    return f"{module}.{name}"
