"""Metrics count what they say, with few series whatever the outside sends."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from external_gate.domain.evidence import Source
from external_gate.domain.ledger import Deferral, IncidentKind
from external_gate.domain.workflow import ENDED, HeldReason, State
from external_gate.intake.signature import Refusal
from external_gate.metronome.billing import ReleaseResult
from external_gate.observe import label_values
from external_gate.observe.catalogue import CONTENT_TYPE
from external_gate.observe.families import MOST_NAMES
from external_gate.observe.metrics import Metrics
from external_gate.observe.observer import OUTCOME_NAMES
from external_gate.stores.store_records import Counts, Receipt

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Scraped:
    """Metrics, and what a scrape of them shows."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", Metrics(self.registry))

    def __call__(self, name: str, **labels: str) -> float:
        """Give one sample, as Prometheus reads it."""
        found = self.samples(name)
        return found[tuple(sorted(labels.items()))]

    def samples(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Give every sample of a name by its labels."""
        body, _ = self.metrics.render()
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
            if sample.name == f"external_gate_{name}"
        }


@pytest.fixture
def scraped() -> Scraped:
    """Give fresh metrics."""
    return Scraped()


def test_notification_is_counted_by_receipt_and_aged(scraped: Scraped) -> None:
    for receipt in Receipt:
        scraped.metrics.notification_acknowledged(receipt, SECOND)
        scraped.metrics.notification_judged(conflict=False, flawed=False)
    scraped.metrics.notification_acknowledged("recorded", SECOND * 400)
    scraped.metrics.notification_judged(conflict=True, flawed=True)

    assert scraped("notifications_total", receipt="recorded") == 2
    assert scraped("notifications_total", receipt="ignored") == 1
    assert scraped("notification_conflicts_total") == 1
    assert scraped("notifications_flawed_total") == 1
    assert scraped("notification_age_seconds_sum") == 403
    assert scraped("notification_age_seconds_bucket", le="300.0") == 3
    assert scraped("notification_age_seconds_bucket", le="900.0") == 4


def test_age_in_the_future_does_not_shrink_the_sum(scraped: Scraped) -> None:
    scraped.metrics.notification_acknowledged("recorded", -SECOND * 200)

    assert scraped("notification_age_seconds_sum") == 0


def test_refusal_is_counted_by_reason_and_the_clock_suspected(scraped: Scraped) -> None:
    scraped.metrics.notification_refused("wrong_signature")
    scraped.metrics.notification_refused("too_new", only_the_date=True)

    assert scraped("notifications_refused_total", reason="wrong_signature") == 1
    assert scraped("notifications_refused_total", reason="too_new") == 1
    assert scraped("notifications_refused_total", reason="too_old") == 0
    assert scraped("clock_suspected_total") == 1


def test_call_to_a_gateway_is_counted_and_timed(scraped: Scraped) -> None:
    scraped.metrics.gateway_called("main", "charge", "unknown", SECOND * 3)
    scraped.metrics.gateway_called("main", "lookup", "succeeded", SECOND / 10)

    call = {"gateway": "main", "operation": "charge"}
    assert scraped("gateway_calls_total", **call, outcome="unknown") == 1
    assert scraped("gateway_call_seconds_sum", **call) == 3
    assert scraped("gateway_call_seconds_count", gateway="main", operation="lookup") == 1


def test_release_call_is_counted_and_timed(scraped: Scraped) -> None:
    scraped.metrics.release_called("done", SECOND)
    scraped.metrics.release_called("unauthorized", SECOND)

    assert scraped("release_calls_total", result="done") == 1
    assert scraped("release_calls_total", result="unauthorized") == 1
    assert scraped("release_call_seconds_count") == 2


def test_workflows_machinery_and_trouble_are_counted(scraped: Scraped) -> None:
    scraped.metrics.workflow_held(HeldReason.NO_PAYER)
    scraped.metrics.workflow_ended(State.RELEASED)
    scraped.metrics.incident_raised(IncidentKind.LATE_SUCCESS)
    scraped.metrics.lease_lost()
    scraped.metrics.step_failed("broken")
    scraped.metrics.observe_commit(7, 0.002)
    scraped.metrics.set_event_loop_lag(0.25)

    assert scraped("holds_total", held_reason="no_payer") == 1
    assert scraped("workflows_ended_total", state="released") == 1
    assert scraped("incidents_raised_total", kind="late_success") == 1
    assert scraped("leases_lost_total") == 1
    assert scraped("steps_failed_total", error="broken") == 1
    assert scraped("commit_size_bucket", le="8.0") == 1
    assert scraped("commit_size_bucket", le="4.0") == 0
    assert scraped("commit_seconds_sum") == 0.002
    assert scraped("event_loop_lag_seconds") == 0.25


def test_counts_of_the_store_are_shown_and_go_back_to_zero(scraped: Scraped) -> None:
    counts = Counts(
        by_state={State.UNRESOLVED: 2, State.HELD: 3},
        oldest_by_state={State.UNRESOLVED: NOW - SECOND * 90, State.HELD: NOW + SECOND},
        held={HeldReason.UNKNOWN_CHARGE: 1, HeldReason.GUARD: 2},
        deferred={Deferral.VELOCITY: 5},
        breakers_open=6,
        incidents={IncidentKind.REVERSED: 4},
    )

    scraped.metrics.set_counts(counts, NOW)

    assert scraped("workflows", state="unresolved") == 2
    assert scraped("workflows", state="paid") == 0
    assert scraped("oldest_workflow_age_seconds", state="unresolved") == 90
    assert scraped("oldest_workflow_age_seconds", state="held") == 0
    assert scraped("workflows_held", held_reason="guard") == 2
    assert scraped("incidents", kind="reversed") == 4
    assert scraped("workflows_deferred", guard="velocity") == 5
    assert scraped("workflows_deferred", guard="pause") == 0
    assert scraped("breakers_open") == 6
    assert scraped("unknowns_open") == 3
    assert scraped("counted_timestamp_seconds") == NOW.timestamp()

    scraped.metrics.set_counts(Counts(), NOW)

    gauges = ("workflows", "oldest_workflow_age_seconds", "workflows_held", "incidents")
    for name in (*gauges, "workflows_deferred", "breakers_open"):
        assert set(scraped.samples(name).values()) == {0}
    assert scraped("unknowns_open") == 0


def test_notices_on_their_way_are_shown_per_endpoint_until_there_are_none(
    scraped: Scraped,
) -> None:
    waiting = Counts(
        notices_waiting={"erp": 2},
        notices_waiting_since={"erp": NOW - SECOND * 90},
        notices_dead={"pager": 1},
    )
    scraped.metrics.set_counts(waiting, NOW)
    scraped.metrics.notice_tried("erp", "delivered")

    assert scraped("notices_waiting", endpoint="erp") == 2
    assert scraped("notices_oldest_waiting_seconds", endpoint="erp") == 90
    assert scraped("notices_dead", endpoint="pager") == 1
    assert scraped("notice_tries_total", endpoint="erp", result="delivered") == 1

    scraped.metrics.set_counts(Counts(), NOW)
    for name in ("notices_waiting", "notices_oldest_waiting_seconds", "notices_dead"):
        assert set(scraped.samples(name).values()) == {0}


def test_what_the_outside_invents_becomes_other(scraped: Scraped) -> None:
    for number in range(1_000):
        scraped.metrics.notification_refused(f"reason {number}")
        scraped.metrics.release_called(f"result {number}", SECOND)
        scraped.metrics.step_failed(f"error {number}")
        scraped.metrics.notification_acknowledged(f"receipt {number}", SECOND)
        scraped.metrics.gateway_called(f"gateway {number}", f"o{number}", f"o{number}", SECOND)

    assert scraped("notifications_refused_total", reason="other") == 1_000
    assert scraped("release_calls_total", result="other") == 1_000
    assert scraped("steps_failed_total", error="other") == 1_000
    assert scraped("notifications_total", receipt="other") == 1_000
    calls = scraped.samples("gateway_calls_total")
    assert len(calls) == MOST_NAMES + 1
    assert sum(calls.values()) == 1_000


def test_rates_work_from_the_start(scraped: Scraped) -> None:
    assert len(scraped.samples("holds_total")) == len(HeldReason)
    assert len(scraped.samples("workflows_ended_total")) == len(ENDED)
    assert scraped("release_calls_total", result="unauthorized") == 0


def test_text_is_for_every_prometheus_and_without_birthdays(scraped: Scraped) -> None:
    body, content_type = scraped.metrics.render()

    assert content_type == CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"
    assert b"_created" not in body


def test_two_services_in_one_process_do_not_share_metrics() -> None:
    one, other = Scraped(), Scraped()

    one.metrics.lease_lost()

    assert other("leases_lost_total") == 0


def test_labels_know_every_value_of_the_rooms_above() -> None:
    assert {*label_values.RECEIPTS.foreseen} == {*Receipt}
    assert {*Refusal} <= {*label_values.REFUSALS.foreseen}
    assert {*label_values.RELEASE_RESULTS.foreseen} == {*ReleaseResult, "other"}
    assert {*label_values.OUTCOMES.foreseen} == {*OUTCOME_NAMES.values(), "other"}
    assert {*label_values.OPERATIONS.foreseen} == {*Source} - {"notice"}
