"""The observer of the intake: every delivery is told once, with what a person must know."""

from collections.abc import Callable

from external_gate.domain.workflow import HeldReason
from external_gate.observe.observer import LoggingObserver
from external_gate.stores.store_records import Receipt, Recorded
from tests.observe.conftest import Logged
from tests.observe.records import ID, SECOND


def recorded(receipt: Receipt = Receipt.RECORDED, *, conflict: bool = False) -> Recorded:
    """Give what the store says of a notification of the workflow."""
    return Recorded(receipt, 7, ID, conflict=conflict)


KIND = "payment_gate.external_initiate"


def test_notification_is_one_line_with_its_age(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.recorded(recorded(), KIND, 2 * SECOND, None)

    line = logged.line
    assert (line["event"], line["level"]) == ("notification_recorded", "debug")
    assert (line["workflow_id"], line["type"], line["number"]) == (ID, KIND, 7)
    assert (line["receipt"], line["age_seconds"]) == ("recorded", 2.0)
    assert count("notifications_total", receipt="recorded") == 0


def test_acknowledgement_is_counted_without_a_line(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.acknowledged("recorded", 2 * SECOND)

    assert not logged.lines
    assert count("notifications_total", receipt="recorded") == 1
    assert count("notification_age_seconds_sum") == 2


def test_misunderstood_notification_that_begins_a_workflow_holds_it(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.recorded(recorded(), KIND, SECOND, "invoice_total is missing")

    first, second = logged.lines
    assert (first["event"], first["level"]) == ("notification_recorded", "debug")
    assert (second["event"], second["level"]) == ("workflow_held", "warning")
    assert second["held_reason"] == "misshapen_notification"
    assert second["detail"] == "invoice_total is missing"
    assert count("holds_total", held_reason="misshapen_notification") == 1
    assert count("notifications_flawed_total") == 1


def test_hold_by_the_intake_is_told_with_its_reason(
    observer: LoggingObserver, logged: Logged
) -> None:
    observer.recorded(recorded(), KIND, 80 * 3600 * SECOND, None, held=HeldReason.STALE)

    assert logged.lines[1]["held_reason"] == "stale"
    assert logged.lines[1]["level"] == "warning"


def test_misunderstood_notification_without_a_workflow_is_a_warning(
    observer: LoggingObserver, logged: Logged
) -> None:
    observer.recorded(Recorded(Receipt.RECORDED, 7), "", SECOND, "the body is not JSON")

    line = logged.line
    assert (line["event"], line["level"]) == ("notification_flawed", "warning")
    assert "external-gate notifications show 7" in line["cure"]


def test_conflicting_notification_is_one_warning(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.recorded(recorded(conflict=True), KIND, SECOND, None)

    line = logged.line
    assert (line["event"], line["level"]) == ("notification_conflicted", "warning")
    assert f"external-gate workflows show {ID}" in line["cure"]
    assert count("notification_conflicts_total") == 1


def test_repeated_flaw_is_not_told_again(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.recorded(recorded(Receipt.DUPLICATE), KIND, SECOND, "invoice_total is missing")

    assert logged.line["level"] == "debug"
    assert count("notifications_flawed_total") == 0
    assert count("holds_total", held_reason="misshapen_notification") == 0


def test_what_is_shed_is_counted_each_and_told_now_and_then(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    for untold in (1, 0, 0):
        observer.shed("overloaded", untold)
    observer.shed("not_in_time", 0)

    line = logged.line
    assert (line["event"], line["level"], line["shed"]) == ("notifications_shed", "warning", 1)
    assert "replicas" in line["cure"]
    assert count("notifications_refused_total", reason="overloaded") == 3
    assert count("notifications_refused_total", reason="not_in_time") == 1


def test_refused_delivery_is_a_warning(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.refused("wrong_signature", None, only_the_date=False)

    assert (logged.line["event"], logged.line["level"]) == ("notification_refused", "warning")
    assert logged.line["reason"] == "wrong_signature"
    assert count("clock_suspected_total") == 0


def test_delivery_refused_for_its_date_alone_is_an_error_about_our_clock(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.refused("too_new", -600 * SECOND, only_the_date=True)

    line = logged.line
    assert (line["event"], line["level"]) == ("clock_suspected", "error")
    assert (line["reason"], line["age_seconds"]) == ("too_new", -600)
    assert "NTP" in line["cure"]
    assert count("clock_suspected_total") == 1


def test_status_that_contradicts_is_an_incident_with_its_cure(
    observer: LoggingObserver, logged: Logged, count: Callable[..., float]
) -> None:
    told = Recorded(Receipt.RECORDED, 7, ID, contradicts=True)

    observer.recorded(told, "payment_gate.payment_status", SECOND, None)

    line = logged.lines[-1]
    assert (line["event"], line["level"]) == ("incident_raised", "warning")
    assert (line["kind"], line["number"]) == ("payment_status_contradicted", 7)
    assert f"external-gate workflows show {ID}" in line["command"]
    assert count("incidents_raised_total", kind="payment_status_contradicted") == 1
