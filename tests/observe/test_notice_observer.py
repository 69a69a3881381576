"""What gateways tell by themselves is told once in the log, and nothing of their bytes."""

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from external_gate.domain.outcome import Outcome, Succeeded
from external_gate.observe.metrics import Metrics
from external_gate.observe.notice_observer import LoggingNoticeObserver
from external_gate.stores.store_records import NewNotice, NoticeReceipt, NoticeTaken
from external_gate.testkit.store_checks.store_samples import NOW, PRICE, W1, key_of
from tests.observe.conftest import Logged

R = NoticeReceipt


@pytest.fixture
def observer(registry: CollectorRegistry) -> LoggingNoticeObserver:
    return LoggingNoticeObserver(Metrics(registry))


def notice(outcome: Outcome | None = None) -> NewNotice:
    return NewNotice("main", "evt-1", key_of(), outcome, outcome is not None, NOW)


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        (NoticeTaken(R.RECORDED, 7, W1, is_evidence=True), ("evidence", "info")),
        (NoticeTaken(R.RECORDED, 7, W1, look_asked=True), ("look", "info")),
        (NoticeTaken(R.DUPLICATE, 7, W1, look_asked=True), ("duplicate", "info")),
        (NoticeTaken(R.UNMATCHED, 7), ("unmatched", "warning")),
        (NoticeTaken(R.UNMATCHED, 7, meant_for="other"), ("misdirected", "error")),
    ],
)
def test_notice_is_one_line_by_what_it_came_to(
    observer: LoggingNoticeObserver,
    logged: Logged,
    count: Callable[..., float],
    taken: NoticeTaken,
    told: tuple[str, str],
) -> None:
    effect, level = told
    observer.notice_taken(notice(Succeeded("ch_1", PRICE)), taken)

    line = logged.line
    assert (line["level"], line["effect"], line["claim"]) == (level, effect, "succeeded")
    assert (line["gateway"], line["event_id"], line["number"]) == ("main", "evt-1", 7)
    assert ("cure" in line) == (level != "info")
    assert count("gateway_notices_total", gateway="main", effect=effect) == 1


def test_notice_of_another_gateway_names_both(
    observer: LoggingNoticeObserver, logged: Logged
) -> None:
    observer.notice_taken(notice(), NoticeTaken(R.UNMATCHED, 7, meant_for="other"))

    assert (logged.line["gateway"], logged.line["sent_through"]) == ("main", "other")
    assert logged.line["event"] == "gateway_notice_misdirected"


def test_refusal_is_counted_and_an_invented_name_is_no_label(
    observer: LoggingNoticeObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.notices_refused("main", "not_verified")
    observer.notices_refused(None, "unknown_gateway")

    assert [line["reason"] for line in logged.lines] == ["not_verified", "unknown_gateway"]
    assert count("gateway_notices_refused_total", gateway="main", reason="not_verified") == 1
    assert count("gateway_notices_refused_total", gateway="other", reason="unknown_gateway") == 1


def test_failing_adapter_is_told_by_its_place_and_never_by_its_words(
    observer: LoggingNoticeObserver, logged: Logged, count: Callable[..., float]
) -> None:
    try:
        raise ValueError("card 4111111111111111")  # noqa: TRY301 - where it is raised is the point
    except ValueError as error:
        observer.adapter_failed("main", error)

    line = logged.line
    assert (line["event"], line["error"]) == ("gateway_adapter_failed", "ValueError")
    assert line["raised_at"].startswith("test_notice_observer.py:")
    assert "4111" not in str(line)
    assert count("gateway_notices_refused_total", gateway="main", reason="adapter_failed") == 1


def test_notification_about_nothing_of_ours_is_counted(
    observer: LoggingNoticeObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.notices_ignored("main")

    assert logged.lines[0]["event"] == "gateway_notice_ignored"
    assert count("gateway_notices_total", gateway="main", effect="ignored") == 1
