"""The reference of metrics is complete, and every name follows the rules of Prometheus."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from external_gate.observe.metrics import Metrics
from external_gate.observe.metrics_reference import render

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == render(), (
        "renew it: python -m external_gate.observe.metrics_reference > docs/metrics.md"
    )


def test_everything_on_the_registry_is_described() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)

    body, _ = metrics.render()

    exposed = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(body.decode())
    }
    assert exposed == {each.name: each.type for each in metrics.describe()}


def test_every_series_has_the_described_labels() -> None:
    metrics = Metrics(CollectorRegistry())
    described = {each.name.removesuffix("_total"): set(each.labels) for each in metrics.describe()}

    body, _ = metrics.render()

    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == described[family.name], sample


def test_no_label_is_an_id() -> None:
    for each in Metrics(CollectorRegistry()).describe():
        assert not [label for label in each.labels if label.endswith(("_id", "key"))], each


def test_names_have_prefix_and_unit_and_every_help_is_a_sentence() -> None:
    for name, kind, _, told in Metrics(CollectorRegistry()).describe():
        assert re.fullmatch(r"external_gate_[a-z_]+", name)
        assert name.endswith("_total") == (kind == "counter"), name
        assert ("seconds" in told.lower()) == name.endswith("_seconds") or "took" in told, name
        assert told.endswith("."), name


def test_watched_expressions_name_metrics_that_exist() -> None:
    known = {each.name for each in Metrics(CollectorRegistry()).describe()}
    watched = render().partition("## All of them")[0]

    assert {*re.findall(r"external_gate_[a-z_]+(?=[{\[)])", watched)} <= known
    assert len(re.findall(r"^\| `.*external_gate_", watched, re.MULTILINE)) == 13
