"""The catalogue of metrics: makes them, describes them, writes them down for Prometheus."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.registry import Collector

from external_gate.observe.families import Family, LabelValues

PREFIX = "external_gate_"

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format, as every version of it reads it."""


class MetricDescription(NamedTuple):
    """One line of the reference."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


class Catalogue:
    """Every metric of ours, in the order in which the reference lists them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.descriptions: list[MetricDescription] = []
        self.label_values: dict[str, list[str]] = {}
        """Per label what it may be; empty for names from the configuration."""

    def counter(self, name: str, told: str) -> Counter:
        """Add a counter; its name ends in `_total`."""
        return Counter(self._listed(name, "counter", told), told, registry=self._registry)

    def gauge(self, name: str, told: str) -> Gauge:
        """Add a gauge."""
        return Gauge(self._listed(name, "gauge", told), told, registry=self._registry)

    def histogram(self, name: str, told: str, buckets: Sequence[float]) -> Histogram:
        """Add a histogram."""
        listed = self._listed(name, "histogram", told)
        return Histogram(listed, told, buckets=buckets, registry=self._registry)

    def counters(self, name: str, told: str, /, **labels: LabelValues) -> Family[Counter]:
        """Add a counter with labels."""
        listed = self._listed(name, "counter", told, **labels)
        return Family(Counter(listed, told, list(labels), registry=self._registry), labels)

    def gauges(self, name: str, told: str, /, **labels: LabelValues) -> Family[Gauge]:
        """Add a gauge with labels."""
        listed = self._listed(name, "gauge", told, **labels)
        return Family(Gauge(listed, told, list(labels), registry=self._registry), labels)

    def histograms(
        self, name: str, told: str, buckets: Sequence[float], /, **labels: LabelValues
    ) -> Family[Histogram]:
        """Add a histogram with labels."""
        listed = self._listed(name, "histogram", told, **labels)
        metric = Histogram(listed, told, list(labels), buckets=buckets, registry=self._registry)
        return Family(metric, labels)

    def render(self) -> tuple[bytes, str]:
        """Give everything in the registry in Prometheus' text format, with its content type."""
        return generate_latest(_WithoutBirthdays(self._registry)), CONTENT_TYPE

    def _listed(self, name: str, kind: str, told: str, /, **labels: LabelValues) -> str:
        full = PREFIX + name
        self.descriptions.append(MetricDescription(full, kind, tuple(labels), told))
        for label, values in labels.items():
            known = self.label_values.setdefault(label, [])
            known += [value for value in values.foreseen if value not in known]
        return full


class _WithoutBirthdays(Collector):
    """The registry without the `_created` samples, which would double every counter's lines."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric
