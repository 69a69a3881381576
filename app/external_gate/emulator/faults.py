"""Misbehaviour on demand: each fault waits for the next request or webhook that it fits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

WEBHOOK_KINDS = ("duplicate", "reorder", "lost_acknowledgement", "slow", "drop_before")
CALL_KINDS = ("slow", "status", "rate_limited", "drop_before", "drop_after", "ignored")

Target = Literal[
    "webhook", "release", "invoice", "customer", "contract", "edit", "ingest", "other", "any"
]
Kind = Literal[
    "duplicate",
    "reorder",
    "lost_acknowledgement",
    "slow",
    "status",
    "rate_limited",
    "drop_before",
    "drop_after",
    "ignored",
]


class Fault(BaseModel):
    """One order to misbehave, `times` times, optionally only for one type, workflow or customer.

    On webhooks: `duplicate` sends twice; `reorder` lets the next webhook overtake;
    `lost_acknowledgement` delivers but treats the answer as lost; `slow` sends `seconds` of
    emulator time later; `drop_before` never arrives and is retried.
    On calls (`any` means any call): `slow` answers `seconds` of real time after the request took
    effect; `status` answers that status, without the effect unless `after`, and stores it under the
    idempotency key unless `stored` is false; `rate_limited` is a 429 with `retry_after` seconds;
    `drop_before` and `drop_after` close the connection before or after the effect;
    `ignored`, on `edit` alone, answers 200 without the effect, and its uniqueness key is used up.
    """

    model_config = ConfigDict(extra="forbid")
    on: Target
    kind: Kind
    times: Annotated[int, Field(ge=1)] = 1
    seconds: Annotated[Decimal, Field(ge=0, le=86_400)] = Decimal(1)
    status: Annotated[int, Field(ge=400, le=599)] = 500
    after: bool = False
    stored: bool = True
    retry_after: Annotated[int, Field(ge=0)] = 1
    type: str | None = None
    workflow_id: str | None = None
    customer_id: str | None = None

    @model_validator(mode="after")
    def _fits_its_target(self) -> "Fault":
        possible = WEBHOOK_KINDS if self.on == "webhook" else CALL_KINDS
        if self.kind not in possible:
            raise ValueError(f"{self.kind} is not possible on {self.on}; choose {possible}")
        if self.kind == "ignored" and self.on != "edit":
            raise ValueError("ignored is possible on edit alone")
        return self


@dataclass(frozen=True, slots=True)
class Sighting:
    """What comes along: a webhook or a call, and what it is about."""

    on: str
    type: str | None = None
    workflow_id: str | None = None
    customer_id: str | None = None

    def fits(self, fault: Fault) -> bool:
        """Tell whether the fault was ordered for something like this."""
        aimed = fault.on == self.on or (fault.on == "any" and self.on != "webhook")
        return (
            aimed
            and fault.type in (None, self.type)
            and fault.workflow_id in (None, self.workflow_id)
            and fault.customer_id in (None, self.customer_id)
        )


@dataclass(slots=True)
class FaultDesk:
    """Keep the orders; the oldest that fits is used first."""

    orders: list[Fault] = field(default_factory=list)

    def take(
        self, sighting: Sighting, *, unless: Callable[[Fault], bool] = lambda _fault: False
    ) -> Fault | None:
        """Use up one time of the oldest fitting fault; leave it as it is where `unless` holds."""
        fault = next((each for each in self.orders if sighting.fits(each)), None)
        if fault is None or unless(fault):
            return None
        fault.times -= 1
        if fault.times == 0:
            self.orders.remove(fault)
        return fault
