"""The numbers that operators watch, for Prometheus; `docs/metrics.md` is generated from here."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from external_gate.domain.aftermath import Stage
from external_gate.domain.ledger import Deferral, IncidentKind
from external_gate.domain.workflow import HeldReason, State
from external_gate.observe import label_values as values
from external_gate.observe.catalogue import Catalogue, MetricDescription
from external_gate.observe.declared_metrics import (
    CallMetrics,
    GatewayNoticeMetrics,
    IntakeMetrics,
    MachineryMetrics,
    OutboxMetrics,
    WorkflowMetrics,
)
from external_gate.observe.workflow_counts import WorkflowCounts


class Metrics:
    """Every metric of the service, on a registry of its own. Cheap, never blocks, never raises.

    Counters and histograms are of this process; what `set_counts` sets is read from the store and
    the same in every replica.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._catalogue = Catalogue(registry)
        self._intake = IntakeMetrics(self._catalogue)
        self._gateway_notices = GatewayNoticeMetrics(self._catalogue)
        self._workflows = WorkflowMetrics(self._catalogue)
        self._calls = CallMetrics(self._catalogue)
        self._outbox = OutboxMetrics(self._catalogue)
        self._machinery = MachineryMetrics(self._catalogue)
        self._endpoints: set[str] = set()

    def notification_acknowledged(self, receipt: str, age: timedelta) -> None:
        """Count an acknowledged notification."""
        self._intake.notifications.at(receipt).inc()
        # A date in our future, as far as that is let in, is no age.
        self._intake.age.observe(max(0.0, age.total_seconds()))

    def notification_judged(self, *, conflict: bool, flawed: bool) -> None:
        """Count what was wrong with a recorded notification."""
        if conflict:
            self._intake.conflicts.inc()
        if flawed:
            self._intake.flawed.inc()

    def notification_refused(self, reason: str, *, only_the_date: bool = False) -> None:
        """Count a delivery that was turned away; with `only_the_date` our clock is suspected."""
        self._intake.refused.at(reason).inc()
        if only_the_date:
            self._intake.clock.inc()

    def gateway_notice_taken(self, gateway: str, effect: str) -> None:
        """Count an acknowledged notice of a gateway."""
        self._gateway_notices.taken.at(gateway, effect).inc()

    def gateway_notices_refused(self, gateway: str, reason: str) -> None:
        """Count a notification of a gateway that was turned away."""
        self._gateway_notices.refused.at(gateway, reason).inc()

    def workflow_held(self, reason: HeldReason) -> None:
        """Count a hold."""
        self._workflows.holds.at(reason).inc()

    def workflow_ended(self, state: State) -> None:
        """Count an end."""
        self._workflows.ended.at(state).inc()

    def incident_raised(self, kind: IncidentKind) -> None:
        """Count an incident."""
        self._workflows.raised.at(kind).inc()

    def gateway_called(
        self, gateway: str, operation: str, outcome: str, duration: timedelta
    ) -> None:
        """Count and time a call to a gateway."""
        self._calls.gateway_calls.at(gateway, operation, outcome).inc()
        self._calls.gateway_seconds.at(gateway, operation).observe(duration.total_seconds())

    def release_called(self, result: str, duration: timedelta) -> None:
        """Count and time a release call."""
        self._calls.releases.at(result).inc()
        self._calls.release_seconds.observe(duration.total_seconds())

    def notice_tried(self, endpoint: str, result: str) -> None:
        """Count a try to tell the host application."""
        self._outbox.notice_tries.at(endpoint, result).inc()

    def webhook_missed(self) -> None:
        """Count a threshold that nothing followed."""
        self._intake.missed.inc()

    def notifications_pruned(self, count: int) -> None:
        """Count what was removed after its time."""
        self._intake.pruned.inc(count)

    def aftermath_reached(self, stage: Stage) -> None:
        """Count a stage after a failed payment."""
        self._outbox.aftermaths.at(stage).inc()

    def lease_lost(self) -> None:
        """Count a lost lease."""
        self._machinery.leases_lost.inc()

    def step_failed(self, error: str) -> None:
        """Count a failed step, by the branch of its error."""
        self._machinery.steps_failed.at(error).inc()

    def observe_commit(self, size: int, seconds: float) -> None:
        """Note one commit: how many changes it carried and how long it took. From any thread."""
        self._machinery.commit_size.observe(size)
        self._machinery.commit_seconds.observe(seconds)

    def set_event_loop_lag(self, seconds: float) -> None:
        """Note how late the event loop woke up."""
        self._machinery.loop_lag.set(seconds)

    def set_counts(self, counts: WorkflowCounts, now: datetime) -> None:
        """Set every gauge that is read from the store, those that are zero included."""
        for state in map(State, values.UNFINISHED.foreseen):
            self._workflows.unfinished.at(state).set(counts.by_state.get(state, 0))
            age = now - counts.oldest_by_state.get(state, now)
            self._workflows.oldest.at(state).set(max(0.0, age.total_seconds()))
        for reason in HeldReason:
            self._workflows.held.at(reason).set(counts.held.get(reason, 0))
        for deferral in Deferral:
            self._workflows.deferred.at(deferral).set(counts.deferred.get(deferral, 0))
        self._workflows.breakers.set(counts.breakers_open)
        for kind in IncidentKind:
            self._workflows.incidents.at(kind).set(counts.incidents.get(kind, 0))
        self._intake.inbox.set(counts.inbox)
        inbox_age = now - (counts.inbox_since or now)
        self._intake.inbox_age.set(max(0.0, inbox_age.total_seconds()))
        self._set_notices(counts, now)
        unresolved = counts.by_state.get(State.UNRESOLVED, 0)
        self._workflows.unknowns.set(unresolved + counts.held.get(HeldReason.UNKNOWN_CHARGE, 0))
        self._workflows.counted_at.set(now.timestamp())

    def _set_notices(self, counts: WorkflowCounts, now: datetime) -> None:
        # Those of before, too: what was delivered meanwhile is zero, not as it was.
        self._endpoints |= {*counts.notices_waiting, *counts.notices_dead}
        for endpoint in self._endpoints:
            self._outbox.notices_waiting.at(endpoint).set(counts.notices_waiting.get(endpoint, 0))
            self._outbox.notices_dead.at(endpoint).set(counts.notices_dead.get(endpoint, 0))
            age = now - counts.notices_waiting_since.get(endpoint, now)
            self._outbox.notices_age.at(endpoint).set(max(0.0, age.total_seconds()))

    def render(self) -> tuple[bytes, str]:
        """Give everything in Prometheus' text format, with its content type."""
        return self._catalogue.render()

    def describe(self) -> list[MetricDescription]:
        """Give name, type, labels and help of every metric, in the order of the reference."""
        return list(self._catalogue.descriptions)

    def label_values(self) -> Mapping[str, list[str]]:
        """Give what each label may be; empty for names from the configuration."""
        return self._catalogue.label_values
