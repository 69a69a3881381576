"""Every knob: what it means, its unit, its default. What knobs demand of each other: `demands`.

Every default is valid by itself, so that parts can be built in tests; `load` demands the rest.
The text under a field is its description: faults and the example configuration show it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from external_gate.domain.aftermath import Way
from external_gate.domain.forwarding import DEFAULT_NAME
from external_gate.domain.host_notice import NoticeType
from external_gate.domain.money import Unit
from external_gate.settings.values import (
    Amounts,
    BaseAddress,
    Caps,
    Currency,
    Duration,
    Hours,
    Minutes,
    Name,
    Namespace,
    Pause,
    Seconds,
    Secret,
    Secrets,
    Sha256,
    StoreUrl,
    Text,
    Token,
    Truth,
    TypeFilter,
    UnitOrNone,
    VelocityOrNone,
    WebAddress,
    Whole,
    read_seconds,
)

NONE = SecretStr("")

DEFAULT_GATEWAY_TIMEOUT_SECONDS = 20.0
"""Longer than a slow card network takes, and well below the lease."""


class Section(BaseModel):
    """A table of the configuration; unknown keys are faults, and faults never repeat a value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


HttpParser = Literal["auto", "httptools", "h11"]
OutboundTransport = Literal["auto", "direct", "httpx"]


class ServerSettings(Section):
    """Where the service listens, and what it takes in."""

    host: Text = "127.0.0.1"
    """Address to listen on."""
    port: Whole = Field(default=8080, ge=0, le=65_535)
    """TCP port to listen on; 0 takes any free one."""
    body_limit_bytes: Whole = Field(default=262_144, ge=1024)
    """Largest body of a request; a larger one is answered 413."""
    body_timeout_seconds: Seconds = 10.0
    """How long the body of a request may take to arrive."""
    header_timeout_seconds: Seconds = 10.0
    """How long a connection may take to send the headers of a request, or to read its answer."""
    max_connections: Whole = Field(default=512, ge=16)
    """Most connections at once, fewer where the system allows few open files; the oldest without a
    whole request is closed for one more. Each may keep body_limit_bytes and 100 KB in memory."""
    http_parser: HttpParser = "auto"
    """What reads requests: "httptools" is twice as fast and comes with external-gate[fast]; "h11"
    is plain Python; "auto" takes httptools where it is installed."""
    drain_delay_seconds: Pause = 2.0
    """How long readiness is red before the listener closes, so that load balancers see it."""


class MetronomeSettings(Section):
    """The account at Metronome: its interface, its notifications, and how it writes amounts."""

    base_url: BaseAddress = "https://api.metronome.com"
    """Address of Metronome's interface."""
    api_token: Token = NONE
    """Bearer token for Metronome's interface. Required."""
    webhook_secrets: Secrets = ()
    """Secrets of the webhook, all valid at once so that they can be rotated. One is required."""
    verify_invoice: Truth = True
    """Read the invoice from Metronome before charging, and compare it with the notification."""
    unverified_unit: UnitOrNone = None
    """Unit of amounts, "cents" or "whole"; required when verify_invoice is false, else unused."""
    connect_timeout_seconds: Seconds = 5.0
    """How long opening a connection to Metronome may take."""
    read_timeout_seconds: Seconds = 20.0
    """How long Metronome may be silent within an answer."""
    total_timeout_seconds: Seconds = 30.0
    """How long a whole call to Metronome may take."""
    future_limit_minutes: Minutes = 5.0
    """How far ahead of our clock a notification may be dated; one further ahead is refused."""
    act_limit_hours: Hours = 76.0
    """Age up to which a notification is acted on. Metronome sends again for up to 72 hours."""
    keep_limit_hours: Hours = 168.0
    """Age up to which a notification is still kept, for a person; an older one is refused."""
    keep_others_hours: Hours = 720.0
    """How long notifications are kept that ask for nothing and belong to no workflow; never less
    than keep_limit_hours, so that a late repetition is known as one."""
    initiate_wait_minutes: Minutes = 60.0
    """How long after payment_gate.threshold_reached the payment_gate.external_initiate may be
    missing before it is reported as a lost webhook."""
    units: Mapping[str, Unit] = Field(default_factory=dict)
    """Unit per credit_type.id, "cents" or "whole", where it is not as usual: USD in cents, every
    other currency whole. Such as {"2714e483-4ff1-48e4-9e25-ac732e8f24f2" = "cents"}."""


