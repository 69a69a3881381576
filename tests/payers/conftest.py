"""The question of these tests, and the scripted server with which the client is tested too."""

import pytest

from external_gate.domain.identifiers import ContractId, CustomerId, WorkflowId
from external_gate.payers.payer_source import PayerQuestion
from tests.metronome.conftest import caller, server

__all__ = ["caller", "server"]


@pytest.fixture
def question() -> PayerQuestion:
    return PayerQuestion(
        workflow_id=WorkflowId("wf"),
        customer_id=CustomerId("cus"),
        contract_id=ContractId("con"),
        customer_custom_fields={"gateway_customer": "cus_1", "plan": "basic"},
        contract_custom_fields={"plan": "gold"},
    )
