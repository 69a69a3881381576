"""Certifies gateway adapters, trying to make them charge twice; payer sources; sinks; and stores.

Names are loaded when they are first used: pytest imports this package in every suite.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from external_gate.testkit.certification import Finding, Report, Status
    from external_gate.testkit.certifying import certify
    from external_gate.testkit.fake_server import FakeServer, WireAnswer, WireRequest, json_answer
    from external_gate.testkit.payer_conformance import certify_payers
    from external_gate.testkit.payer_report import PayerFinding, PayerReport
    from external_gate.testkit.payer_rig import FillsTable, GoesDown, KnownPayer, PayerRig
    from external_gate.testkit.report_forms import as_json, as_markdown, as_text
    from external_gate.testkit.rig import (
        MovesTime,
        Notification,
        Rig,
        SendsNotifications,
        Situation,
        SortsCalls,
        Taking,
        TrustsAuthorities,
    )
    from external_gate.testkit.scenario import Scenario, read_scenarios, shipped_scenarios
    from external_gate.testkit.sink_conformance import certify_sink
    from external_gate.testkit.sink_report import SinkFinding, SinkReport
    from external_gate.testkit.sink_rig import SinkRig, TakenNotice
    from external_gate.testkit.store_conformance import certify_store, store_cases
    from external_gate.testkit.store_rig import Crashes, GoesAway, RefusesByItself, StoreRig
    from external_gate.testkit.store_suite import StoreCheck
    from external_gate.testkit.suite import GatewayScenario

__all__ = [
    "certify",
    "Report",
    "Finding",
    "Status",
    "as_text",
    "as_json",
    "as_markdown",
    "Rig",
    "Situation",
    "Taking",
    "Notification",
    "SendsNotifications",
    "MovesTime",
    "SortsCalls",
    "TrustsAuthorities",
    "Scenario",
    "read_scenarios",
    "shipped_scenarios",
    "GatewayScenario",
    "FakeServer",
    "WireRequest",
    "WireAnswer",
    "json_answer",
    # Payer sources
    "certify_payers",
    "PayerReport",
    "PayerFinding",
    "PayerRig",
    "KnownPayer",
    "FillsTable",
    "GoesDown",
    # Notice sinks
    "certify_sink",
    "SinkReport",
    "SinkFinding",
    "SinkRig",
    "TakenNotice",
    # Stores
    "certify_store",
    "store_cases",
    "StoreRig",
    "Crashes",
    "GoesAway",
    "RefusesByItself",
    "StoreCheck",
]

_HOMES = {
    "certification": ("Report", "Finding", "Status"),
    "certifying": ("certify",),
    "report_forms": ("as_text", "as_json", "as_markdown"),
    "rig": (
        "Rig",
        "Situation",
        "Taking",
        "Notification",
        "SendsNotifications",
        "MovesTime",
        "SortsCalls",
        "TrustsAuthorities",
    ),
    "scenario": ("Scenario", "read_scenarios", "shipped_scenarios"),
    "suite": ("GatewayScenario",),
    "fake_server": ("FakeServer", "WireRequest", "WireAnswer", "json_answer"),
    "payer_conformance": ("certify_payers",),
    "payer_report": ("PayerReport", "PayerFinding"),
    "payer_rig": ("PayerRig", "KnownPayer", "FillsTable", "GoesDown"),
    "sink_conformance": ("certify_sink",),
    "sink_report": ("SinkFinding", "SinkReport"),
    "sink_rig": ("SinkRig", "TakenNotice"),
    "store_conformance": ("certify_store", "store_cases"),
    "store_rig": ("StoreRig", "Crashes", "GoesAway", "RefusesByItself"),
    "store_suite": ("StoreCheck",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
