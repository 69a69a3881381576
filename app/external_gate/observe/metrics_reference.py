"""The reference of all metrics, `docs/metrics.md`, as it follows from the code.

Renew it: python -m external_gate.observe.metrics_reference > docs/metrics.md
"""

import sys

from prometheus_client import CollectorRegistry

from external_gate.observe.metrics import Metrics

_HEAD = """\
# Metrics

`GET /metrics` gives them in Prometheus' text format. Counters and histograms count what this
process did since it started: sum them over replicas. Gauges about workflows and incidents are read
from the database at every scrape and are the same in every replica: take the maximum.

No label holds an id, so the number of series stays bounded. Generated from the code:
`python -m external_gate.observe.metrics_reference > docs/metrics.md`.

## Watch these

| expression | why |
|---|---|
"""

_WATCHED = (
    (
        "max by (held_reason) (external_gate_workflows_held) > 0",
        "a person must decide; `external-gate workflows list --held`",
    ),
    (
        "max by (kind) (delta(external_gate_incidents[1h])) > 0",
        "contradicting evidence; `external-gate workflows list --incidents`",
    ),
    (
        'max(external_gate_oldest_workflow_age_seconds{state=~"received|charging"}) > 900',
        "nobody works, or charges do not get through",
    ),
    (
        'max(external_gate_oldest_workflow_age_seconds{state=~"paid|declined"}) > 900',
        "Metronome does not take releases (give it a few minutes: the age counts from receipt)",
    ),
    (
        "max(external_gate_unknowns_open) > 0",
        "nobody knows whether money was taken; worrying when it lasts for more than 15 min",
    ),
    (
        'rate(external_gate_release_calls_total{result="unauthorized"}[15m]) > 0',
        "Metronome refuses our token",
    ),
    (
        "rate(external_gate_clock_suspected_total[15m]) > 0",
        "our clock is wrong, and deliveries are refused for it",
    ),
    (
        'rate(external_gate_notifications_refused_total{reason="wrong_signature"}[15m]) > 0',
        "a webhook secret was changed, or somebody tries",
    ),
    (
        'rate(external_gate_gateway_notices_total{effect="misdirected"}[15m]) > 0',
        "a gateway speaks of another gateway's charges",
    ),
    (
        'rate(external_gate_gateway_notices_refused_total{reason="adapter_failed"}[15m]) > 0',
        "an adapter cannot read what its gateway sends",
    ),
    (
        "max by (endpoint) (external_gate_notices_oldest_waiting_seconds) > 3600",
        "the host application does not take notices; `external-gate notices list --state waiting`",
    ),
    (
        "max by (endpoint) (external_gate_notices_dead) > 0",
        "notices were given up; `external-gate notices resend --dead` when the host is back",
    ),
    (
        "time() - max(external_gate_counted_timestamp_seconds) > 120",
        "the database cannot be read",
    ),
)

_ALL = """
## All of them

| name | type | labels | what |
|---|---|---|---|
"""

_LABELS = """
## Labels

| label | values |
|---|---|
"""


def render() -> str:
    """Give the page."""
    metrics = Metrics(CollectorRegistry())
    watched = [f"| `{_escaped(expression)}` | {why} |\n" for expression, why in _WATCHED]
    lines = [
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {told} |\n"
        for name, kind, labels, told in metrics.describe()
    ]
    labels = [
        f"| `{label}` | {', '.join(f'`{v}`' for v in known) or 'names from the configuration'} |\n"
        for label, known in metrics.label_values().items()
    ]
    return "".join([_HEAD, *watched, _ALL, *lines, _LABELS, *labels])


def _escaped(expression: str) -> str:
    return expression.replace("|", "\\|")  # or Markdown would begin a new cell


if __name__ == "__main__":
    sys.stdout.write(render())
