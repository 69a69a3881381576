"""The keys of an `http` gateway, and the capabilities that they declare."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from external_gate.domain.charge import Cancel, Capabilities, Idempotency, KeyStores, Lookup
from external_gate.domain.errors import Broken
from external_gate.gateways.enforcement import check_capabilities
from external_gate.outbound.standard_webhooks import secret_key
from external_gate.settings.values import BaseAddress, Currency, Seconds, Secret, Truth

LONGEST_DAYS = 3650
"""Ten years: longer than any gateway keeps keys, and sums of times cannot overflow."""


def _no_truth(given: object) -> object:
    if isinstance(given, bool):
        raise ValueError("must be a number")  # noqa: TRY004 # pydantic gathers only ValueError
    return given


def _can_sign(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        return secret
    try:
        secret_key(secret.get_secret_value())
    except Broken as error:
        raise ValueError(str(error)) from None
    return secret


def _only_real(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    return tuple(secret for secret in secrets if secret.get_secret_value())


Days = Annotated[float, BeforeValidator(_no_truth), Field(ge=0, le=LONGEST_DAYS)]
Hours = Annotated[float, BeforeValidator(_no_truth), Field(ge=0, le=LONGEST_DAYS * 24)]
Lag = Annotated[float, BeforeValidator(_no_truth), Field(ge=0, le=86_400)]
SigningSecret = Annotated[Secret, AfterValidator(_can_sign)]


class HttpSettings(BaseModel):
    """One host application; the defaults below `timeout_seconds` are what the contract demands."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: BaseAddress = Field(
        min_length=1, description="Address of the host application's charges, without a query."
    )
    secret: SigningSecret = Field(
        default=SecretStr(""),
        description="Signs our requests and the host's notifications (Standard Webhooks, whsec_…).",
    )
    previous_secrets: Annotated[tuple[SigningSecret, ...], AfterValidator(_only_real)] = Field(
        default=(), description="Still accepted on notifications, while the secret is changed."
    )
    timeout_seconds: Seconds = Field(default=20.0, description="How long one call may take.")
    currencies: tuple[Currency, ...] = Field(
        default=(), description="ISO 4217 codes that the host charges; none listed means every one."
    )
    window_days: Days = Field(
        default=30.0, description="How long the host keeps keys; 0: nothing is ever re-sent."
    )
    key_stores: KeyStores = Field(
        default=KeyStores.EVERY_ANSWER,
        description="Which answers a repeat gets again: every_answer, success_only or nothing.",
    )
    visibility_lag_seconds: Lag = Field(
        default=0.0, description="How long never_seen may be wrong after a send has ended."
    )
    settles_typically_hours: Hours = Field(
        default=0.0, description="How long a pending charge is usually open."
    )
    settles_at_most_hours: Hours = Field(
        default=0.0, description="How long a pending charge may be open; 0: answers at once."
    )
    failed_is_final_after_hours: Hours = Field(
        default=0.0, description="How long a decline may still turn into a success."
    )
    cancel: Cancel = Field(
        default=Cancel.BY_KEY,
        description="What the host can cancel: by_key (unseen keys too), by_charge or none.",
    )
    refund: Truth = Field(default=True, description="Whether the host can refund.")

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.previous_secrets and not self.secret.get_secret_value():
            raise ValueError("previous_secrets is given without secret, which signs from now on")
        if wrong := check_capabilities(capabilities_of(self)):
            raise ValueError("; ".join(wrong))
        return self

    def live_secrets(self) -> tuple[str, ...]:
        """Give every secret that notifications may be signed with; none when there is no secret."""
        texts = (secret.get_secret_value() for secret in (self.secret, *self.previous_secrets))
        return tuple(text for text in texts if text)


def capabilities_of(settings: HttpSettings) -> Capabilities:
    """Give what a host with these settings promises."""
    return Capabilities(
        currencies=frozenset(settings.currencies) or None,
        idempotency=Idempotency.NATIVE,
        window=timedelta(days=settings.window_days),
        key_stores=settings.key_stores,
        lookup=Lookup.QUERY,
        visibility_lag=timedelta(seconds=settings.visibility_lag_seconds),
        request_timeout=timedelta(seconds=settings.timeout_seconds),
        settles_typically=timedelta(hours=settings.settles_typically_hours),
        settles_at_most=timedelta(hours=settings.settles_at_most_hours),
        failed_is_final_after=timedelta(hours=settings.failed_is_final_after_hours),
        cancel=settings.cancel,
        refund=settings.refund,
        notifies=bool(settings.live_secrets()),
    )
