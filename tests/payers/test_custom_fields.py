"""Who pays, as custom fields say it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import CustomerId
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.payers.custom_fields import CustomFieldsPayers
from external_gate.payers.payer_source import PayerQuestion, PayerSurroundings
from external_gate.payers.source_registry import build_payer_source
from external_gate.settings.model import PayersSettings
from tests.metronome.conftest import StandingClock

PAYERS = CustomFieldsPayers(
    customer_field="customer", payment_method_field="method", gateway_field="gateway"
)
FULL = {"customer": "cus_1", "method": "pm_1", "gateway": "second"}


@pytest.mark.parametrize(
    ("contract", "customer", "payer"),
    [
        ({}, FULL, Payer("cus_1", "pm_1", "second")),
        (FULL, {}, Payer("cus_1", "pm_1", "second")),
        ({}, {"customer": "cus_1"}, Payer("cus_1", "")),
        ({"method": "pm_2"}, FULL, Payer("cus_1", "pm_2", "second")),
        ({"customer": "cus_2", "gateway": "third"}, FULL, Payer("cus_2", "pm_1", "third")),
        ({"customer": "  "}, FULL, Payer("cus_1", "pm_1", "second")),
        ({}, {"customer": " cus_1 "}, Payer("cus_1", "")),
        ({}, {}, None),
        ({}, {"method": "pm_1", "gateway": "second"}, None),
        ({}, {"Customer": "cus_1"}, None),
        ({"customer": "a\nb"}, FULL, None),
        ({}, {**FULL, "method": "x" * 256}, None),
    ],
)
async def test_each_field_comes_from_the_contract_else_from_the_customer(
    question: PayerQuestion,
    contract: Mapping[str, str],
    customer: Mapping[str, str],
    payer: Payer | None,
) -> None:
    asked = replace(question, contract_custom_fields=contract, customer_custom_fields=customer)

    assert await PAYERS.find(asked) == payer


async def test_default_settings_build_this_source(
    question: PayerQuestion, caller: HttpxCaller
) -> None:
    async def nobody(customer_id: CustomerId) -> Payer | None:
        raise AssertionError("custom fields do not ask the table")

    surroundings = PayerSurroundings(caller, StandingClock(), nobody)

    source = build_payer_source(PayersSettings(), surroundings)

    assert isinstance(source, CustomFieldsPayers)
    assert await source.find(question) == Payer("cus_1", "")
