"""What is heard of failed payments: counted by stage, said once, loud when a person must act."""

from dataclasses import replace
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from external_gate.domain.aftermath import Aftermath, Stage
from external_gate.domain.errors import Unavailable
from external_gate.observe.aftercare_observer import LoggingAftercareObserver
from external_gate.observe.metrics import Metrics
from external_gate.testkit.store_checks.store_samples import facts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WAITING = Aftermath(facts(), began_at=NOW, updated_at=NOW, stage=Stage.WAITING, due_at=NOW)


def test_stage_is_counted_when_it_is_reached() -> None:
    metrics = Metrics(CollectorRegistry())
    observer = LoggingAftercareObserver(metrics)
    enabling = replace(WAITING, stage=Stage.ENABLING)

    with capture_logs() as lines:
        observer.aftermath_saved(WAITING, WAITING)
        observer.aftermath_saved(WAITING, enabling)
        observer.aftermath_saved(enabling, enabling)
        observer.aftermath_saved(enabling, replace(WAITING, stage=Stage.GIVEN_UP))

    told = [(line["event"], line["log_level"]) for line in lines]
    assert told == [
        ("aftermath_postponed", "debug"),
        ("threshold_enable_intended", "info"),
        ("aftermath_postponed", "debug"),
        ("threshold_abandoned", "warning"),
    ]
    body = metrics.render()[0].decode()
    assert 'external_gate_thresholds_after_failed_total{stage="enabling"} 1.0' in body
    assert 'external_gate_thresholds_after_failed_total{stage="waiting"} 0.0' in body


def test_outage_is_said_once_until_it_ends() -> None:
    observer = LoggingAftercareObserver(Metrics(CollectorRegistry()))

    with capture_logs() as lines:
        for _ in range(3):
            observer.aftercare_failed(Unavailable("gone"))
        observer.aftermath_saved(WAITING, WAITING)
        observer.aftercare_failed(Unavailable("gone"))

    assert [line["event"] for line in lines].count("aftercare_failed") == 2
