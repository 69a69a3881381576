"""`external-gate forward`, and where the other notifications show: as people type it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from external_gate.domain.host_notice import DeliveryState
from external_gate.domain.ledger import IncidentKind
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.forward_checks import HEADERS, LEDGER, other
from external_gate.testkit.store_checks.report_checks import decided, reached, report, status
from external_gate.testkit.store_checks.store_samples import LEASE, NOW, W1, later
from tests.cli.conftest import Home


@pytest.fixture
def forwarded(home: Home) -> Home:
    """Give a home that passes two notifications on: the first one is dead, and a notice of ours."""

    async def work(store: Store) -> None:
        await other(store, forward_to=(LEDGER, "forward.default"), headers=HEADERS)
        (due,) = await store.claim_notices(LEDGER, now=NOW, lease=LEASE, limit=9)
        await store.settle_notice(due, state=DeliveryState.DEAD, outcome="answered 500", at=NOW)
        await other(store, "n-2")

    home.with_store(work)
    return home


def waiting(home: Home) -> int:
    async def work(store: Store) -> int:
        at = datetime.now(UTC) + timedelta(minutes=1)
        return len(await store.claim_notices(LEDGER, now=at, lease=LEASE, limit=9))

    return home.with_store(work)


def test_list_shows_where_each_notification_is(forwarded: Home) -> None:
    header, newest, oldest = forwarded.run("forward", "list").stdout.splitlines()

    assert header.split() == ["NUMBER", "TYPE", "AGE", "NOTIFICATION", "DELIVERIES"]
    assert "ledger: waiting" in newest
    assert "default: waiting, ledger: dead" in oldest
    assert "there is no such notice" in forwarded.run("notices", "list").stderr


@pytest.mark.parametrize(
    ("narrowed", "numbers"),
    [
        (["--state", "dead"], [1]),
        (["--endpoint", "ledger"], [2, 1]),
        (["--endpoint", "default", "--state", "dead"], []),
        (["--before", "2"], [1]),
    ],
)
def test_list_is_narrowed(forwarded: Home, narrowed: list[str], numbers: list[int]) -> None:
    rows = json.loads(forwarded.run("forward", "list", "--json", *narrowed).stdout)

    assert [row["number"] for row in rows] == numbers


def test_show_points_at_the_bytes(forwarded: Home) -> None:
    told = forwarded.run("forward", "show", "1")
    view = json.loads(forwarded.run("forward", "show", "1", "--json").stdout)

    assert "external-gate notifications show 1" in told.stdout
    assert "ledger  dead after 1 try: answered 500" in told.stdout
    assert (view["notification"], view["type"]) == (1, "invoice.finalized")
    assert {way["endpoint"] for way in view["deliveries"]} == {"ledger", "default"}


@pytest.mark.parametrize("act", [["show", "9"], ["resend", "9"]])
def test_number_that_is_not_kept_is_a_no(forwarded: Home, act: list[str]) -> None:
    result = forwarded.run("forward", *act)

    assert result.exit_code == 1
    assert "external-gate forward list" in result.stderr


def test_notice_commands_leave_forwarded_ones_alone(forwarded: Home) -> None:
    assert forwarded.run("notices", "show", "1").exit_code == 1
    assert forwarded.run("notices", "resend", "1").exit_code == 1
    assert (
        forwarded.run("notices", "resend", "--dead").stdout == "0 deliveries will be tried again\n"
    )


def test_dead_one_is_sent_again(forwarded: Home) -> None:
    assert waiting(forwarded) == 1

    result = forwarded.run("forward", "resend", "--dead", "--endpoint", "ledger")

    assert result.stdout == "1 delivery will be tried again\n"
    assert waiting(forwarded) == 1


def test_misspelled_endpoint_is_refused(forwarded: Home) -> None:
    result = forwarded.run("forward", "resend", "1", "--endpoint", "leger")

    assert result.exit_code == 2
    assert "was not meant for leger, but for default, ledger" in result.stderr


def test_workflow_shows_what_metronome_reported(home: Home) -> None:
    async def work(store: Store) -> None:
        await report(store, reached(told_at=later(-2)), at=later(-1))
        await decided(store)
        await report(store, status("paid", told_at=later(5)), "r-2", at=later(6))
        await report(store, status("failed", told_at=later(9)), "r-3", at=later(10))

    home.with_store(work)

    text = home.run("workflows", "show", W1).stdout
    view = json.loads(home.run("workflows", "show", W1, "--json").stdout)

    assert "reports of Metronome" in text
    assert "payment_status failed" in text
    assert "threshold_reached" in text
    assert "release_confirmed" in text
    kind = IncidentKind.PAYMENT_STATUS_CONTRADICTED
    assert [each["kind"] for each in view["incidents"]] == [kind]
    reports = view["metronome_reports"]
    assert [each["payment_status"] for each in reports] == ["failed", "paid", None]
    assert (view["state"], view["outcome"]) == ("paid", "paid")


def test_doctor_names_a_webhook_that_never_came(home: Home) -> None:
    at = datetime.now(UTC)

    async def work(store: Store) -> None:
        await report(store, reached(), at=at)
        (lost,) = await store.unanswered_thresholds(received_before=at, lease=LEASE, limit=9)
        await store.settle_thresholds([lost.notification], lost_at=at)

    home.with_store(work)

    result = home.run("doctor")

    assert "webhook that asks for the charge: 1" in result.stdout
    assert "external-gate workflows missing" in result.stdout
