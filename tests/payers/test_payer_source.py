"""What every payer has to be, whoever names it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.charge import Payer
from external_gate.domain.errors import BadInput
from external_gate.payers.payer_source import PayerQuestion, checked_payer


def test_white_space_around_ids_is_no_part_of_them() -> None:
    payer = checked_payer(customer=" cus_1\n", payment_method="\tpm_1", gateway=" ")

    assert payer == Payer(customer="cus_1", payment_method="pm_1", gateway=None)


@pytest.mark.parametrize("customer", ["", "  ", "a\nb", "a\0b", "\u202ecus", "x" * 256, "\ud800"])
def test_what_can_be_no_id_is_refused_without_repeating_it(customer: str) -> None:
    with pytest.raises(BadInput, match=r"^customer [a-z0-9 ]+$"):
        checked_payer(customer=customer)


@given(st.text(), st.text(), st.text())
def test_checked_payers_can_be_stored_and_shown(customer: str, method: str, gateway: str) -> None:
    try:
        payer = checked_payer(customer=customer, payment_method=method, gateway=gateway)
    except BadInput:
        return
    shown = f"{payer.customer}{payer.payment_method}{payer.gateway}"
    assert payer.customer
    assert payer.gateway != ""
    assert shown.isprintable()
    assert shown.encode()


def test_contract_fields_stand_before_customer_fields(question: PayerQuestion) -> None:
    assert question.custom_fields() == {"gateway_customer": "cus_1", "plan": "gold"}
