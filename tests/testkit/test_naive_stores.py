"""Stores: every naive one gets its finding, and nobody is blamed for the fault of another."""

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from external_gate.domain.errors import Broken
from external_gate.stores.sqlite import SqliteStore
from external_gate.testkit import (
    Status,
    StoreRig,
    as_json,
    as_markdown,
    as_text,
    certify_store,
    store_cases,
)
from external_gate.testkit.certification import Report
from external_gate.testkit.store_conformance import AREAS, play_store
from tests.stores.conftest import Tapped
from tests.stores.store_rigs import SqliteRig
from tests.tallies import count
from tests.testkit import naive_reporters as reporters
from tests.testkit import naive_stores as naive

MOVED = 136
"""Cases of the suite as it was when it could be run in this repository alone; none was lost."""


class Quick(sqlite3.Connection):
    """Waits for no disk: here nobody pulls the plug."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return super().execute(sql.replace("synchronous = FULL", "synchronous = OFF"), parameters)


def connect_quickly(path: Path, busy_timeout: timedelta) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        timeout=busy_timeout.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
        factory=Quick,
    )


class NaiveRig(SqliteRig):
    """The rig of our own store, with another store on it."""

    def __init__(self, folder: Path, store: type[SqliteStore]) -> None:
        super().__init__(folder)
        self._tap = Tapped(connect_quickly)
        self._store_class = store

    def store(self) -> SqliteStore:
        return self._store_class(self._path, connect=self._tap)


@pytest.fixture
def rigs(tmp_path: Path) -> Callable[[type[SqliteStore]], Callable[[], StoreRig]]:
    """Make rigs, each in a folder of its own."""
    made = 0

    def of(store: type[SqliteStore]) -> Callable[[], StoreRig]:
        def fresh() -> StoreRig:
            nonlocal made
            made += 1
            folder = tmp_path / str(made)
            folder.mkdir()
            return NaiveRig(folder, store)

        return fresh

    return of


Rigs = Callable[[type[SqliteStore]], Callable[[], StoreRig]]


async def certified(rigs: Rigs, store: type[SqliteStore], *areas: str) -> Report:
    cases = [case for case in store_cases() if case.check.area in areas]
    return await certify_store(rigs(store), cases=cases)


FAULTS: list[tuple[type[SqliteStore], tuple[str, ...], set[str]]] = [
    (
        naive.ClaimsInTwoSteps,
        ("leases", "processes"),
        {
            "claims-at-the-same-moment-share-nothing",
            "two-processes-never-claim-the-same-workflow",
        },
    ),
    (
        naive.IgnoresFence,
        ("saves", "processes"),
        {
            "late-worker-cannot-save",
            "evidence-of-a-late-worker-is-kept",
            "process-that-lost-its-lease-saves-nothing-but-evidence",
        },
    ),
    (naive.FencesEvidence, ("saves",), {"evidence-of-a-late-worker-is-kept"}),
    (
        naive.OverlooksEvidence,
        ("saves", "processes"),
        {
            "decision-that-has-not-read-all-evidence-is-refused",
            "evidence-of-another-process-is-read-before-anything-is-decided",
        },
    ),
    (naive.ForgetsWhatWasRead, ("saves",), {"own-evidence-counts-as-read"}),
    (
        naive.GivesBackBlindly,
        ("leases", "looks"),
        {
            "unread-evidence-does-not-sleep-after-a-give-back",
            "hint-during-a-lease-outlives-a-give-back",
        },
    ),
    (
        naive.AsksGuardsBefore,
        ("guards", "processes"),
        {
            "one-invoice-is-never-charged-for-two-workflows-at-once",
            "one-customer-is-never-charged-above-a-cap-at-once",
        },
    ),
    (
        naive.RemembersNoticesInMemory,
        ("processes", "durability"),
        {
            "one-notice-at-two-processes-is-evidence-once",
            "repeated-delivery-is-known-after-a-start",
        },
    ),
    (
        naive.KnowsDeliveriesByIdAlone,
        ("intake",),
        {"same-id-with-another-body-is-a-new-record"},
    ),
    (
        naive.KeepsPayersInMemory,
        ("lists", "durability"),
        {
            "everything-is-read-by-another-process-as-soon-as-it-is-acknowledged",
            "everything-is-there-after-a-stop-and-a-start",
            "everything-is-there-after-a-crash",
        },
    ),
    (
        naive.AcknowledgesBeforeCommit,
        ("durability",),
        {"evidence-appended-last-is-there-after-a-crash"},
    ),
    (
        naive.LetsTimeRunBackwards,
        ("marks", "durability"),
        {"high-water-mark-rises-with-every-beat", "high-water-mark-is-there-after-a-start"},
    ),
    (
        naive.WakesNobody,
        ("attempts",),
        {
            "evidence-wakes-a-workflow-that-waits",
            "late-truth-wakes-an-ended-workflow",
        },
    ),
    (
        naive.OverwritesHolds,
        ("holds",),
        {"hold-asked-for-meanwhile-survives-a-save-and-wakes"},
    ),
    (naive.TellsWhatFailed, ("outbox",), {"save-that-fails-tells-nothing"}),
    (
        naive.LeasesNoNotice,
        ("outbox",),
        {
            "claimed-notice-is-nobody-elses-until-its-lease-ends",
            "processes-never-claim-one-notice-at-the-same-moment",
        },
    ),
    (
        reporters.BelievesOldStatuses,
        ("reports",),
        {
            "status-from-before-the-release-says-nothing",
            "status-that-a-later-one-has-replaced-is-no-incident",
            "reports-survive-in-full",
        },
    ),
    (
        reporters.OverlooksStatuses,
        ("reports",),
        {
            "status-after-the-decision-confirms-it-once",
            "status-against-the-decision-is-one-incident-and-moves-nothing",
            "contradicting-status-is-told-to-the-host",
            "status-before-any-decision-decides-nothing",
            "reports-survive-in-full",
        },
    ),
    (
        reporters.MatchesWithoutTheContract,
        ("reports",),
        {
            "status-of-another-invoice-or-contract-says-nothing",
            "one-workflow-follows-one-threshold-of-its-contract",
        },
    ),
    (
        reporters.DecidesByStatus,
        ("reports",),
        {"status-before-any-decision-decides-nothing"},
    ),
    (
        reporters.LeasesNoThreshold,
        ("reports",),
        {"threshold-that-nothing-followed-is-given-to-one-process-and-settled-once"},
    ),
    (
        reporters.PassesOnWithoutHeaders,
        ("forwards",),
        {"what-is-passed-on-is-what-came", "forwarded-notification-can-be-sent-again"},
    ),
    (
        reporters.PrunesByAgeAlone,
        ("forwards",),
        {
            "old-notifications-go-and-with-them-what-was-passed-on",
            "notification-on-its-way-to-somebody-is-not-removed",
            "what-asked-for-a-charge-or-may-have-is-never-removed",
            "report-of-a-workflow-is-never-removed",
            "threshold-is-removed-only-when-it-is-settled",
        },
    ),
    (
        naive.TellsJudgesNothing,
        ("aftermaths",),
        {
            "judge-hears-of-other-workflows-of-the-contract-alone",
            "workflow-of-another-type-is-no-follower",
            "judge-hears-of-incidents-until-a-later-workflow-was-released",
            "judge-hears-of-evidence-that-nobody-has-read",
            "judge-counts-what-was-switched-on-since-the-latest-release",
        },
    ),
    (
        naive.LeasesNoAftermath,
        ("aftermaths",),
        {
            "claimed-aftermath-is-nobody-elses-until-its-lease-ends",
            "lease-of-an-aftermath-that-is-not-given-back-goes-on",
            "payer-change-during-a-lease-is-looked-at-after-it",
            "processes-never-claim-one-aftermath-at-the-same-moment",
        },
    ),
    (naive.MovesDueAt, ("leases",), {"due-at-stays-what-was-saved"}),
    (
        naive.LeavesInTheInbox,
        ("intake", "processes"),
        {
            "all-of-many-at-once-are-recorded",
            "what-a-rush-leaves-is-recorded-once-by-two-processes",
        },
    ),
    (naive.CountsInFloats, ("intake",), {"total-keeps-every-digit"}),
    (
        naive.TellsGuardsNothing,
        ("guards",),
        {
            "invoice-is-taken-while-another-charge-may-be-on-the-wire",
            "invoice-stays-taken-when-money-was-ever-seen",
            "invoice-is-taken-while-restored-books-may-lack-the-other-charge",
            "invoice-is-taken-by-what-a-person-settled-as-paid",
        },
    ),
    (
        naive.CountsWithoutTheCustomer,
        ("limits", "processes"),
        {
            "charge-on-the-wire-counts-at-its-latest-send",
            "charge-counts-while-its-money-may-be-taken",
            "charge-counts-when-its-money-was-taken",
            "charge-counts-when-a-person-settled-it-as-paid",
            "money-that-was-taken-although-the-charge-was-dead-counts",
            "soft-decline-of-a-workflow-that-then-paid-does-not-count",
            "charge-in-another-currency-is-a-charge-and-no-money",
            "charge-of-before-the-time-asked-for-does-not-count",
            "newest-charges-come-first-and-no-more-than-asked-for",
            "declines-of-a-payment-method-are-counted-since-it-last-paid",
            "declines-are-counted-up-to-the-number-asked-for",
            "charge-without-an-end-is-no-decline-and-ends-no-row-of-them",
            "one-customer-is-never-charged-above-a-cap-at-once",
        },
    ),
    (
        naive.BelievesEveryGateway,
        ("notices",),
        {
            "one-event-id-at-two-gateways-is-two-notices",
            "notice-of-another-gateway-is-never-evidence",
        },
    ),
    (naive.BeginsFromNothing, ("replays",), {"replay-of-an-unknown-notification-is-refused"}),
    (
        naive.ListsOldestFirst,
        ("lists",),
        {
            "workflows-are-listed-newest-first-page-by-page",
            "every-filter-narrows",
        },
    ),
    (
        naive.LetsDriverRaise,
        ("outages",),
        {
            "every-write-is-unavailable-while-the-database-is-away",
            "same-handle-goes-on-when-the-database-is-back",
        },
    ),
    (naive.TrustsItsCode, ("refusals",), {"database-refuses-by-itself-what-no-store-may-do"}),
]


@pytest.mark.parametrize(("store", "areas", "found"), FAULTS)
async def test_naive_store_gets_its_finding_and_no_other(
    rigs: Rigs, store: type[SqliteStore], areas: tuple[str, ...], found: set[str]
) -> None:
    report = await certified(rigs, store, *areas)

    assert {finding.check.id for finding in report.findings} == found, as_text(report)
    assert not report.passed
    for finding in report.findings:
        assert finding.sentence
        assert any(line.startswith("process 1: ") for line in finding.trace)
        assert "_checks.py:" in finding.trace[-1]
        assert finding.check.cure in as_text(report)
    count("naive stores found out")


def test_every_area_is_where_a_naive_store_falls() -> None:
    area_of = {case.check.id: case.check.area for case in store_cases()}

    fallen = {area_of[name] for _, _, found in FAULTS for name in found}

    assert fallen == {area.name for area in AREAS}


async def test_careful_store_gets_no_finding(rigs: Rigs) -> None:
    report = await certified(rigs, naive.Careful, "guards", "durability", "outages")

    assert report.passed, as_text(report)
    assert not report.findings


async def test_store_that_waits_for_ever_is_given_up(rigs: Rigs) -> None:
    case = store_cases()[0]

    result = await play_store(case, rigs(naive.WaitsForEver)(), longest_seconds=0.1)

    assert [found.sentence for found in result.violations] == ["it did not end within 0.1 s"]


async def test_store_that_can_do_nothing_gets_one_finding_with_its_consequences(
    rigs: Rigs,
) -> None:
    report = await certified(rigs, naive.CannotRecord, "intake", "holds")

    (finding,) = report.findings
    assert finding.check.id == "first-notification-begins-its-workflow"
    assert finding.sentence == "OperationalError was raised: no such table: notifications"
    assert len(finding.consequences) >= 20


async def test_report_has_the_three_forms_of_every_certification(rigs: Rigs) -> None:
    report = await certified(rigs, naive.OverwritesHolds, "holds")

    said = json.loads(as_json(report))
    assert (said["passed"], said["score"]["failed"]) == (False, 1)
    assert said["subject"] == "tests.testkit.naive_stores.OverwritesHolds"
    assert "# Certification of `tests.testkit.naive_stores.OverwritesHolds`" in as_markdown(report)
    lines = as_text(report)
    assert "1. it gave None; wanted was <HeldReason.OPERATOR: 'operator'>" in lines
    assert "must: Hold asked for meanwhile survives a save and wakes." in lines
    assert "process 1: want_hold('workflow-1', " in lines


class BareRig:
    """Can neither crash nor go away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def store(self) -> SqliteStore:
        return SqliteStore(self._folder / "gate.db")

    async def start(self) -> None:
        """Make nothing."""

    async def stop(self) -> None:
        """Remove nothing."""


async def test_what_a_rig_cannot_play_is_not_exercised_and_never_passed(tmp_path: Path) -> None:
    cases = [case for case in store_cases() if case.needs is not None]

    report = await certify_store(lambda: BareRig(tmp_path), cases=cases)

    assert not report.findings
    assert not report.passed
    assert report.count(Status.NOT_EXERCISED) == len(report.checks)
    assert "the rig has not the members of Crashes" in as_text(report)


async def test_store_that_cannot_be_opened_is_broken_and_no_finding(tmp_path: Path) -> None:
    with pytest.raises(Broken, match=r"no empty store can be opened on the rig: .*nowhere"):
        await certify_store(lambda: BareRig(tmp_path / "nowhere"))


def test_no_check_was_lost_on_the_way_into_the_kit() -> None:
    ids = [case.id for case in store_cases()]
    new = ("processes", "durability", "outages", "refusals")

    moved = [case for case in store_cases() if case.check.area not in new]

    assert len(ids) == len(set(ids))
    assert len(moved) >= MOVED
    count("cases of the store kit", len(ids))
