"""The `sandbox` adapter: a pretend gateway whose books outlive the service; no money moves."""

from external_gate.gateways.sandbox.sandbox_adapter import SandboxGateway
from external_gate.gateways.sandbox.sandbox_books import charges_by_workflow
from external_gate.gateways.sandbox.sandbox_settings import SandboxSettings

__all__ = ["SandboxGateway", "SandboxSettings", "charges_by_workflow"]
