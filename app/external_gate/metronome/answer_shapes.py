"""The shapes of Metronome's answers: what a charge depends on is demanded, the rest is let through.

Source: `metronome-sdk` 4.12.0, types `Invoice`, `CustomerDetail`, `ContractV2`, read 2026-11.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from external_gate.domain.identifiers import InvoiceId

LONGEST_TEXT = 200
"""Characters. Ids are UUIDs of 36; more than this is no id, and would not fit an index."""

MOST_DIGITS = 40
FARTHEST_EXPONENT = 20
"""Of a total: room for every price, and `1e999999999` costs nothing."""


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("is empty or has characters that cannot be printed")
    return text


def _believable(total: Decimal) -> Decimal:
    _, digits, exponent = total.as_tuple()
    if len(digits) > MOST_DIGITS or not isinstance(exponent, int):
        raise ValueError(f"has more than {MOST_DIGITS} digits")
    if abs(exponent) > FARTHEST_EXPONENT:
        raise ValueError("is out of range")
    return total


Text = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_printable)]
Total = Annotated[Decimal, AfterValidator(_believable)]
CustomFields = dict[str, str | None] | None
"""Anything but text is not understood: to drop it could charge another payer."""


class Shape(BaseModel):
    """An object of the API: no type is converted, fields that are not named are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class CreditTypeShape(Shape):
    """A pricing unit; it tells currency and denomination."""

    id: Text
    name: Text


class LineShape(Shape):
    """A line of an invoice."""

    type: str | None = None
    commit_id: Text | None = None


class InvoiceShape(Shape):
    """An invoice; without total or pricing unit it cannot be understood."""

    id: Text
    customer_id: Text
    contract_id: Text | None = None
    status: Text
    total: Total
    credit_type: CreditTypeShape
    customer_custom_fields: CustomFields = None
    contract_custom_fields: CustomFields = None
    line_items: list[LineShape] | None = None


class InvoiceAnswer(Shape):
    """The answer to `GET /v1/customers/{customer}/invoices/{invoice}`."""

    data: InvoiceShape


class CustomerShape(Shape):
    """A customer."""

    id: Text
    name: str
    custom_fields: CustomFields = None


class CustomerAnswer(Shape):
    """The answer to `GET /v1/customers/{customer}`."""

    data: CustomerShape


class ScheduleItemShape(Shape):
    """One payment for a commit."""

    invoice_id: Text | None = None


class InvoiceScheduleShape(Shape):
    """How a commit is paid for."""

    schedule_items: list[ScheduleItemShape] | None = None


class CommitShape(Shape):
    """A commit of a contract."""

    id: Text
    archived_at: str | None = None
    invoice_schedule: InvoiceScheduleShape | None = None

    def invoice_ids(self) -> frozenset[InvoiceId]:
        """Give the invoices that pay for it."""
        items = (self.invoice_schedule and self.invoice_schedule.schedule_items) or ()
        return frozenset(
            InvoiceId(item.invoice_id) for item in items if item.invoice_id is not None
        )


class ThresholdShape(Shape):
    """A threshold configuration of either kind."""

    is_enabled: bool


class ContractShape(Shape):
    """A contract; commits that are absent prove nothing, so a missing list is an empty one."""

    id: Text
    commits: list[CommitShape] | None = None
    custom_fields: CustomFields = None
    spend_threshold_configuration: ThresholdShape | None = None
    prepaid_balance_threshold_configuration: ThresholdShape | None = None


class ContractAnswer(Shape):
    """The answer to `POST /v2/contracts/get`."""

    data: ContractShape