class StoreSettings(Section):
    """Where everything is kept."""

    url: StoreUrl = Field(default="sqlite:///external-gate.db", repr=False)
    """sqlite:///file.db (relative to the working directory), sqlite:////absolute/file.db, or
    postgresql://user@host/database."""
    busy_timeout_seconds: Seconds = 5.0
    """How long to wait while another process locks the database, or a row of it."""
    namespace: Namespace = "external_gate"
    """PostgreSQL schema with everything of ours; give each Metronome account one of its own."""
    listen: Truth = True
    """Wake workers by PostgreSQL's LISTEN. False behind a pooler that hands connections around by
    transaction, which cannot pass it on: then they poll."""


class WorkerSettings(Section):
    """How charges and releases are worked off."""

    concurrency: Whole = Field(default=64, ge=1, le=10_000)
    """How many workflows are worked on at once."""
    lease_seconds: Seconds = 60.0
    """How long a claim lasts unless it is renewed; then another worker takes over."""
    drain_seconds: Seconds = 30.0
    """How long calls in flight may take to end after SIGTERM."""
    poll_seconds: Seconds = 1.0
    """How often an idle worker looks for work."""


class OutboundSettings(Section):
    """How Metronome, gateways and your application are called."""

    transport: OutboundTransport = "auto"
    """What speaks HTTP: "direct" is the fastest, and connects to everybody by itself; "httpx" is
    the well-known library; "auto" is "direct", and "httpx" with trust_env."""
    trust_env: Truth = False
    """Take proxies from the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), and authorities
    (SSL_CERT_FILE, SSL_CERT_DIR). A proxy may deliver what was given up: prefer none."""
    authorities: str = ""
    """File with certificate authorities that are believed beside the public ones, as PEM."""
    certificate: str = ""
    """File with a certificate of ours and its key, not encrypted, as PEM: shown to whoever asks for
    one (mutual TLS)."""


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


class AfterFailedSettings(Section):
    """What is done with a threshold that a failed payment switched off, by why it failed."""

    soft: Way = Way.NOTHING
    """After a decline that another time might not meet, such as insufficient funds. Either
    "nothing", "command" (a person uses thresholds enable), "payer_change" (when the payer source
    names another payer, or your application says so) or "schedule"."""
    hard: Way = Way.NOTHING
    """The same after a decline that this payment method will always meet."""
    customer_action: Way = Way.NOTHING
    """The same after a customer did not do what they were asked for, such as 3-D Secure."""
    no_decline: Way = Way.NOTHING
    """The same after a failure without a decline: by a guard, by a cancel, by a person."""
    schedule: tuple[Duration, ...] = ()
    """From the failure to switching on, in seconds or such as ["1d", "3d"]: after the first failure
    in a row, the second, and so on; then no more. Required by "schedule"."""
    limit: Whole = Field(default=3, ge=1, le=100)
    """Most times in a row, by whatever way, that one contract is switched on unasked; a payment
    that succeeds begins a new row."""
    payer_poll_seconds: Seconds = 900.0
    """How often the payer source is asked whether the payer changed."""


