"""What is found in rounds is told once, with the cure."""

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from external_gate.domain.errors import Broken, Unavailable
from external_gate.domain.gate_report import KeptReport
from external_gate.observe.metrics import Metrics
from external_gate.observe.rounds_observer import LoggingRoundsObserver
from external_gate.testkit.store_checks.report_checks import reached
from external_gate.testkit.store_checks.store_samples import NOW
from tests.observe.conftest import Logged


@pytest.fixture
def observer(registry: CollectorRegistry) -> LoggingRoundsObserver:
    return LoggingRoundsObserver(Metrics(registry))


def test_missed_webhook_is_one_warning_and_is_counted(
    observer: LoggingRoundsObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.webhook_missed(KeptReport(7, reached(), NOW))

    line = logged.line
    assert (line["event"], line["level"], line["notification"]) == ("webhook_missed", "warning", 7)
    assert (line["customer_id"], line["contract_id"]) == ("customer-1", "contract-1")
    assert "external-gate workflows missing --customer customer-1" in line["cure"]
    assert count("webhooks_missed_total") == 1


def test_what_was_removed_is_counted(
    observer: LoggingRoundsObserver, logged: Logged, count: Callable[..., float]
) -> None:
    observer.pruned(3)

    assert (logged.line["event"], logged.line["count"]) == ("notifications_pruned", 3)
    assert count("notifications_pruned_total") == 3


@pytest.mark.parametrize(
    ("error", "level"), [(Unavailable("away"), "warning"), (Broken("bug"), "error")]
)
def test_round_that_failed_is_told(
    observer: LoggingRoundsObserver, logged: Logged, error: Exception, level: str
) -> None:
    observer.round_failed("watch", error)

    assert (logged.line["event"], logged.line["level"]) == ("round_failed", level)
    assert logged.line["round"] == "watch"
