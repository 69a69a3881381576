"""Every knob of the service: its model, where it is read from, and what is wrong with it."""

from external_gate.settings.faulty import Fault, SettingsFaulty, faults_from
from external_gate.settings.loading import CheckGateway, Loaded, load
from external_gate.settings.model import GatewaySettings, Operator, Role, Settings

__all__ = [
    "load",
    "Loaded",
    "Settings",
    "GatewaySettings",
    "Operator",
    "Role",
    "SettingsFaulty",
    "Fault",
    "CheckGateway",
    "faults_from",
]
