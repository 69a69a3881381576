"""A frozen charge comes back to the last letter, however little of it is written down."""

from dataclasses import replace
from typing import Any

import pytest

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import CustomerId, InvoiceId
from external_gate.stores.attempt_rows import attempt_values
from external_gate.stores.charge_documents import charge_from_row, charge_to_json
from external_gate.testkit.store_checks.store_samples import W1, attempt, facts

INVOICE = InvoiceId("invoice-7")
FACTS = facts(invoice_id=INVOICE)
USUAL = replace(
    attempt().charge,
    invoice_id=INVOICE,
    description=f"Invoice {INVOICE}",
    metadata={"workflow_id": W1, "invoice_id": INVOICE},
)
"""As the engine words it."""


def test_what_the_rows_say_already_is_not_written_again() -> None:
    assert charge_to_json(USUAL, FACTS) == (
        '{"payer":{"customer":"cus_1","payment_method":"pm_1"}}'
    )


def test_another_wording_is_written_with_names_for_the_ids() -> None:
    worded = replace(USUAL, description=f"Usage, invoice {INVOICE} of {W1}", metadata={})

    assert '"description":"Usage, invoice {invoice_id} of {workflow_id}"' in charge_to_json(
        worded, FACTS
    )


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"customer_id": CustomerId("of somebody else")},
        {"invoice_id": InvoiceId("")},
        {"invoice_id": InvoiceId(W1)},
        {"invoice_id": InvoiceId("{workflow_id}")},
        {"description": ""},
        {"description": "literally {invoice_id}"},
        {"description": f"{{{INVOICE}}}"},
        {"description": 'quoted "and" \\ broken {'},
        {"metadata": {}},
        {"metadata": {W1: "{workflow_id}", "{invoice_id}": W1}},
        {"payer": Payer(customer="c", payment_method="p", gateway="another")},
    ],
)
def test_every_charge_comes_back_as_it_was(other: dict[str, Any]) -> None:
    charge = replace(USUAL, **other)
    row = attempt_values(replace(attempt(), charge=charge), FACTS)

    assert charge_from_row(row, FACTS) == charge
