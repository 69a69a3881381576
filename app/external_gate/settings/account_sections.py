"""The account at Metronome, and what is done with its thresholds after failed payments."""

from collections.abc import Mapping

from pydantic import Field

from external_gate.domain.aftermath import Way
from external_gate.domain.money import Unit
from external_gate.settings.section import NONE, Section
from external_gate.settings.values import (
    BaseAddress,
    Duration,
    Hours,
    Minutes,
    Seconds,
    Secrets,
    Token,
    Truth,
    UnitOrNone,
    Whole,
)


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
