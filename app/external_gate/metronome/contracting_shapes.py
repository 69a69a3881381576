"""The shapes of Metronome's answers around contracts: what a change depends on is demanded.

Source: `metronome-sdk` 4.12.0, `ContractV2`, `RateCardRetrieveResponse`, `Invoice`, read 2026-11.
"""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from external_gate.metronome.answer_shapes import (
    CommitShape,
    CreditTypeShape,
    CustomerShape,
    Shape,
    Text,
    Total,
)

Moment = Annotated[AwareDatetime, Field(strict=False)]


class Told(BaseModel):
    """A part of a configuration that is written back: what we do not know is kept."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", hide_input_in_errors=True)


class CommitTermsShape(Told):
    """What the commit of a threshold is made of."""

    product_id: Text
    name: str | None = None


class TaxShape(Told):
    """A tax that was worked out beforehand."""

    tax_amount: Total
    tax_name: str | None = None


class StripeShape(Told):
    """How Metronome charges through Stripe."""

    payment_type: Text


class GateShape(Told):
    """Who must say that the commit is paid."""

    payment_gate_type: Text
    tax_type: Text | None = None
    precalculated_tax_config: TaxShape | None = None
    stripe_config: StripeShape | None = None


class DiscountShape(Told):
    """What the customer pays of the amount."""

    payment_fraction: Total | None = None


class ThresholdConfigShape(Told):
    """A threshold configuration of either kind."""

    is_enabled: bool
    threshold_amount: Total
    recharge_to_amount: Total | None = None
    custom_credit_type_id: Text | None = None
    commit: CommitTermsShape
    payment_gate_config: GateShape
    discount_configuration: DiscountShape | None = None


class TermsShape(Shape):
    """A contract with its thresholds."""

    id: Text
    customer_id: Text
    name: str | None = None
    rate_card_id: Text | None = None
    starting_at: Moment
    ending_before: Moment | None = None
    archived_at: Moment | None = None
    uniqueness_key: str | None = None
    commits: list[CommitShape] | None = None
    spend_threshold_configuration: ThresholdConfigShape | None = None
    prepaid_balance_threshold_configuration: ThresholdConfigShape | None = None


class TermsAnswer(Shape):
    """The answer to `POST /v2/contracts/get`."""

    data: TermsShape


class TermsListAnswer(Shape):
    """The answer to `POST /v2/contracts/list`."""

    data: list[TermsShape]
    cursor: str | None = None


class NamedShape(Shape):
    """Whatever has an id."""

    id: Text


class EditsAnswer(Shape):
    """The answer to `POST /v2/contracts/getEditHistory`."""

    data: list[NamedShape]


class CreatedAnswer(Shape):
    """The answer to `POST /v1/contracts/create`."""

    data: NamedShape


class ConversionShape(Shape):
    """What a custom pricing unit costs."""

    custom_credit_type: CreditTypeShape
    fiat_per_custom_credit: Annotated[Total, Field(strict=False)]


class RateCardShape(Shape):
    """A rate card."""

    id: Text
    fiat_credit_type: CreditTypeShape | None = None
    credit_type_conversions: list[ConversionShape] | None = None


class RateCardAnswer(Shape):
    """The answer to `POST /v1/contract-pricing/rate-cards/get`."""

    data: RateCardShape


class CustomerListAnswer(Shape):
    """The answer to `GET /v1/customers`."""

    data: list[CustomerShape]
    next_page: str | None = None


class PurchaseLineShape(Shape):
    """A line of an invoice, with what it sells."""

    type: str | None = None
    product_id: Text | None = None


class PurchaseShape(Shape):
    """An invoice, as listings show it."""

    id: Text
    status: Text
    total: Total
    credit_type: CreditTypeShape
    issued_at: Moment | None = None
    line_items: list[PurchaseLineShape] | None = None


class PurchaseListAnswer(Shape):
    """The answer to `GET /v1/customers/{customer}/invoices`."""

    data: list[PurchaseShape]
    next_page: str | None = None
