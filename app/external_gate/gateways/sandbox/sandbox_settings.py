"""The keys of a `sandbox` gateway, and what it promises."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from external_gate.domain.charge import Cancel, Capabilities, Idempotency, KeyStores, Lookup
from external_gate.settings.values import Pause, Seconds, Whole

WINDOW = timedelta(days=30)
"""The books forget nothing; this is what a good gateway promises."""


def _no_empty_path(given: object) -> object:
    # An empty path would be the working directory.
    if given == "":
        raise ValueError("names no file")
    return given


class SandboxSettings(BaseModel):
    """One sandbox; every default works."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    books: Annotated[Path, BeforeValidator(_no_empty_path)] = Field(
        default=Path("sandbox-books.db"),
        description="The SQLite file with all that was charged; its folder must be there.",
    )
    delay_seconds: Pause = Field(
        default=0.05, description="How long each charge takes; booked at half of it."
    )
    timeout_seconds: Seconds = Field(default=5.0, description="How long one call may take.")
    pending_seconds: Pause = Field(
        default=60.0, description="After which time a look finds a pending charge final."
    )
    pending_lookups: Whole = Field(
        default=2, ge=1, description="Or at which lookup, if that comes first."
    )

    @model_validator(mode="after")
    def _answers_in_time(self) -> Self:
        if self.delay_seconds >= self.timeout_seconds:
            raise ValueError(
                "delay_seconds is not below timeout_seconds; nothing would be answered"
            )
        return self


def capabilities_of(settings: SandboxSettings) -> Capabilities:
    """Give what a sandbox with these settings promises: all that a gateway can."""
    pending = timedelta(seconds=settings.pending_seconds)
    return Capabilities(
        idempotency=Idempotency.NATIVE,
        window=WINDOW,
        key_stores=KeyStores.EVERY_ANSWER,
        lookup=Lookup.QUERY,
        request_timeout=timedelta(seconds=settings.timeout_seconds),
        settles_typically=pending,
        settles_at_most=pending,
        cancel=Cancel.BY_KEY,
        refund=True,
    )
