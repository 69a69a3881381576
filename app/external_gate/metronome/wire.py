"""Metronome's API as bytes: requests from our words, records from its answers. Pure.

How a call ended is judged in `release_wire` and `client`.
"""

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from external_gate.domain.errors import Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.workflow import Verdict
from external_gate.metronome.answer_shapes import (
    ContractAnswer,
    CustomerAnswer,
    InvoiceAnswer,
    Shape,
)
from external_gate.metronome.billing import Contract, Customer, Invoice, InvoiceStatus
from external_gate.metronome.exact_json import read_object, write_object
from external_gate.outbound.calls import Answered

RELEASE_PATH = "/v1/contracts/commits/threshold-billing/release"
CONTRACT_PATH = "/v2/contracts/get"
EDIT_PATH = "/v2/contracts/edit"

LONGEST_COMPLAINT = 500
"""Characters of Metronome's own words that are kept: a sentence, never a page."""

ABSENT_CODES = frozenset({"CustomerNotFound", "ContractNotFound"})
"""What the v2 contract endpoints say, with a 400, where others answer 404."""


def customer_path(customer_id: CustomerId) -> str:
    """Give the path of a customer; ids are percent-encoded, they come from outside."""
    return f"/v1/customers/{_segment(customer_id)}"


def invoice_path(customer_id: CustomerId, invoice_id: InvoiceId) -> str:
    """Give the path of a customer's invoice."""
    return f"{customer_path(customer_id)}/invoices/{_segment(invoice_id)}"


def key_header(key: str) -> str:
    """Give an idempotency key as a header can carry it: ours for UUIDs is sent as it is."""
    return quote(key, safe="", errors="backslashreplace")


def release_body(workflow_id: WorkflowId, verdict: Verdict) -> bytes:
    """Write the release of a workflow; the endpoint takes nothing else, not even an amount."""
    return write_object({"workflow_id": workflow_id, "outcome": verdict.value})


def contract_body(customer_id: CustomerId, contract_id: ContractId) -> bytes:
    """Write the question for a contract.

    Without ledgers and balances, which are slow: the invoice schedule of each commit already names
    the invoice that pays for it.
    """
    return write_object({"customer_id": customer_id, "contract_id": contract_id})


def edit_body(
    customer_id: CustomerId,
    contract_id: ContractId,
    *,
    changes: Mapping[str, object],
    uniqueness_key: str | None,
) -> bytes:
    """Write an edit of a contract. Raises `BadInput` for changes that JSON cannot say exactly."""
    unique = {} if uniqueness_key is None else {"uniqueness_key": uniqueness_key}
    ours = {"customer_id": customer_id, "contract_id": contract_id}
    return write_object({**changes, **unique, **ours})


def read_invoice(body: bytes) -> Invoice:
    """Read an invoice, of whatever id and customer it is: comparing is the engine's.

    Raises `Unavailable` when anything that a charge depends on is missing or of another shape.
    """
    told = read_shape(InvoiceAnswer, body, subject="an invoice").data
    return Invoice(
        invoice_id=InvoiceId(told.id),
        customer_id=CustomerId(told.customer_id),
        contract_id=None if told.contract_id is None else ContractId(told.contract_id),
        status=status_of(told.status),
        total=told.total,
        credit_type_id=told.credit_type.id,
        credit_type_name=told.credit_type.name,
        customer_custom_fields=fields_of(told.customer_custom_fields),
        contract_custom_fields=fields_of(told.contract_custom_fields),
        commit_ids=frozenset(
            line.commit_id
            for line in told.line_items or ()
            # On lines of other types it names a commit that was drawn down, not one that is bought.
            if line.type == "commit_purchase" and line.commit_id is not None
        ),
    )


def read_customer(body: bytes) -> Customer:
    """Read a customer. Raises `Unavailable` for what is none."""
    told = read_shape(CustomerAnswer, body, subject="a customer").data
    return Customer(CustomerId(told.id), told.name, fields_of(told.custom_fields))


def read_contract(body: bytes) -> Contract:
    """Read a contract with its commits. Raises `Unavailable` for what is none.

    Metronome may cut the list of commits short (`has_more`), so a commit that is absent here proves
    nothing. A contract with two thresholds counts as enabled only when both are.
    """
    told = read_shape(ContractAnswer, body, subject="a contract").data
    commits = told.commits or []
    thresholds = (told.spend_threshold_configuration, told.prepaid_balance_threshold_configuration)
    switches = [threshold.is_enabled for threshold in thresholds if threshold is not None]
    return Contract(
        contract_id=ContractId(told.id),
        active_commit_ids=frozenset(each.id for each in commits if each.archived_at is None),
        invoices_of_commits={each.id: each.invoice_ids() for each in commits if each.invoice_ids()},
        custom_fields=fields_of(told.custom_fields),
        threshold_enabled=all(switches) if switches else None,
    )


def says_absent(answer: Answered) -> bool:
    """Tell whether Metronome itself says that something does not exist.

    Its refusals are always JSON; a 404 that is not comes from something in between, or from a wrong
    `metronome.base_url`, and proves nothing.
    """
    if answer.status not in {400, 404}:
        return False
    try:
        told = read_object(answer.body, subject="absence")
    except Unavailable:
        return False
    return answer.status == 404 or str(told.get("code")) in ABSENT_CODES


def complaint(answer: Answered, *, hide: str) -> str:
    """Give status and Metronome's words on one line, at most 500 characters, without `hide`."""
    said = _words(answer.body)
    if hide:
        said = said.replace(hide, "[hidden]")
    return _one_line(f"HTTP {answer.status} {said}")


def _words(body: bytes) -> str:
    """Give code and message of a refusal, or all of it when it is not shaped like one."""
    try:
        told = read_object(body, subject="a complaint")
    except Unavailable:
        told = {}
    named = [text for text in (told.get("code"), told.get("message")) if isinstance(text, str)]
    return ": ".join(named) or body.decode("utf-8", errors="replace")


def _one_line(outside: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in outside)
    return " ".join(shown.split())[:LONGEST_COMPLAINT]


def _segment(outside: str) -> str:
    # Dots too: a client or proxy would take "." and ".." for steps in the path.
    return quote(outside, safe="", errors="backslashreplace").replace(".", "%2E")


def status_of(told: str) -> InvoiceStatus:
    """Give an invoice's status; one that we do not know is `OTHER`."""
    try:
        return InvoiceStatus(told)
    except ValueError:
        return InvoiceStatus.OTHER


def fields_of(told: Mapping[str, str | None] | None) -> Mapping[str, str]:
    """Give the custom fields that have a value."""
    return {name: text for name, text in (told or {}).items() if text is not None}


Answer = TypeVar("Answer", bound=Shape)


def read_shape(model: type[Answer], body: bytes, *, subject: str) -> Answer:
    """Read an answer; raises `Unavailable` for another shape, and says where it differs."""
    told = read_object(body, subject=subject)
    try:
        return model.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        flaw = _one_line(f"{where}: {first['msg']}")
        raise Unavailable(f"Metronome's answer about {subject} is misshapen: {flaw}") from error