class NoticeEndpoint(Section):
    """One receiver of notices, under a name of your choice."""

    sink: Text = "webhook"
    """How they travel: "webhook", or the name of a plugin."""
    url: WebAddress = Field(default="", repr=False)
    """Address that receives them. Required by "webhook"."""
    secrets: Secrets = ()
    """Secrets that sign them, base64 with or without whsec_. Each signs every notice, so that they
    can be rotated. "webhook" requires one."""
    events: tuple[NoticeType, ...] = ()
    """Only these types, such as ["workflow.held", "incident.raised"]; an empty list means all."""
    allow_private: Truth = False
    """Whether the address may lead into a private network, such as to this machine."""
    timeout_seconds: Seconds = 15.0
    """How long one try may take; below drain_seconds."""


DEFAULT_ENDPOINT = "default"
"""The name of the endpoint that stands in `[notices]` itself."""


class NoticesSettings(Section):
    """Signed notices to your application: one endpoint here, more in tables of their own."""

    url: WebAddress = Field(default="", repr=False)
    """Address that receives all of them; empty leaves it to the named endpoints."""
    secret: Secret = NONE
    """Secret that signs them, base64 with or without whsec_; required with a url."""
    allow_private: Truth = False
    """Whether the address may lead into a private network, such as to this machine."""
    endpoints: Mapping[Name, NoticeEndpoint] = Field(default_factory=dict)
    """The named endpoints; in the file they are the tables [notices.NAME]."""

    def every_endpoint(self) -> Mapping[str, NoticeEndpoint]:
        """Give all endpoints by name, the default one among them."""
        if not self.url:
            return self.endpoints
        secrets = (self.secret,) if self.secret.get_secret_value() else ()
        default = NoticeEndpoint(url=self.url, secrets=secrets, allow_private=self.allow_private)
        return {DEFAULT_ENDPOINT: default, **self.endpoints}


class ForwardEndpoint(Section):
    """One receiver of Metronome's notifications, under a name of your choice."""

    url: WebAddress = Field(default="", repr=False)
    """Address that receives them. Required."""
    types: tuple[TypeFilter, ...] = ()
    """Only these types, such as ["invoice.*", "alerts.low_balance"]; an empty list means all.
    payment_gate.external_initiate is never forwarded."""
    allow_private: Truth = False
    """Whether the address may lead into a private network, such as to this machine."""
    timeout_seconds: Seconds = 15.0
    """How long one try may take; below drain_seconds."""


class ForwardSettings(Section):
    """Metronome's notifications, passed on as they came: one endpoint here, more in tables."""

    url: WebAddress = Field(default="", repr=False)
    """Address that receives them; empty leaves it to the named endpoints."""
    types: tuple[TypeFilter, ...] = ()
    """Only these types, such as ["invoice.*"]; an empty list means all that may be forwarded."""
    allow_private: Truth = False
    """Whether the address may lead into a private network, such as to this machine."""
    endpoints: Mapping[Name, ForwardEndpoint] = Field(default_factory=dict)
    """The named endpoints; in the file they are the tables [forward.NAME]."""

    def every_endpoint(self) -> Mapping[str, ForwardEndpoint]:
        """Give all endpoints by name, the default one among them."""
        if not self.url:
            return self.endpoints
        default = ForwardEndpoint(url=self.url, types=self.types, allow_private=self.allow_private)
        return {DEFAULT_NAME: default, **self.endpoints}


class Role(StrEnum):
    """What an operator may do; each role includes the one before."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Operator(Section):
    """One person or program, under a name of your choice."""

    token_sha256: Sha256 = NONE
    """SHA-256 of the operator's token, 64 hex digits; the token itself is not kept. Required."""
    role: Role = Role.VIEWER
    """Either "viewer", "operator" or "admin"; each may do what the one before may."""


class OperatorsSettings(Section):
    """Who may look and act over HTTP."""

    second_person: Truth = False
    """Whether settling a charge whose fate is unknown needs a second person."""
    people: Mapping[Name, Operator] = Field(default_factory=dict)
    """The operators by name; in the file they are the tables [operators.NAME]."""


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is written: "debug", "info", "warning" or "error"."""
    format: Literal["json", "console"] = "json"
    """Either "json" for machines or "console" for people."""


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
