"""The numbers that operators watch, for Prometheus; `docs/metrics.md` is generated from here."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from prometheus_client import CollectorRegistry

from external_gate.domain.aftermath import Stage
from external_gate.domain.ledger import Deferral, IncidentKind
from external_gate.domain.workflow import HeldReason, State
from external_gate.observe import label_values as values
from external_gate.observe.catalogue import Catalogue, MetricDescription
from external_gate.observe.families import Names

_CALL_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)
"""Around what a call to the outside takes, up to the longest sensible timeout."""

_COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_COMMIT_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

_AGE_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400, 172_800, 273_600, 604_800)
"""Metronome tries again every 15 min for 48 h; at 76 h and at 7 d our answer changes."""


class WorkflowCounts(Protocol):
    """What the store counts; `stores.store.Counts` is one."""

    @property
    def by_state(self) -> Mapping[State, int]:
        """Give how many workflows are in each unfinished state."""
        ...

    @property
    def oldest_by_state(self) -> Mapping[State, datetime]:
        """Give when the oldest of each was received."""
        ...

    @property
    def held(self) -> Mapping[HeldReason, int]:
        """Give how many are held for each reason."""
        ...

    @property
    def deferred(self) -> Mapping[Deferral, int]:
        """Give how many each guard lets wait."""
        ...

    @property
    def breakers_open(self) -> int:
        """Give for how many payment methods something waits because of declines."""
        ...

    @property
    def incidents(self) -> Mapping[IncidentKind, int]:
        """Give how many incidents of each kind are on record."""
        ...

    @property
    def notices_waiting(self) -> Mapping[str, int]:
        """Give how many notices are on their way to each endpoint."""
        ...

    @property
    def notices_waiting_since(self) -> Mapping[str, datetime]:
        """Give since when the oldest of each has been offered."""
        ...

    @property
    def notices_dead(self) -> Mapping[str, int]:
        """Give how many notices were given up for each endpoint."""
        ...


class Metrics:
    """Every metric of the service, on a registry of its own. Cheap, never blocks, never raises.

    Counters and histograms are of this process; what `set_counts` sets is read from the store and
    the same in every replica.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._catalogue = Catalogue(registry)
        self._add_intake(self._catalogue)
        self._add_notices(self._catalogue)
        self._add_workflows(self._catalogue)
        self._add_calls(self._catalogue)
        self._add_outbox(self._catalogue)
        self._add_machinery(self._catalogue)

    def _add_intake(self, add: Catalogue) -> None:
        self._notifications = add.counters(
            "notifications_total",
            "Notifications acknowledged, by what became of them.",
            receipt=values.RECEIPTS,
        )
        self._refused = add.counters(
            "notifications_refused_total",
            "Deliveries turned away, by reason; nothing of them was stored.",
            reason=values.REFUSALS,
        )
        self._conflicts = add.counter(
            "notification_conflicts_total",
            "Notifications that brought other facts for a known workflow.",
        )
        self._flawed = add.counter(
            "notifications_flawed_total",
            "Notifications with a valid signature that were not understood; they are kept.",
        )
        self._missed = add.counter(
            "webhooks_missed_total",
            "Thresholds that were reached and that no payment_gate.external_initiate followed.",
        )
        self._pruned = add.counter(
            "notifications_pruned_total",
            "Notifications removed after their time because they belong to nothing.",
        )
        self._age = add.histogram(
            "notification_age_seconds",
            "Age of acknowledged notifications by their signed date, in seconds.",
            _AGE_SECONDS,
        )
        self._clock = add.counter(
            "clock_suspected_total",
            "Validly signed deliveries refused for their date alone: our clock may be wrong.",
        )

    def _add_notices(self, add: Catalogue) -> None:
        gateways = Names()
        self._notices = add.counters(
            "gateway_notices_total",
            "Notices of gateways acknowledged, by what they came to.",
            gateway=gateways,
            effect=values.NOTICE_EFFECTS,
        )
        self._notices_refused = add.counters(
            "gateway_notices_refused_total",
            "Notifications of gateways turned away, by reason; nothing of them was stored.",
            gateway=gateways,
            reason=values.NOTICE_REFUSALS,
        )

    def _add_workflows(self, add: Catalogue) -> None:
        self._workflows = add.gauges(
            "workflows", "Unfinished workflows, by state.", state=values.UNFINISHED
        )
        self._oldest = add.gauges(
            "oldest_workflow_age_seconds",
            "Seconds since the oldest workflow in a state was received; 0 when there is none.",
            state=values.UNFINISHED,
        )
        self._ended = add.counters(
            "workflows_ended_total", "Workflows that reached an end.", state=values.ENDS
        )
        self._held = add.gauges(
            "workflows_held",
            "Workflows that wait for a person now, by reason.",
            held_reason=values.HELD_REASONS,
        )
        self._holds = add.counters(
            "holds_total",
            "Times a workflow was held for a person, by reason.",
            held_reason=values.HELD_REASONS,
        )
        self._deferred = add.gauges(
            "workflows_deferred",
            "Ready workflows that a guard lets wait now, by what they wait for.",
            guard=values.DEFERRALS,
        )
        self._breakers = add.gauge(
            "breakers_open",
            "Payment methods that were declined guards.breaker_declines times in a row and for "
            "which a workflow waits: for another one, or held as breaker_open for a person.",
        )
        self._incidents = add.gauges(
            "incidents", "Incidents on record, by kind.", kind=values.INCIDENT_KINDS
        )
        self._raised = add.counters(
            "incidents_raised_total",
            "Incidents raised by the engine and by people, by kind; what notifications raise is in "
            "external_gate_notification_conflicts_total.",
            kind=values.INCIDENT_KINDS,
        )
        self._unknowns = add.gauge(
            "unknowns_open",
            "Workflows of which nobody knows whether money was taken: unresolved, or held as "
            "unknown_charge.",
        )
        self._counted_at = add.gauge(
            "counted_timestamp_seconds",
            "When the store was last counted, in seconds since 1970; the gauges above are as old.",
        )

    def _add_calls(self, add: Catalogue) -> None:
        gateways = Names()
        self._gateway_calls = add.counters(
            "gateway_calls_total",
            "Calls to gateways, by operation and what they came to.",
            gateway=gateways,
            operation=values.OPERATIONS,
            outcome=values.OUTCOMES,
        )
        self._gateway_seconds = add.histograms(
            "gateway_call_seconds",
            "How long calls to gateways took, in seconds.",
            _CALL_SECONDS,
            gateway=gateways,
            operation=values.OPERATIONS,
        )
        self._releases = add.counters(
            "release_calls_total",
            "Release calls to Metronome, by how they ended.",
            result=values.RELEASE_RESULTS,
        )
        self._release_seconds = add.histogram(
            "release_call_seconds",
            "How long release calls to Metronome took, in seconds.",
            _CALL_SECONDS,
        )

    def _add_outbox(self, add: Catalogue) -> None:
        endpoints = Names()
        self._notice_tries = add.counters(
            "notice_tries_total",
            "Tries to tell the host application, by what they came to.",
            endpoint=endpoints,
            result=values.NOTICE_RESULTS,
        )
        self._notices_waiting = add.gauges(
            "notices_waiting", "Notices on their way to the host.", endpoint=endpoints
        )
        self._notices_age = add.gauges(
            "notices_oldest_waiting_seconds",
            "Seconds since the oldest notice on its way was first offered; 0 when there is none.",
            endpoint=endpoints,
        )
        self._notices_dead = add.gauges(
            "notices_dead", "Notices given up, and not sent again since.", endpoint=endpoints
        )
        self._endpoints: set[str] = set()
        self._aftermaths = add.counters(
            "thresholds_after_failed_total",
            "What became of thresholds that failed payments switched off, stage by stage.",
            stage=values.AFTERMATH_STAGES,
        )

    def _add_machinery(self, add: Catalogue) -> None:
        self._leases_lost = add.counter(
            "leases_lost_total", "Workflows dropped because another worker had claimed them."
        )
        self._steps_failed = add.counters(
            "steps_failed_total",
            "Steps that ended with an error of ours, by its branch; other is a bug.",
            error=values.ERRORS,
        )
        self._commit_size = add.histogram(
            "commit_size", "Changes that went to disk together in one commit.", _COMMIT_SIZES
        )
        self._commit_seconds = add.histogram(
            "commit_seconds", "How long commits took, in seconds.", _COMMIT_SECONDS
        )
        self._loop_lag = add.gauge(
            "event_loop_lag_seconds",
            "How late the event loop woke up when it was last measured, in seconds.",
        )

    def notification_recorded(
        self, receipt: str, age: timedelta, *, conflict: bool, flawed: bool
    ) -> None:
        """Count an acknowledged notification."""
        self._notifications.at(receipt).inc()
        # A date in our future, as far as that is let in, is no age.
        self._age.observe(max(0.0, age.total_seconds()))
        if conflict:
            self._conflicts.inc()
        if flawed:
            self._flawed.inc()

    def notification_refused(self, reason: str, *, only_the_date: bool = False) -> None:
        """Count a delivery that was turned away; with `only_the_date` our clock is suspected."""
        self._refused.at(reason).inc()
        if only_the_date:
            self._clock.inc()

    def gateway_notice_taken(self, gateway: str, effect: str) -> None:
        """Count an acknowledged notice of a gateway."""
        self._notices.at(gateway, effect).inc()

    def gateway_notices_refused(self, gateway: str, reason: str) -> None:
        """Count a notification of a gateway that was turned away."""
        self._notices_refused.at(gateway, reason).inc()

    def workflow_held(self, reason: HeldReason) -> None:
        """Count a hold."""
        self._holds.at(reason).inc()

    def workflow_ended(self, state: State) -> None:
        """Count an end."""
        self._ended.at(state).inc()

    def incident_raised(self, kind: IncidentKind) -> None:
        """Count an incident."""
        self._raised.at(kind).inc()

    def gateway_called(
        self, gateway: str, operation: str, outcome: str, duration: timedelta
    ) -> None:
        """Count and time a call to a gateway."""
        self._gateway_calls.at(gateway, operation, outcome).inc()
        self._gateway_seconds.at(gateway, operation).observe(duration.total_seconds())

    def release_called(self, result: str, duration: timedelta) -> None:
        """Count and time a release call."""
        self._releases.at(result).inc()
        self._release_seconds.observe(duration.total_seconds())

    def notice_tried(self, endpoint: str, result: str) -> None:
        """Count a try to tell the host application."""
        self._notice_tries.at(endpoint, result).inc()

    def webhook_missed(self) -> None:
        """Count a threshold that nothing followed."""
        self._missed.inc()

    def notifications_pruned(self, count: int) -> None:
        """Count what was removed after its time."""
        self._pruned.inc(count)

    def aftermath_reached(self, stage: Stage) -> None:
        """Count a stage after a failed payment."""
        self._aftermaths.at(stage).inc()

    def lease_lost(self) -> None:
        """Count a lost lease."""
        self._leases_lost.inc()

    def step_failed(self, error: str) -> None:
        """Count a failed step, by the branch of its error."""
        self._steps_failed.at(error).inc()

    def observe_commit(self, size: int, seconds: float) -> None:
        """Note one commit: how many changes it carried and how long it took. From any thread."""
        self._commit_size.observe(size)
        self._commit_seconds.observe(seconds)

    def set_event_loop_lag(self, seconds: float) -> None:
        """Note how late the event loop woke up."""
        self._loop_lag.set(seconds)

    def set_counts(self, counts: WorkflowCounts, now: datetime) -> None:
        """Set every gauge that is read from the store, those that are zero included."""
        for state in map(State, values.UNFINISHED.foreseen):
            self._workflows.at(state).set(counts.by_state.get(state, 0))
            age = now - counts.oldest_by_state.get(state, now)
            self._oldest.at(state).set(max(0.0, age.total_seconds()))
        for reason in HeldReason:
            self._held.at(reason).set(counts.held.get(reason, 0))
        for deferral in Deferral:
            self._deferred.at(deferral).set(counts.deferred.get(deferral, 0))
        self._breakers.set(counts.breakers_open)
        for kind in IncidentKind:
            self._incidents.at(kind).set(counts.incidents.get(kind, 0))
        self._set_notices(counts, now)
        unresolved = counts.by_state.get(State.UNRESOLVED, 0)
        self._unknowns.set(unresolved + counts.held.get(HeldReason.UNKNOWN_CHARGE, 0))
        self._counted_at.set(now.timestamp())

    def _set_notices(self, counts: WorkflowCounts, now: datetime) -> None:
        # Those of before, too: what was delivered meanwhile is zero, not as it was.
        self._endpoints |= {*counts.notices_waiting, *counts.notices_dead}
        for endpoint in self._endpoints:
            self._notices_waiting.at(endpoint).set(counts.notices_waiting.get(endpoint, 0))
            self._notices_dead.at(endpoint).set(counts.notices_dead.get(endpoint, 0))
            age = now - counts.notices_waiting_since.get(endpoint, now)
            self._notices_age.at(endpoint).set(max(0.0, age.total_seconds()))

    def render(self) -> tuple[bytes, str]:
        """Give everything in Prometheus' text format, with its content type."""
        return self._catalogue.render()

    def describe(self) -> list[MetricDescription]:
        """Give name, type, labels and help of every metric, in the order of the reference."""
        return list(self._catalogue.descriptions)

    def label_values(self) -> Mapping[str, list[str]]:
        """Give what each label may be; empty for names from the configuration."""
        return self._catalogue.label_values
