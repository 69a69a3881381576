"""The whole configuration; what each knob means, its unit and default stand in `*_sections`.

Every default is valid by itself, so that parts can be built in tests; `load` demands the rest, and
`demands` what knobs demand of each other. The text under a field is its description: faults and
the example configuration show it.
"""

from collections.abc import Mapping

from pydantic import Field

from external_gate.settings.account_sections import (
    AfterFailedSettings,
    MetronomeSettings,
)
from external_gate.settings.charge_sections import (
    DEFAULT_GATEWAY_TIMEOUT_SECONDS,
    GatewaySettings,
    GuardsSettings,
    PayersSettings,
    RetrySettings,
    RoutingSettings,
)
from external_gate.settings.endpoint_sections import (
    DEFAULT_ENDPOINT,
    ForwardEndpoint,
    ForwardSettings,
    NoticeEndpoint,
    NoticesSettings,
)
from external_gate.settings.operator_sections import (
    Operator,
    OperatorsSettings,
    Role,
)
from external_gate.settings.process_sections import (
    HttpParser,
    LogSettings,
    OutboundSettings,
    OutboundTransport,
    ServerSettings,
    StoreSettings,
    WorkerSettings,
)
from external_gate.settings.section import Section
from external_gate.settings.values import Name

__all__ = [
    "Settings",
    "ServerSettings",
    "HttpParser",
    "MetronomeSettings",
    "StoreSettings",
    "WorkerSettings",
    "OutboundSettings",
    "OutboundTransport",
    "PayersSettings",
    "RoutingSettings",
    "GatewaySettings",
    "DEFAULT_GATEWAY_TIMEOUT_SECONDS",
    "GuardsSettings",
    "RetrySettings",
    "AfterFailedSettings",
    "NoticesSettings",
    "NoticeEndpoint",
    "DEFAULT_ENDPOINT",
    "ForwardSettings",
    "ForwardEndpoint",
    "OperatorsSettings",
    "Operator",
    "Role",
    "LogSettings",
]


class Settings(Section):
    """The whole configuration, as `load` gives it."""

    server: ServerSettings = Field(default_factory=ServerSettings)
    metronome: MetronomeSettings = Field(default_factory=MetronomeSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    outbound: OutboundSettings = Field(default_factory=OutboundSettings)
    payers: PayersSettings = Field(default_factory=PayersSettings)
    routing: RoutingSettings = Field(default_factory=RoutingSettings)
    gateways: Mapping[Name, GatewaySettings] = Field(default_factory=dict)
    guards: GuardsSettings = Field(default_factory=GuardsSettings)
    retry: RetrySettings = Field(default_factory=RetrySettings)
    after_failed: AfterFailedSettings = Field(default_factory=AfterFailedSettings)
    notices: NoticesSettings = Field(default_factory=NoticesSettings)
    forward: ForwardSettings = Field(default_factory=ForwardSettings)
    operators: OperatorsSettings = Field(default_factory=OperatorsSettings)
    log: LogSettings = Field(default_factory=LogSettings)
