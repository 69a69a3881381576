"""The only room that knows every concrete class: from settings to parts that fit together."""

from external_gate.assembly.configured_secrets import secrets_of
from external_gate.assembly.system_clock import SystemClock
from external_gate.assembly.thresholds_alone import open_thresholds
from external_gate.assembly.ways_out import check_gateway, make_callers, make_gateways, resolve
from external_gate.assembly.whole_service import Service, make_metrics, make_service, make_store

__all__ = [
    "Service",
    "make_service",
    "make_store",
    "make_metrics",
    "open_thresholds",
    "make_callers",
    "make_gateways",
    "check_gateway",
    "resolve",
    "secrets_of",
    "SystemClock",
]
