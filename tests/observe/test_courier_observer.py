"""One warning per dead notice, with its cure; ordinary ones are for debugging."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from external_gate.domain.errors import Unavailable
from external_gate.domain.host_notice import DueNotice
from external_gate.notices.notice_sink import Gone, NotTaken, Taken
from external_gate.observe.courier_observer import LoggingCourierObserver
from external_gate.observe.metrics import Metrics
from external_gate.testkit.store_checks.store_samples import NOW
from tests.observe.conftest import Logged

DUE = DueNotice(
    7, "erp", "msg_1", "workflow.held", b'{"s3cret":1}', NOW, NOW + timedelta(days=3), 9, 9
)


@pytest.fixture
def observer(registry: CollectorRegistry) -> LoggingCourierObserver:
    return LoggingCourierObserver(Metrics(registry))


def test_dead_notice_is_one_warning_with_the_command(
    observer: LoggingCourierObserver, logged: Logged
) -> None:
    observer.notice_tried(DUE, NotTaken("answered 503"), None)

    line = logged.line
    assert (line["level"], line["event"]) == ("warning", "notice_buried")
    assert (line["number"], line["endpoint"], line["cause"]) == (7, "erp", "answered 503")
    assert "external-gate notices resend 7 --endpoint erp" in line["cure"]
    assert "s3cret" not in logged.text


def test_what_nobody_offers_any_more_is_the_same_warning(
    observer: LoggingCourierObserver, logged: Logged
) -> None:
    observer.notice_buried(8, "removed")

    assert (logged.line["event"], logged.line["number"]) == ("notice_buried", 8)


def test_ordinary_tries_are_for_debugging(observer: LoggingCourierObserver, logged: Logged) -> None:
    observer.notice_tried(DUE, Taken("answered 204"), None)
    observer.notice_tried(DUE, NotTaken("answered 503"), NOW)

    assert [(line["level"], line["event"]) for line in logged.lines] == [
        ("debug", "notice_delivered"),
        ("debug", "notice_not_accepted"),
    ]


def test_endpoint_that_wants_no_more_is_named(
    observer: LoggingCourierObserver, logged: Logged
) -> None:
    observer.endpoint_gone("erp")
    observer.notice_tried(DUE, Gone("answered 410"), None)

    gone, dead = logged.lines
    assert (gone["event"], gone["endpoint"]) == ("notice_endpoint_closed", "erp")
    assert dead["event"] == "notice_buried"


def test_outage_of_the_outbox_is_one_line(observer: LoggingCourierObserver, logged: Logged) -> None:
    for _ in range(3):
        observer.courier_failed(Unavailable("s3cret"))
    observer.notice_tried(DUE, Taken(), None)
    observer.courier_failed(Unavailable("s3cret"))

    failed = [line for line in logged.lines if line["event"] == "courier_failed"]
    assert [line["error"] for line in failed] == ["Unavailable", "Unavailable"]
    assert "s3cret" not in logged.text


def test_dead_forwarded_notification_names_its_own_command(
    observer: LoggingCourierObserver, logged: Logged
) -> None:
    observer.notice_buried(9, "forward.ledger")

    assert "external-gate forward resend 9 --endpoint ledger" in logged.line["cure"]
