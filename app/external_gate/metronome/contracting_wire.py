"""Contracts, rate cards and listings as bytes: paths and bodies, and records from answers. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlencode

from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId
from external_gate.metronome.billing import Customer
from external_gate.metronome.contracting import (
    ContractTerms,
    CustomUnit,
    Page,
    Purchase,
    RateCard,
    ThresholdConfig,
    ThresholdKind,
)
from external_gate.metronome.contracting_shapes import (
    CreatedAnswer,
    CustomerListAnswer,
    EditsAnswer,
    PurchaseListAnswer,
    PurchaseShape,
    RateCardAnswer,
    TermsAnswer,
    TermsListAnswer,
    TermsShape,
    ThresholdConfigShape,
)
from external_gate.metronome.exact_json import write_object
from external_gate.metronome.wire import customer_path, fields_of, read_shape, status_of

LIST_PATH = "/v2/contracts/list"
EDITS_PATH = "/v2/contracts/getEditHistory"
CREATE_PATH = "/v1/contracts/create"
RATE_CARD_PATH = "/v1/contract-pricing/rate-cards/get"

CONTRACTS_AT_ONCE = 20
"""The most that `/v2/contracts/list` gives; source: `metronome-sdk` 4.12.0."""

ROWS_AT_ONCE = 100
"""Customers and invoices on one page."""


def customers_path(following: str | None) -> str:
    """Give the path of a page of customers."""
    return "/v1/customers" + _query(following)


def invoices_path(customer_id: CustomerId, contract_id: ContractId, following: str | None) -> str:
    """Give the path of a page of a contract's invoices, newest first."""
    wanted = {"contract_id": contract_id, "type": "SCHEDULED", "sort": "date_desc"}
    return f"{customer_path(customer_id)}/invoices{_query(following, **wanted)}"


def contracts_body(customer_id: CustomerId, following: str | None) -> bytes:
    """Write the question for a page of a customer's contracts."""
    more = {} if following is None else {"cursor": following}
    return write_object({"customer_id": customer_id, "limit": CONTRACTS_AT_ONCE, **more})


def rate_card_body(rate_card_id: str) -> bytes:
    """Write the question for a rate card."""
    return write_object({"id": rate_card_id})


def create_body(
    customer_id: CustomerId, *, contract: Mapping[str, object], uniqueness_key: str
) -> bytes:
    """Write a new contract. Raises `BadInput` for what JSON cannot say exactly."""
    ours = {"customer_id": customer_id, "uniqueness_key": uniqueness_key}
    return write_object({**contract, **ours})


def read_terms(body: bytes) -> ContractTerms:
    """Read a contract with its thresholds. Raises `Unavailable` for what is none."""
    return _terms(read_shape(TermsAnswer, body, subject="a contract").data)


def read_contracts(body: bytes) -> Page[ContractTerms]:
    """Read a page of contracts."""
    told = read_shape(TermsListAnswer, body, subject="contracts")
    return Page([_terms(each) for each in told.data], told.cursor or None)


def read_edit_ids(body: bytes) -> frozenset[str]:
    """Read the ids of a contract's edits."""
    told = read_shape(EditsAnswer, body, subject="the edits of a contract")
    return frozenset(each.id for each in told.data)


def read_created(body: bytes) -> ContractId:
    """Read the id of a new contract."""
    return ContractId(read_shape(CreatedAnswer, body, subject="a new contract").data.id)


def read_rate_card(body: bytes) -> RateCard:
    """Read a rate card."""
    told = read_shape(RateCardAnswer, body, subject="a rate card").data
    fiat = told.fiat_credit_type
    units = tuple(
        CustomUnit(
            each.custom_credit_type.id, each.custom_credit_type.name, each.fiat_per_custom_credit
        )
        for each in told.credit_type_conversions or ()
    )
    return RateCard(
        rate_card_id=told.id,
        fiat_id=None if fiat is None else fiat.id,
        fiat_name=None if fiat is None else fiat.name,
        custom_units=units,
    )


def read_customers(body: bytes) -> Page[Customer]:
    """Read a page of customers."""
    told = read_shape(CustomerListAnswer, body, subject="customers")
    found = [
        Customer(CustomerId(each.id), each.name, fields_of(each.custom_fields))
        for each in told.data
    ]
    return Page(found, told.next_page or None)


def read_purchases(body: bytes) -> Page[Purchase]:
    """Read those invoices of a page that buy commits."""
    told = read_shape(PurchaseListAnswer, body, subject="invoices")
    found = [_purchase(each) for each in told.data]
    return Page([each for each in found if each.product_ids], told.next_page or None)


def _query(following: str | None, **wanted: str) -> str:
    more = {} if following is None else {"next_page": following}
    return "?" + urlencode({"limit": str(ROWS_AT_ONCE), **wanted, **more})


def _purchase(told: PurchaseShape) -> Purchase:
    bought = (line for line in told.line_items or () if line.type == "commit_purchase")
    return Purchase(
        invoice_id=InvoiceId(told.id),
        status=status_of(told.status),
        total=told.total,
        credit_type_id=told.credit_type.id,
        credit_type_name=told.credit_type.name,
        issued_at=told.issued_at,
        product_ids=frozenset(line.product_id for line in bought if line.product_id is not None),
    )


def _terms(told: TermsShape) -> ContractTerms:
    configs = {
        ThresholdKind.SPEND: told.spend_threshold_configuration,
        ThresholdKind.PREPAID: told.prepaid_balance_threshold_configuration,
    }
    active = (commit for commit in told.commits or () if commit.archived_at is None)
    return ContractTerms(
        customer_id=CustomerId(told.customer_id),
        contract_id=ContractId(told.id),
        name=told.name,
        rate_card_id=told.rate_card_id,
        starting_at=told.starting_at,
        ending_before=told.ending_before,
        archived_at=told.archived_at,
        uniqueness_key=told.uniqueness_key,
        thresholds={
            kind: _config(kind, config) for kind, config in configs.items() if config is not None
        },
        paid_invoices=frozenset(each for commit in active for each in commit.invoice_ids()),
    )


def _config(kind: ThresholdKind, told: ThresholdConfigShape) -> ThresholdConfig:
    gate, discount = told.payment_gate_config, told.discount_configuration
    tax, stripe = gate.precalculated_tax_config, gate.stripe_config
    fraction = None if discount is None else discount.payment_fraction
    return ThresholdConfig(
        kind=kind,
        is_enabled=told.is_enabled,
        threshold_amount=told.threshold_amount,
        recharge_to_amount=told.recharge_to_amount,
        custom_unit_id=told.custom_credit_type_id,
        product_id=told.commit.product_id,
        commit_name=told.commit.name,
        payment_fraction=Decimal(1) if fraction is None else fraction,
        gate=gate.payment_gate_type,
        tax_type=gate.tax_type or "NONE",
        tax_amount=None if tax is None else tax.tax_amount,
        tax_name=None if tax is None else tax.tax_name,
        stripe_payment_type=None if stripe is None else stripe.payment_type,
        told=told.model_dump(exclude_unset=True),
    )
