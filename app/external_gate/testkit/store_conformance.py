"""Certifies a store: what it would lose, forget or do twice, as one finding per fault."""

import asyncio
import time
import traceback
from collections.abc import Callable, Iterable, Sequence

from external_gate.domain.errors import Broken
from external_gate.testkit.certification import Report
from external_gate.testkit.store_checks.aftermath_checks import AFTERMATHS
from external_gate.testkit.store_checks.attempt_checks import ATTEMPTS
from external_gate.testkit.store_checks.durability_checks import DURABILITY
from external_gate.testkit.store_checks.forward_checks import FORWARDS
from external_gate.testkit.store_checks.guard_checks import GUARDS
from external_gate.testkit.store_checks.hold_checks import HOLDS
from external_gate.testkit.store_checks.intake_checks import INTAKE
from external_gate.testkit.store_checks.lease_checks import LEASES
from external_gate.testkit.store_checks.limit_checks import LIMITS
from external_gate.testkit.store_checks.list_checks import LISTS, MARKS
from external_gate.testkit.store_checks.look_checks import LOOKS
from external_gate.testkit.store_checks.notice_checks import NOTICES
from external_gate.testkit.store_checks.outage_checks import OUTAGES
from external_gate.testkit.store_checks.outbox_checks import OUTBOX
from external_gate.testkit.store_checks.process_checks import PROCESSES
from external_gate.testkit.store_checks.refusal_checks import REFUSALS
from external_gate.testkit.store_checks.replay_checks import REPLAYS
from external_gate.testkit.store_checks.report_checks import REPORTS
from external_gate.testkit.store_checks.save_checks import SAVES
from external_gate.testkit.store_checks.shortfall import Shortfall
from external_gate.testkit.store_checks.store_catalog import StoreCase
from external_gate.testkit.store_checks.store_trial import StoreTrial
from external_gate.testkit.store_rig import StoreRig
from external_gate.testkit.violation import ScenarioResult, Violation

AREAS = (
    INTAKE,
    REPLAYS,
    LEASES,
    SAVES,
    HOLDS,
    ATTEMPTS,
    NOTICES,
    LOOKS,
    OUTBOX,
    REPORTS,
    FORWARDS,
    AFTERMATHS,
    GUARDS,
    LIMITS,
    LISTS,
    MARKS,
    PROCESSES,
    DURABILITY,
    OUTAGES,
    REFUSALS,
)
"""In the order of the report."""

LONGEST_SECONDS = 60.0
"""For one check; the slowest takes a second or two on a slow disk. Whoever needs longer hangs."""

PROMISES = {"guards": "P2", "attempts": "P2", "saves": "P8"}
"""The promise to customers behind an area; P1, nothing acknowledged is lost, behind all others."""


def store_cases() -> tuple[StoreCase, ...]:
    """Give every check, case by case."""
    return tuple(case for area in AREAS for case in area.cases)


async def certify_store(
    make_rig: Callable[[], StoreRig],
    *,
    cases: Iterable[StoreCase] | None = None,
    heard: Callable[[ScenarioResult], None] | None = None,
) -> Report:
    """Certify the store of a rig; on a local file it takes about ten seconds.

    `make_rig` gives a fresh rig at every call. `cases` are all of `store_cases` unless given.
    `heard` is told every result as it comes. Raises `Broken` when the rig cannot be started or its
    store cannot be opened at all. Whatever the store then does ends in the report, which
    `as_text`, `as_json` and `as_markdown` write.
    """
    results = []
    for case in store_cases() if cases is None else cases:
        result = await play_store(case, make_rig())
        results.append(result)
        if heard:
            heard(result)
    return store_report(make_rig(), results)


def store_report(rig: StoreRig, results: Sequence[ScenarioResult]) -> Report:
    """Report on what was played."""
    catalog = tuple(dict.fromkeys(case.check for case in store_cases()))
    return Report(store_subject(rig), tuple(results), catalog=catalog)


def store_subject(rig: StoreRig) -> str:
    """Name what a rig certifies: `module.Class` of the store."""
    store = type(rig.store())
    return f"{store.__module__}.{store.__qualname__}"


async def play_store(
    case: StoreCase, rig: StoreRig, *, longest_seconds: float = LONGEST_SECONDS
) -> ScenarioResult:
    """Play one check on a fresh rig. Raises `Broken` as `certify_store` does."""
    result = ScenarioResult(case.id, case.check.demand, PROMISES.get(case.check.area, "P1"))
    if case.needs is not None and not isinstance(rig, case.needs):
        result.not_exercised = f"the rig has not the members of {case.needs.__name__}"
        return result
    result.exercised.add(case.check.id)
    began = time.monotonic()
    trial = await _entered(rig)
    try:
        found = await _what_it_did(case, trial, longest_seconds)
    finally:
        await trial.__aexit__(None, None, None)
    result.seconds = time.monotonic() - began
    if found is not None:
        sentence, line = found
        trace = (*trial.trace, line) if line else tuple(trial.trace)
        result.violations.append(Violation(case.check.id, case.id, sentence, trace))
    return result


async def _entered(rig: StoreRig) -> StoreTrial:
    try:
        return await StoreTrial(rig).__aenter__()
    except Exception as error:
        raise Broken(f"no empty store can be opened on the rig: {error}") from error


async def _what_it_did(
    case: StoreCase, trial: StoreTrial, longest_seconds: float
) -> tuple[str, str] | None:
    """Give what fell short in a sentence, and the line of the check; None when nothing did."""
    patience = asyncio.timeout(longest_seconds)
    try:
        async with patience:
            await case.play(trial)
    except Shortfall as error:
        return str(error), _line_of(error)
    except Exception as error:  # noqa: BLE001 - what escapes a store is what is examined
        if patience.expired():
            return f"it did not end within {longest_seconds:g} s", ""
        told = f"{type(error).__name__} was raised: {error}"
        return told, _line_of(error)
    return None


def _line_of(error: BaseException) -> str:
    """Give the line of the check that came to this, as the author of a store can look it up."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.endswith("_checks.py")
    ]
    if not frames:
        return ""
    last = frames[-1]
    name = last.filename.replace("\\", "/").rpartition("/")[2]
    return f"{name}:{last.lineno}: {last.line}"
