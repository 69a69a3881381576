"""The shapes of what clients send. What is not named here is accepted as given and echoed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from external_gate.emulator.records import ThresholdKind
from external_gate.emulator.refusals import invalid

Model = TypeVar("Model", bound=BaseModel)
CustomFields = dict[str, Annotated[str, Field(max_length=200)]]
UniquenessKey = Annotated[str, Field(min_length=1, max_length=128)]


class Lenient(BaseModel):
    """Keep unknown fields, so that a threshold reads back as it was written."""

    model_config = ConfigDict(extra="allow")


class ThresholdCommit(Lenient):
    """What the commit of a threshold is made of."""

    product_id: str
    name: str | None = None
    description: str | None = None
    priority: Decimal = Decimal(100)


class PrecalculatedTax(Lenient):
    """A tax that the caller worked out; it is kept and echoed, and not added to any total."""

    tax_amount: Decimal
    tax_name: str | None = None


class StripeConfig(Lenient):
    """How Metronome itself would charge through Stripe; this emulator says paid at once."""

    payment_type: Literal["INVOICE", "PAYMENT_INTENT"]


class PaymentGate(Lenient):
    """How the commit is gated; EXTERNAL is what this emulator is for."""

    payment_gate_type: Literal["NONE", "STRIPE", "EXTERNAL"]
    tax_type: Literal["NONE", "STRIPE", "ANROK", "PRECALCULATED"] = "NONE"
    precalculated_tax_config: PrecalculatedTax | None = None
    stripe_config: StripeConfig | None = None


class Discount(Lenient):
    """The fraction of the amount that the customer pays."""

    payment_fraction: Annotated[Decimal, Field(gt=0, le=1)] = Decimal(1)


class Threshold(Lenient):
    """What both configurations share. `amount`s are in the contract's Metronome unit."""

    is_enabled: bool
    threshold_amount: Annotated[Decimal, Field(ge=0)]
    commit: ThresholdCommit
    payment_gate_config: PaymentGate
    discount_configuration: Discount = Discount()
    custom_credit_type_id: str | None = None


class SpendThreshold(Threshold):
    """Charge the unbilled spend when it reaches `threshold_amount`."""


class PrepaidThreshold(Threshold):
    """Recharge to `recharge_to_amount` when the balance is below `threshold_amount`."""

    recharge_to_amount: Decimal


class ScheduleItem(Lenient):
    """One slice of a commit's balance."""

    amount: Annotated[Decimal, Field(gt=0)]


class AccessSchedule(Lenient):
    """When a commit's balance becomes usable; here at once."""

    schedule_items: list[ScheduleItem] = []


class StartingCommit(Lenient):
    """A commit that comes with the contract and is granted without an invoice."""

    product_id: str
    name: str | None = None
    priority: Decimal = Decimal(100)
    access_schedule: AccessSchedule = AccessSchedule()


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class NewCustomer(Lenient):
    """POST /v1/customers."""

    name: Annotated[str, Field(min_length=1)]
    ingest_aliases: list[str] = []
    external_id: str | None = None
    custom_fields: CustomFields = {}


class NewContract(Lenient):
    """POST /v1/contracts/create."""

    customer_id: str
    starting_at: Moment
    ending_before: Moment | None = None
    name: str | None = None
    rate_card_id: str | None = None
    rate_card_alias: str | None = None
    custom_fields: CustomFields = {}
    uniqueness_key: UniquenessKey | None = None
    commits: list[StartingCommit] = []
    spend_threshold_configuration: dict[str, object] | None = None
    prepaid_balance_threshold_configuration: dict[str, object] | None = None


class ContractEdit(BaseModel):
    """Only threshold edits are emulated; any other edit is refused instead of being ignored."""

    model_config = ConfigDict(extra="forbid")
    customer_id: str
    contract_id: str
    uniqueness_key: UniquenessKey | None = None
    add_spend_threshold_configuration: dict[str, object] | None = None
    update_spend_threshold_configuration: dict[str, object] | None = None
    add_prepaid_balance_threshold_configuration: dict[str, object] | None = None
    update_prepaid_balance_threshold_configuration: dict[str, object] | None = None


class ContractQuery(Lenient):
    """POST /v2/contracts/get."""

    customer_id: str
    contract_id: str
    include_balance: bool = False


class RateCardQuery(Lenient):
    """POST /v1/contract-pricing/rate-cards/get."""

    id: Annotated[str, Field(min_length=1)]


class CustomerQuery(Lenient):
    """Any listing in a POST body: `cursor` and `next_page` mean the same."""

    customer_id: str
    credit_type_id: str | None = None
    limit: Annotated[Decimal, Field(ge=1, le=100)] = Decimal(25)
    next_page: str | None = None
    cursor: str | None = None
    include_balance: bool = False


class UsageEvent(Lenient):
    """One event of POST /v1/ingest."""

    customer_id: str
    event_type: str
    timestamp: Moment
    transaction_id: Annotated[str, Field(min_length=1)]
    properties: dict[str, object] = {}


class FieldKey(Lenient):
    """POST /v1/customFields/addKey."""

    entity: str
    key: Annotated[str, Field(min_length=1)]
    enforce_uniqueness: bool = False


class FieldValues(Lenient):
    """POST /v1/customFields/setValues."""

    entity: str
    entity_id: str
    custom_fields: CustomFields


class Release(Lenient):
    """POST /v1/contracts/commits/threshold-billing/release."""

    workflow_id: Annotated[
        str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
    ]
    outcome: Literal["paid", "PAID", "failed", "FAILED"]


def read(model: type[Model], body: object, *, where: str = "") -> Model:
    """Give the body as `model`, or refuse it with a 400 that names the field."""
    try:
        return model.model_validate(body)
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False, include_context=False)[0]
        path = ".".join(str(part) for part in (*filter(None, [where]), *first["loc"]))
        raise invalid(f"{path or 'body'}: {first['msg']}") from failure


def read_threshold(kind: ThresholdKind, config: Mapping[str, object]) -> Threshold:
    """Give a whole threshold configuration, or refuse what Metronome or this emulator cannot do."""
    model = SpendThreshold if kind is ThresholdKind.SPEND else PrepaidThreshold
    threshold = read(model, config, where=kind.field_name)
    gate = threshold.payment_gate_config
    if gate.payment_gate_type == "STRIPE" and gate.stripe_config is None:
        raise invalid(f"{kind.field_name}: payment_gate_type STRIPE needs a stripe_config")
    if kind is ThresholdKind.SPEND and threshold.custom_credit_type_id is not None:
        raise invalid(f"{kind.field_name}: custom_credit_type_id belongs to prepaid balances")
    if (
        isinstance(threshold, PrepaidThreshold)
        and threshold.recharge_to_amount <= threshold.threshold_amount
    ):
        raise invalid(f"{kind.field_name}: recharge_to_amount must be above threshold_amount")
    return threshold
