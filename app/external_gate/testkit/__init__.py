"""Certifies gateway adapters: a conformance kit that tries to make them charge twice.

Names are loaded when they are first used: pytest imports this package in every suite.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from external_gate.testkit.certification import Finding, Report, Status
    from external_gate.testkit.certifying import certify
    from external_gate.testkit.fake_server import FakeServer, WireAnswer, WireRequest, json_answer
    from external_gate.testkit.report_forms import as_json, as_markdown, as_text
    from external_gate.testkit.rig import (
        MovesTime,
        Notification,
        Rig,
        SendsNotifications,
        Situation,
        SortsCalls,
        Taking,
    )
    from external_gate.testkit.scenario import Scenario, read_scenarios, shipped_scenarios

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
    "Scenario",
    "read_scenarios",
    "shipped_scenarios",
    "FakeServer",
    "WireRequest",
    "WireAnswer",
    "json_answer",
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
    ),
    "scenario": ("Scenario", "read_scenarios", "shipped_scenarios"),
    "fake_server": ("FakeServer", "WireRequest", "WireAnswer", "json_answer"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
