"""The `http` adapter: any application that keeps the wire contract is a gateway."""

from external_gate.gateways.http_gateway.http_adapter import HttpGateway
from external_gate.gateways.http_gateway.http_settings import HttpSettings

__all__ = ["HttpGateway", "HttpSettings"]
