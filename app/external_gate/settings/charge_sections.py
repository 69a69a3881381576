"""Charges: who pays, which gateway charges, what is checked before, what is tried again."""

from collections.abc import Mapping

from pydantic import Field, field_validator

from external_gate.settings.section import NONE, Section
from external_gate.settings.values import (
    Amounts,
    Caps,
    Currency,
    Duration,
    Hours,
    Seconds,
    Secret,
    Text,
    Truth,
    VelocityOrNone,
    WebAddress,
    Whole,
    read_seconds,
)

DEFAULT_GATEWAY_TIMEOUT_SECONDS = 20.0
"""Longer than a slow card network takes, and well below the lease."""


class PayersSettings(Section):
    """How a Metronome customer becomes a customer and a payment method of the gateway."""

    source: Text = "custom_fields"
    """Where payers come from: "custom_fields", "table", "http", or the name of a plugin."""
    customer_field: Text = "gateway_customer"
    """Custom field that holds the gateway's customer."""
    payment_method_field: Text = "gateway_payment_method"
    """Custom field that holds the gateway's payment method."""
    gateway_field: Text = "gateway"
    """Custom field that names another gateway than the usual one."""
    url: WebAddress = Field(default="", repr=False)
    """Address that is asked who pays; required with source = "http"."""
    secret: Secret = NONE
    """Secret that signs these questions; empty sends them unsigned."""
    timeout_seconds: Seconds = 10.0
    """How long one question may take."""


class RoutingSettings(Section):
    """Which gateway charges."""

    default: Text = "main"
    """The gateway that charges, unless the payer's custom field names another."""


class GatewaySettings(Section):
    """One gateway under a name of your choice, with the keys of its adapter."""

    adapter: str = ""
    """Name of the adapter: "http", "sandbox", or a plugin's."""
    settings: Mapping[str, object] = Field(default_factory=dict, repr=False)
    """The keys of the adapter, which checks them itself; numbers with decimals are `Decimal`."""

    @field_validator("settings")
    @classmethod
    def _timeout_is_seconds(cls, settings: Mapping[str, object]) -> Mapping[str, object]:
        """Read the one key that every gateway has."""
        if "timeout_seconds" not in settings:
            return settings
        return {**settings, "timeout_seconds": read_seconds(settings["timeout_seconds"])}

    @property
    def timeout_seconds(self) -> float:
        """Give how long one call to the gateway may take, in seconds."""
        return read_seconds(self.settings.get("timeout_seconds", DEFAULT_GATEWAY_TIMEOUT_SECONDS))


class GuardsSettings(Section):
    """What is checked before a charge."""

    currencies: tuple[Currency, ...] = ()
    """ISO 4217 codes that may be charged; an empty list allows every one."""
    largest: Amounts = Field(default_factory=dict)
    """Largest amount per currency, in whole units, such as {USD = "500.00", JPY = 50000}."""
    approval_above: Amounts = Field(default_factory=dict)
    """Amount per currency, in whole units, above which a person must approve."""
    caps: Caps = Field(default_factory=dict)
    """Most money per currency that one customer may be charged within a time, in whole units, such
    as {USD = "5000.00 per 1d"}; what would go above it is held, with the reason "cap_reached"."""
    velocity: VelocityOrNone = None
    """Most charges of one customer within a time, such as "10 per 1h"; what is one too many waits.
    Empty: as many as come."""
    breaker_declines: Whole = Field(default=0, ge=0, le=20)
    """Declines in a row of one payment method after which it is not charged again: what comes then
    waits for another payment method, and after a day for a person. 0: it is always tried."""
    paused: Truth = False
    """Send no charge at all for as long as this is true."""
    paused_gateways: tuple[str, ...] = ()
    """Names of gateways to which no charge is sent."""
    shadow: Truth = False
    """Do everything but charge: every workflow ends held, with the reason "shadow"."""


class RetrySettings(Section):
    """What is tried again, and how long is waited."""

    soft_decline_schedule: tuple[Duration, ...] = ()
    """Waits before each new attempt after a soft decline, in seconds or such as ["6h", "1d"]; an
    empty list means one attempt."""
    pending_deadline_hours: Hours = 72.0
    """How long a charge may be pending before it is to be cancelled."""
    refund_when_unreleasable: Truth = False
    """Give money back without a person when Metronome has voided the invoice meanwhile."""
