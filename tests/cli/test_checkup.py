"""How `doctor` judges what it found; without a machine that has these troubles."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from external_gate.cli.checks_inside import file_checks, promises_check
from external_gate.cli.checks_outside import clock_check, reach_check
from external_gate.cli.checkup import Check, Level, exit_code, failure, fine, warning
from external_gate.domain.charge import Capabilities, Idempotency, Lookup
from external_gate.outbound.calls import Answered, CallEnd, NeverSent, SentUnanswered
from external_gate.stores.sqlite_checkup import Findings

NOW = datetime(2026, 11, 22, 12, 0, 0, 500_000, tzinfo=UTC)
URL = "https://metronome.example"

GOOD = Findings(
    path=Path("gate.db"),
    exists=True,
    library="3.51.3",
    has_wal_reset_bug=False,
    free_bytes=10 * 2**30,
    journal_mode="wal",
    synchronous="FULL",
)


@pytest.mark.parametrize(
    ("codes", "ends_with"),
    [([], 0), ([3], 3), ([1], 1), ([2], 2), ([3, 1], 1), ([1, 3, 2], 2), ([3, 2], 2)],
)
def test_what_is_wrong_here_hides_what_is_wrong_there(codes: list[int], ends_with: int) -> None:
    checks = [fine("a", "x"), warning("b", "y", cure="z")]
    checks += [failure(str(code), "no", cure="", exit_code=code) for code in codes]

    assert exit_code(checks) == ends_with


@pytest.mark.parametrize(
    ("end", "level", "code"),
    [
        (Answered(200, {}, b"{}"), Level.OK, None),
        (Answered(401, {}, b"{}"), Level.FAIL, 1),
        (Answered(403, {}, b"{}"), Level.FAIL, 1),
        (Answered(404, {}, b"<html>"), Level.FAIL, 1),
        (Answered(302, {}, b""), Level.FAIL, 1),
        (Answered(429, {}, b""), Level.FAIL, 3),
        (Answered(503, {}, b""), Level.FAIL, 3),
        (NeverSent("no connection"), Level.FAIL, 3),
        (SentUnanswered("no whole answer in time"), Level.FAIL, 3),
    ],
)
def test_answer_of_metronome_is_judged(end: CallEnd, level: Level, code: int | None) -> None:
    check = reach_check(end, URL, hide="token")

    assert check.level is level
    if code is not None:
        assert check.exit_code == code
        assert check.cure


def test_token_is_hidden_even_when_metronome_repeats_it() -> None:
    echo = Answered(401, {}, b'{"message": "unknown token s3cret-token"}')

    assert "s3cret-token" not in reach_check(echo, URL, hide="s3cret-token").sentence


@pytest.mark.parametrize(
    ("off", "level"),
    [
        (timedelta(0), Level.OK),
        (timedelta(seconds=60), Level.OK),
        (timedelta(seconds=61), Level.WARN),
        (timedelta(minutes=4), Level.WARN),
        (timedelta(minutes=4, seconds=1), Level.FAIL),
        (timedelta(days=400), Level.FAIL),
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_clock_is_compared_with_the_date_of_the_answer(
    off: timedelta, level: Level, side: int
) -> None:
    answer = Answered(200, {"date": "Sun, 22 Nov 2026 12:00:00 GMT"}, b"")

    check = clock_check(answer, now=NOW + side * off)

    assert check.level is level


@pytest.mark.parametrize(
    "end", [NeverSent("x"), Answered(200, {}, b""), Answered(200, {"date": "soon"}, b"")]
)
def test_clock_without_a_date_is_not_compared(end: CallEnd) -> None:
    assert clock_check(end, now=NOW).level is Level.WARN


def by_name(findings: Findings) -> dict[str, Check]:
    return {check.name: check for check in file_checks(findings)}


@pytest.mark.parametrize(
    ("mebibytes", "level"),
    [(2000, Level.OK), (1024, Level.OK), (1023, Level.WARN), (50, Level.WARN), (49, Level.FAIL)],
)
def test_room_on_the_disk(mebibytes: int, level: Level) -> None:
    assert by_name(replace(GOOD, free_bytes=mebibytes * 2**20))["disk"].level is level


def test_old_sqlite_is_a_warning_that_says_why_one_service_is_safe() -> None:
    old = by_name(replace(GOOD, library="3.40.1", has_wal_reset_bug=True))["sqlite"]

    assert old.level is Level.WARN
    assert "3.40.1" in old.sentence
    assert "One service per file is safe" in old.sentence
    assert by_name(GOOD)["sqlite"].level is Level.OK


def test_missing_migrations_are_named() -> None:
    behind = by_name(replace(GOOD, behind=("0002_more", "0003_most")))["store"]

    assert behind.level is Level.WARN
    assert "0002_more, 0003_most" in behind.sentence


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("promised", "level"),
    [
        (Capabilities(), Level.WARN),
        (Capabilities(idempotency=Idempotency.NATIVE), Level.WARN),  # no published window
        (Capabilities(idempotency=Idempotency.NATIVE, window=DAY), Level.OK),
        (Capabilities(lookup=Lookup.QUERY), Level.OK),
    ],
)
def test_gateway_that_cannot_tell_what_became_of_a_charge_is_a_warning(
    promised: Capabilities, level: Level
) -> None:
    check = promises_check("gateway main", "mine", promised)

    assert check.level is level
    assert ("the workflow is held" in check.sentence) is (level is Level.WARN)
