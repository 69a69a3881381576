"""Every metric by subject: its name, its labels, and what the reference says of it."""

from external_gate.observe import label_values as values
from external_gate.observe.catalogue import Catalogue
from external_gate.observe.families import Names

_CALL_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)
"""Around what a call to the outside takes, up to the longest sensible timeout."""

_COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_COMMIT_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

_AGE_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400, 172_800, 273_600, 604_800)
"""Metronome tries again every 15 min for 48 h; at 76 h and at 7 d our answer changes."""


class IntakeMetrics:
    """Metronome's notifications, from their receipt on."""

    def __init__(self, add: Catalogue) -> None:
        self.notifications = add.counters(
            "notifications_total",
            "Notifications acknowledged, by what became of them.",
            receipt=values.RECEIPTS,
        )
        self.refused = add.counters(
            "notifications_refused_total",
            "Deliveries turned away, by reason; nothing of them was stored, but perhaps what was "
            "`not_in_time`. `overloaded` ones were not read, and need not be signed.",
            reason=values.REFUSALS,
        )
        self.conflicts = add.counter(
            "notification_conflicts_total",
            "Notifications that brought other facts for a known workflow.",
        )
        self.flawed = add.counter(
            "notifications_flawed_total",
            "Notifications with a valid signature that were not understood; they are kept.",
        )
        self.missed = add.counter(
            "webhooks_missed_total",
            "Thresholds that were reached and that no payment_gate.external_initiate followed.",
        )
        self.pruned = add.counter(
            "notifications_pruned_total",
            "Notifications removed after their time because they belong to nothing.",
        )
        self.inbox = add.gauge(
            "inbox_waiting",
            "Deliveries that were acknowledged in a rush and wait to be recorded.",
        )
        self.inbox_age = add.gauge(
            "inbox_oldest_age_seconds", "How long the oldest of them has waited, in seconds."
        )
        self.age = add.histogram(
            "notification_age_seconds",
            "Age of acknowledged notifications by their signed date, in seconds.",
            _AGE_SECONDS,
        )
        self.clock = add.counter(
            "clock_suspected_total",
            "Validly signed deliveries refused for their date alone: our clock may be wrong.",
        )


class GatewayNoticeMetrics:
    """What gateways tell us."""

    def __init__(self, add: Catalogue) -> None:
        gateways = Names()
        self.taken = add.counters(
            "gateway_notices_total",
            "Notices of gateways acknowledged, by what they came to.",
            gateway=gateways,
            effect=values.NOTICE_EFFECTS,
        )
        self.refused = add.counters(
            "gateway_notices_refused_total",
            "Notifications of gateways turned away, by reason; nothing of them was stored.",
            gateway=gateways,
            reason=values.NOTICE_REFUSALS,
        )


class WorkflowMetrics:
    """Workflows: where they are, how they end, and what people should see."""

    def __init__(self, add: Catalogue) -> None:
        self.unfinished = add.gauges(
            "workflows", "Unfinished workflows, by state.", state=values.UNFINISHED
        )
        self.oldest = add.gauges(
            "oldest_workflow_age_seconds",
            "Seconds since the oldest workflow in a state was received; 0 when there is none.",
            state=values.UNFINISHED,
        )
        self.ended = add.counters(
            "workflows_ended_total", "Workflows that reached an end.", state=values.ENDS
        )
        self.held = add.gauges(
            "workflows_held",
            "Workflows that wait for a person now, by reason.",
            held_reason=values.HELD_REASONS,
        )
        self.holds = add.counters(
            "holds_total",
            "Times a workflow was held for a person, by reason.",
            held_reason=values.HELD_REASONS,
        )
        self.deferred = add.gauges(
            "workflows_deferred",
            "Ready workflows that a guard lets wait now, by what they wait for.",
            guard=values.DEFERRALS,
        )
        self.breakers = add.gauge(
            "breakers_open",
            "Payment methods that were declined guards.breaker_declines times in a row and for "
            "which a workflow waits: for another one, or held as breaker_open for a person.",
        )
        self.incidents = add.gauges(
            "incidents", "Incidents on record, by kind.", kind=values.INCIDENT_KINDS
        )
        self.raised = add.counters(
            "incidents_raised_total",
            "Incidents raised by the engine and by people, by kind; what notifications raise is in "
            "external_gate_notification_conflicts_total.",
            kind=values.INCIDENT_KINDS,
        )
        self.unknowns = add.gauge(
            "unknowns_open",
            "Workflows of which nobody knows whether money was taken: unresolved, or held as "
            "unknown_charge.",
        )
        self.counted_at = add.gauge(
            "counted_timestamp_seconds",
            "When the store was last counted, in seconds since 1970; the gauges above are as old.",
        )


class CallMetrics:
    """Our calls to gateways and to Metronome."""

    def __init__(self, add: Catalogue) -> None:
        gateways = Names()
        self.gateway_calls = add.counters(
            "gateway_calls_total",
            "Calls to gateways, by operation and what they came to.",
            gateway=gateways,
            operation=values.OPERATIONS,
            outcome=values.OUTCOMES,
        )
        self.gateway_seconds = add.histograms(
            "gateway_call_seconds",
            "How long calls to gateways took, in seconds.",
            _CALL_SECONDS,
            gateway=gateways,
            operation=values.OPERATIONS,
        )
        self.releases = add.counters(
            "release_calls_total",
            "Release calls to Metronome, by how they ended.",
            result=values.RELEASE_RESULTS,
        )
        self.release_seconds = add.histogram(
            "release_call_seconds",
            "How long release calls to Metronome took, in seconds.",
            _CALL_SECONDS,
        )


class OutboxMetrics:
    """What the host application is told, and what follows failed payments."""

    def __init__(self, add: Catalogue) -> None:
        endpoints = Names()
        self.notice_tries = add.counters(
            "notice_tries_total",
            "Tries to tell the host application, by what they came to.",
            endpoint=endpoints,
            result=values.NOTICE_RESULTS,
        )
        self.notices_waiting = add.gauges(
            "notices_waiting", "Notices on their way to the host.", endpoint=endpoints
        )
        self.notices_age = add.gauges(
            "notices_oldest_waiting_seconds",
            "Seconds since the oldest notice on its way was first offered; 0 when there is none.",
            endpoint=endpoints,
        )
        self.notices_dead = add.gauges(
            "notices_dead", "Notices given up, and not sent again since.", endpoint=endpoints
        )
        self.aftermaths = add.counters(
            "thresholds_after_failed_total",
            "What became of thresholds that failed payments switched off, stage by stage.",
            stage=values.AFTERMATH_STAGES,
        )


class MachineryMetrics:
    """Leases, steps, commits and the event loop."""

    def __init__(self, add: Catalogue) -> None:
        self.leases_lost = add.counter(
            "leases_lost_total", "Workflows dropped because another worker had claimed them."
        )
        self.steps_failed = add.counters(
            "steps_failed_total",
            "Steps that ended with an error of ours, by its branch; other is a bug.",
            error=values.ERRORS,
        )
        self.commit_size = add.histogram(
            "commit_size", "Changes that went to disk together in one commit.", _COMMIT_SIZES
        )
        self.commit_seconds = add.histogram(
            "commit_seconds", "How long commits took, in seconds.", _COMMIT_SECONDS
        )
        self.loop_lag = add.gauge(
            "event_loop_lag_seconds",
            "How late the event loop woke up when it was last measured, in seconds.",
        )
